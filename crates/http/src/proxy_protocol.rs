//! Version 2 of the PROXY protocol: a proxy sends the address of its client before everything else.
//!
//! ```text
//! ┌──────────────┬───────────────────┬──────────────────┬────────┬──────────────────────────────────────────┐
//! │ signature    │ version ‖ command │ family ‖ protocol │ length │ source, destination, ports, extensions … │
//! │ 12 bytes     │ 1 byte            │ 1 byte            │ 2      │ length bytes                             │
//! └──────────────┴───────────────────┴──────────────────┴────────┴──────────────────────────────────────────┘
//! ```

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The most bytes after the fixed part: addresses, and extensions that are ignored.
const MAX_LENGTH: u16 = 4096;

/// Reads the header and returns the source address; `None` if the proxy speaks for itself, as for a health check.
pub(crate) async fn read_source(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut start = [0; 16];
    stream.read_exact(&mut start).await?;
    let [signature @ .., command, family, high, low] = start;
    let length = u16::from_be_bytes([high, low]);
    if signature != *SIGNATURE || length > MAX_LENGTH {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0; length.into()];
    stream.read_exact(&mut rest).await?;
    match command {
        0x20 => Ok(None),
        0x21 => source(family, &rest),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The source address, by its family; `None` for a family without IP addresses.
fn source(family: u8, addresses: &[u8]) -> io::Result<Option<IpAddr>> {
    let too_short = || io::Error::from(io::ErrorKind::InvalidData);
    let source = match family {
        // Source, destination and two ports: 12 bytes, or 36.
        0x11 => addresses.first_chunk::<12>().map(|[a, b, c, d, ..]| Ipv4Addr::from([*a, *b, *c, *d]).into()),
        0x21 => addresses
            .first_chunk::<36>()
            .and_then(|all| all.first_chunk::<16>())
            .map(|source| Ipv6Addr::from(*source).into()),
        _ => return Ok(None),
    };
    source.map(|source: IpAddr| Some(source.to_canonical())).ok_or_else(too_short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("a short header").to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// What is read of a header that a request follows, and that request.
    async fn read(header: &[u8]) -> Option<(Option<String>, Vec<u8>)> {
        let bytes = [header, b"GET"].concat();
        let mut stream = &bytes[..];
        let source = read_source(&mut stream).await.ok()?;
        Some((source.map(|address| address.to_string()), stream.to_vec()))
    }

    #[tokio::test]
    async fn the_source_is_read_and_nothing_after_the_header() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 3, 0x12, 0x34, 0x1f, 0x90];
        let mut v6 = [0; 36];
        v6[..2].copy_from_slice(&[0x20, 0x01]);
        v6[15] = 7;
        let with_extensions = [&v4[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (header, source) in [
            (header(0x21, 0x11, &v4), Some("192.0.2.7")),
            (header(0x21, 0x11, &with_extensions), Some("192.0.2.7")),
            (header(0x21, 0x21, &v6), Some("2001::7")),
            (header(0x20, 0x00, &[]), None),
            (header(0x20, 0x11, &v4), None),
            (header(0x21, 0x00, &[]), None),
            (header(0x21, 0x31, &[0; 216]), None),
        ] {
            assert_eq!(read(&header).await, Some((source.map(str::to_owned), b"GET".to_vec())), "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_an_error() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 3, 0x12, 0x34, 0x1f, 0x90];
        let good = header(0x21, 0x11, &v4);
        let mut other_signature = good.clone();
        other_signature[4] = b'X';
        for header in [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.3 4711 80\r\n".to_vec(),
            other_signature,
            header(0x11, 0x11, &v4),
            header(0x22, 0x11, &v4),
            header(0x21, 0x11, &v4[..11]),
            header(0x21, 0x21, &[0; 35]),
            header(0x20, 0x00, &[0; 4097]),
        ] {
            assert_eq!(read(&header).await, None, "{header:?}");
        }
        assert!(read_source(&mut &good[..good.len() - 1]).await.is_err(), "the header ends early");
    }
}
