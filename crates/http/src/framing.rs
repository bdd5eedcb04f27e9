//! Refuses requests that two HTTP parsers could read differently.
//!
//! hyper refuses what it cannot parse. A request that hyper parses in one way and a proxy in front of the server in
//! another one allows request smuggling: the proxy takes a part of one request for the next one.

use carnelian_domain::Problem;
use hyper::{
    HeaderMap, Method, Uri, Version,
    header::{HOST, TRANSFER_ENCODING},
    http::{request::Parts, uri::Authority},
};

/// Refuses a request whose target, host or transfer encoding is ambiguous.
pub(crate) fn check(parts: &Parts) -> Result<(), Problem> {
    let is_clear = has_one_host(&parts.headers, parts.version)
        && is_at_most_chunked(&parts.headers)
        && target_fits(&parts.method, &parts.uri);
    if is_clear { Ok(()) } else { Err(Problem::MalformedRequest) }
}

/// HTTP/1.1 requires one `Host`, and HTTP/1.0 allows one.
fn has_one_host(headers: &HeaderMap, version: Version) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version == Version::HTTP_10,
        (Some(host), None) => host.is_empty() || is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// Whether a text is a name or an address, with or without a port.
fn is_host(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok()
}

/// `chunked` is the only transfer encoding that the server decodes.
fn is_at_most_chunked(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = encodings.next().is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    chunked && encodings.next().is_none()
}

/// Whether the target has a form that RFC 9112 allows for the method: only CONNECT has an authority, only OPTIONS has `*`.
fn target_fits(method: &Method, target: &Uri) -> bool {
    let only_host = target.scheme().is_none() && target.authority().is_some();
    match *method {
        Method::CONNECT => only_host,
        Method::OPTIONS => !only_host,
        _ => !only_host && target.path() != "*",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn checked(method: &str, target: &str, version: Version, headers: &[(&str, &str)]) -> bool {
        let request = Request::builder().method(method).uri(target).version(version);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        check(&request.body(()).expect("a request").into_parts().0).is_ok()
    }

    #[test]
    fn http_1_1_requires_one_host_and_http_1_0_allows_one() {
        let host = |version, hosts: &[&str]| {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            checked("GET", "/", version, &headers)
        };
        for good in ["a.example", "a.example:80", "[::1]:80", "127.0.0.1", ""] {
            assert!(host(Version::HTTP_11, &[good]), "{good}");
        }
        for bad in ["a b", "a/b", "a, b", "u@a", "a:b:c"] {
            assert!(!host(Version::HTTP_11, &[bad]), "{bad}");
        }
        assert!(!host(Version::HTTP_11, &[]));
        assert!(host(Version::HTTP_10, &[]));
        assert!(!host(Version::HTTP_11, &["a", "a"]));
        assert!(!host(Version::HTTP_10, &["a", "a"]));
    }

    #[test]
    fn chunked_is_the_only_transfer_encoding() {
        let encoding = |encodings: &[&str]| {
            let encodings = encodings.iter().map(|encoding| ("transfer-encoding", *encoding));
            let headers: Vec<_> = [("host", "a")].into_iter().chain(encodings).collect();
            checked("POST", "/", Version::HTTP_11, &headers)
        };
        assert!(encoding(&[]) && encoding(&["chunked"]) && encoding(&["Chunked"]));
        for bad in [&["gzip, chunked"][..], &["identity, chunked"], &["chunked, chunked"], &["gzip", "chunked"]] {
            assert!(!encoding(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_target_has_a_form_that_its_method_allows() {
        let target = |method, target| checked(method, target, Version::HTTP_11, &[("host", "a")]);
        assert!(target("GET", "/x") && target("GET", "http://a/x") && target("OPTIONS", "*"));
        assert!(target("CONNECT", "a:443"));
        for (method, bad) in [("GET", "*"), ("GET", "a:443"), ("OPTIONS", "a:443"), ("CONNECT", "/x")] {
            assert!(!target(method, bad), "{method} {bad}");
        }
    }
}
