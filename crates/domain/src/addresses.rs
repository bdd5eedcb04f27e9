//! Ranges of IP addresses, such as `192.0.2.0/24` or `2001:db8::/32`.

use crate::ids::digits;
use ipnet::{IpNet, Ipv4Net};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

/// A range of IP addresses, kept in canonical form: the first address of the range, and an IPv4-mapped IPv6 range as the
/// IPv4 range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Whether it contains every address of its family.
    pub fn is_everything(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

/// The length of the prefix of IPv4-mapped IPv6 addresses, in bits.
const MAPPED_PREFIX: u8 = 96;

/// The part of an IPv6 address that names its network.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// The address under which a client is counted: an IPv4 address, or the network of an IPv6 address, because a client usually
/// has all addresses of one.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
    }
}

impl AddressRange {
    /// Whether the range contains an address. An IPv4 address and the IPv6 address that maps it are the same.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AddressRange {
    type Err = String;

    /// Parses a range or a single address. Bits after the prefix are ignored.
    fn from_str(text: &str) -> Result<AddressRange, String> {
        let range = parse(text).map(canonical);
        range.ok_or_else(|| format!("{text:?} is not an address range such as 192.0.2.0/24 or 2001:db8::/32"))
    }
}

fn parse(text: &str) -> Option<IpNet> {
    match text.split_once('/') {
        Some((address, prefix)) => IpNet::new(address.parse().ok()?, digits(prefix)?.try_into().ok()?).ok(),
        None => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

fn canonical(range: IpNet) -> AddressRange {
    let mapped = match range {
        IpNet::V4(_) => None,
        IpNet::V6(range) => range.prefix_len().checked_sub(MAPPED_PREFIX).zip(range.addr().to_ipv4_mapped()),
    };
    let mapped = mapped.and_then(|(prefix, address)| Ipv4Net::new(address, prefix).ok());
    AddressRange(mapped.map_or(range, IpNet::from).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        let range: AddressRange = range.parse().expect("a range");
        range.contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_range_contains_the_addresses_with_its_prefix() {
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("10.0.0.0/9", "10.127.255.255") && !contains("10.0.0.0/9", "10.128.0.0"));
        assert!(contains("0.0.0.0/0", "255.255.255.255") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1") && !contains("2001:db8::/33", "2001:db8:8000::"));
        assert!(contains("::/0", "ffff::") && !contains("::/0", "127.0.0.1"));
    }

    #[test]
    fn a_single_address_is_a_range_of_one() {
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("::1", "::1") && !contains("::1", "::2"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"), "the same address");
        assert!(contains("::ffff:127.0.0.1", "127.0.0.1"), "the same address");
        assert!(contains("::ffff:192.0.2.0/120", "192.0.2.7") && !contains("::ffff:192.0.2.0/120", "192.0.3.7"));
    }

    #[test]
    fn a_client_is_counted_by_its_ipv4_address_or_by_the_64_bits_of_its_ipv6_network() {
        let network = |address: &str| network_of(address.parse().expect("an address")).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:3::6"), "2001:db8:1:3::");
    }

    #[test]
    fn a_range_is_formatted_with_its_first_address() {
        for (text, written) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:DB8::1/32", "2001:db8::/32"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ] {
            assert_eq!(text.parse::<AddressRange>().map(|range| range.to_string()), Ok(written.to_owned()));
        }
        for bad in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "::1%lo",
            "acme",
            "10.0.0.0/256",
        ] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad:?}");
        }
    }
}
