//! Ranges of addresses, as in `192.0.2.0/24` or `2001:db8::/32`.

use std::{fmt, net::IpAddr, str::FromStr};

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first of them.
    first: IpAddr,
    /// How many bits they have in common.
    bits: u8,
}

/// The bits in front of an IPv4 address that is written as an IPv6 address.
const MAPPED: u8 = 96;

impl AddressRange {
    /// Whether an address is in the range. An IPv4 address is the same, however it is written.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(_), address @ IpAddr::V4(_)) | (IpAddr::V6(_), address @ IpAddr::V6(_)) => {
                first_of(address, self.bits) == self.first
            }
            _ => false,
        }
    }
}

/// The first address that has the same first bits.
fn first_of(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & mask_v4(bits)).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & mask_v6(bits)).into()),
    }
}

fn mask_v4(bits: u8) -> u32 {
    u32::MAX.checked_shl(u32::BITS.saturating_sub(bits.into())).unwrap_or(0)
}

fn mask_v6(bits: u8) -> u128 {
    u128::MAX.checked_shl(u128::BITS.saturating_sub(bits.into())).unwrap_or(0)
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl FromStr for AddressRange {
    type Err = String;

    /// Reads a range, or a single address; bits beyond those in common count for nothing. IPv4 addresses written as IPv6,
    /// as in `::ffff:192.0.2.0/120`, are the same range as if they were not.
    fn from_str(text: &str) -> Result<AddressRange, String> {
        let expected = || format!("{text:?} is no address range, as in 192.0.2.0/24 or 2001:db8::/32");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let plain = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => most,
            Some(bits) => Some(bits).filter(plain).and_then(|bits| bits.parse().ok()).ok_or_else(expected)?,
        };
        let (address, bits) = match address.to_canonical() {
            canonical @ IpAddr::V4(_) if address.is_ipv6() && bits >= MAPPED && bits <= most => {
                (canonical, bits - MAPPED)
            }
            _ => (address, bits),
        };
        if bits > most { Err(expected()) } else { Ok(AddressRange { first: first_of(address, bits), bits }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        let range: AddressRange = range.parse().expect("a range");
        range.contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_range_ends_where_its_bits_do() {
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
    fn a_range_is_written_with_its_first_address() {
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
