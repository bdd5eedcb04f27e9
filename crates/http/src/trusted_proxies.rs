//! The address of a client that is behind proxies.
//!
//! A proxy appends the address of its peer to a header, or sends it before everything else on the connection ([PROXY
//! protocol](crate::proxy_protocol)). The left part of a header is what the client itself sent, so the header is read
//! from the right, and as long as the address reached is that of a trusted proxy:
//!
//! ```text
//! X-Forwarded-For: 10.1.1.1, 192.0.2.7, 10.0.0.2      peer: 10.0.0.3      trusted: 10.0.0.0/16
//!                  forged    client     proxy               proxy
//! ```

use carnelian_domain::AddressRange;
use hyper::{HeaderMap, header::HeaderName};
use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

/// How proxies pass on the address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The header `X-Forwarded-For`: a list of addresses.
    XForwardedFor,
    /// The header `Forwarded` of RFC 7239.
    Forwarded,
    /// Version 2 of the PROXY protocol.
    ProxyV2,
}

/// The proxies that are trusted to pass on the addresses of clients.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    ranges: Arc<[AddressRange]>,
    header: ProxyHeader,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl TrustedProxies {
    /// Trusts the proxies with these addresses.
    pub fn new(ranges: &[AddressRange], header: ProxyHeader) -> TrustedProxies {
        TrustedProxies { ranges: ranges.into(), header }
    }

    /// Whether the address is that of a trusted proxy.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether connections from the address begin with a header of the PROXY protocol.
    pub(crate) fn send_proxy_header(&self, address: IpAddr) -> bool {
        self.header == ProxyHeader::ProxyV2 && self.contains(address)
    }

    /// The address of the client of a request on a connection from `peer`.
    ///
    /// It is that of the last trusted proxy if that proxy passed on none.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let mut passed_on = self.passed_on(headers);
        while self.contains(client)
            && let Some(Some(address)) = passed_on.next()
        {
            client = address;
        }
        client
    }

    /// The addresses of a request's header, the last one first. One that cannot be read is `None`.
    fn passed_on(&self, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
        let (name, read): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ProxyHeader::XForwardedFor => (Some(X_FORWARDED_FOR), node_address),
            ProxyHeader::Forwarded => (Some(hyper::header::FORWARDED), forwarded_for),
            ProxyHeader::ProxyV2 => (None, |_| None),
        };
        let values = name.into_iter().flat_map(|name| headers.get_all(name).iter().rev());
        // Bytes that are no text make the value one element that cannot be read.
        let elements = values.flat_map(|value| split_from_right(value.to_str().unwrap_or("?"), ','));
        elements.map(str::trim).filter(|element| !element.is_empty()).map(read)
    }
}

/// The parts of a list, the last one first, separated outside of quoted strings.
///
/// Read from the right, because a quote that the client did not close must not hide what a proxy appended.
fn split_from_right(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_quoted = false;
        let at = text.rfind(|character| {
            is_quoted ^= character == '"';
            character == separator && !is_quoted
        });
        rest = at.map(|at| &text[..at]);
        Some(at.map_or(text, |at| &text[at + separator.len_utf8()..]))
    })
}

/// The address in the `for` parameter of an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = split_from_right(element, ';').filter_map(|pair| pair.trim().split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, node)| node);
    let node = nodes.next()?;
    // A parameter that is repeated is malformed.
    nodes.next().is_none().then_some(())?;
    node_address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
}

/// An address such as `192.0.2.7`, `2001:db8::7` or `[2001:db8::7]`, with or without a port.
fn node_address(node: &str) -> Option<IpAddr> {
    let without_port = match node.strip_prefix('[') {
        Some(node) => node.split_once(']')?.0,
        None => match node.split_once(':') {
            Some((address, port)) if !port.contains(':') => address,
            _ => node,
        },
    };
    without_port.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

impl FromStr for ProxyHeader {
    type Err = ();

    fn from_str(text: &str) -> Result<ProxyHeader, ()> {
        [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded, ProxyHeader::ProxyV2]
            .into_iter()
            .find(|header| header.name() == text)
            .ok_or(())
    }
}

impl fmt::Display for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ProxyHeader {
    fn name(self) -> &'static str {
        match self {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
            ProxyHeader::ProxyV2 => "proxy-v2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// The client of a request with these header lines, by the two proxies 10.0.0.3 and 2001:db8:1::3.
    fn client(header: ProxyHeader, peer: &str, lines: &[&str]) -> String {
        let ranges = ["10.0.0.0/16", "2001:db8:1::/48"].map(|range| range.parse().expect("a range"));
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header line");
            let value = hyper::header::HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            headers.append(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value);
        }
        TrustedProxies::new(&ranges, header).client(address(peer), &headers).to_string()
    }

    #[test]
    fn a_list_is_read_from_the_right_as_long_as_proxies_are_trusted() {
        for (lines, expected) in [
            (&["x-forwarded-for: 192.0.2.7"][..], "192.0.2.7"),
            (&["x-forwarded-for: 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            (&["x-forwarded-for: 10.1.1.1, 192.0.2.7 ,10.0.0.2,"], "192.0.2.7"),
            (
                &["x-forwarded-for: 198.51.100.1", "x-forwarded-for: 192.0.2.7", "x-forwarded-for: 10.0.0.2"],
                "192.0.2.7",
            ),
            (&["x-forwarded-for: 192.0.2.7:4711"], "192.0.2.7"),
            (&["x-forwarded-for: 2001:db8::7"], "2001:db8::7"),
            (&["x-forwarded-for: [2001:db8::7]:4711, 2001:db8:1::9"], "2001:db8::7"),
            (&["x-forwarded-for: ::ffff:192.0.2.7"], "192.0.2.7"),
            (&["x-forwarded-for: 10.0.0.9, 10.0.0.2"], "10.0.0.9"),
            (&["x-forwarded-for: 192.0.2.7, unknown"], "10.0.0.3"),
            (&["x-forwarded-for: 192.0.2.7, \u{e9}, 10.0.0.2"], "10.0.0.3"),
            (&["x-forwarded-for: 192.0.2.7, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["forwarded: for=192.0.2.7"], "10.0.0.3"),
            (&[], "10.0.0.3"),
        ] {
            assert_eq!(client(ProxyHeader::XForwardedFor, "10.0.0.3", lines), expected, "{lines:?}");
            assert_eq!(client(ProxyHeader::XForwardedFor, "10.1.0.3", lines), "10.1.0.3", "not trusted: {lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_by_its_grammar_and_a_quote_left_open_hides_nothing() {
        for (lines, expected) in [
            (&["forwarded: for=192.0.2.7"][..], "192.0.2.7"),
            (&["forwarded: For=\"192.0.2.7:80\";proto=https;by=10.0.0.3"], "192.0.2.7"),
            (&["forwarded: by=\"[2001:db8:1::1]\"; for=\"[2001:db8::7]:80\", for=10.0.0.2"], "2001:db8::7"),
            (&["forwarded: for=198.51.100.1;host=\"a,b;for=1.2.3.4\", for=192.0.2.7;host=\"c;d,e\""], "192.0.2.7"),
            (&["forwarded: for=\"198.51.100.1, for=192.0.2.7"], "192.0.2.7"),
            (&["forwarded: for=\"198.51.100.1", "forwarded: for=192.0.2.7"], "192.0.2.7"),
            (&["forwarded: for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            (&["forwarded: for=192.0.2.7;for=192.0.2.8"], "10.0.0.3"),
            (&["forwarded: by=192.0.2.7"], "10.0.0.3"),
            (&["x-forwarded-for: 192.0.2.7"], "10.0.0.3"),
        ] {
            assert_eq!(client(ProxyHeader::Forwarded, "10.0.0.3", lines), expected, "{lines:?}");
        }
        let both = ["forwarded: for=192.0.2.7", "x-forwarded-for: 192.0.2.7"];
        assert_eq!(client(ProxyHeader::ProxyV2, "10.0.0.3", &both), "10.0.0.3", "only the PROXY protocol counts");
    }
}
