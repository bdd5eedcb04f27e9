//! Malformed HTTP requests.

use blackbox::{Fixture, Request, sample};

use super::{send_raw, still_serves};

/// Messages that must not be accepted as requests.
const INVALID: [(&str, &[u8]); 22] = [
    ("words", b"hello there\r\n\r\n"),
    ("a NUL", b"\0\0\0\0\r\n\r\n"),
    ("bytes", b"\xff\xfe\xfd\xfc\r\n\r\n"),
    ("the start of TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/0.9", b"GET /\r\n\r\n"),
    ("another version", b"GET / HTTP/3.0\r\nHost: x\r\n\r\n"),
    ("no version number", b"GET / HTTP/\r\nHost: x\r\n\r\n"),
    ("no method", b" / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a method with odd characters", b"G(E)T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a space in the target", b"GET /health /live HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a header without a colon", b"GET /health/live HTTP/1.1\r\nHost x\r\n\r\n"),
    ("a header without a name", b"GET /health/live HTTP/1.1\r\n: x\r\n\r\n"),
    ("a header with odd characters", b"GET /health/live HTTP/1.1\r\nHo st: x\r\n\r\n"),
    ("a NUL in a header", b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"),
    ("a negative length", b"POST /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    ("a length that is not a number", b"POST /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n"),
    ("a length out of range", b"POST /health/live HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
    ("two lengths", b"POST /health/live HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("two lengths in one", b"POST /health/live HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\nab"),
    ("an unknown transfer encoding", b"POST /health/live HTTP/1.1\r\nTransfer-Encoding: zip\r\n\r\nab"),
    ("chunked, but not last", b"POST /health/live HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\nab"),
];

/// Messages that may be refused or served, but must not cause a server error.
const UNUSUAL: [(&str, &[u8]); 9] = [
    ("bare line feeds", b"GET /health/live HTTP/1.1\nHost: x\n\n"),
    ("no host", b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n"),
    ("a folded header", b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nConnection: close\r\n\r\n"),
    ("an absolute target", b"GET http://other/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    ("an asterisk", b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    ("a tunnel", b"CONNECT carnelian.test:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    ("an upgrade", b"GET /health/live HTTP/1.1\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ("a length and chunks", b"POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("bytes in a header", b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: \xff\xfe\r\nConnection: close\r\n\r\n"),
];

#[test]
fn an_invalid_message_is_refused_or_the_connection_closed() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--timeouts-header-seconds", "2"]));
    for (case, bytes) in INVALID {
        if let Some(reply) = send_raw(&fixture.server, bytes, case) {
            assert!((400..500).contains(&reply.status), "{case}: {} {}", reply.status, reply.text());
        }
        still_serves(&fixture.server, case);
    }
}

#[test]
fn an_unusual_message_causes_no_server_error() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--timeouts-header-seconds", "2"]));
    for (case, bytes) in UNUSUAL {
        if let Some(reply) = send_raw(&fixture.server, bytes, case) {
            assert!(reply.status < 500, "{case}: {} {}", reply.status, reply.text());
        }
        still_serves(&fixture.server, case);
    }
}

#[test]
fn invalid_chunks_create_nothing() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--timeouts-body-seconds", "2"]));
    let customer = sample::minimal("Chunked", "Acme").to_string();
    let whole = format!("{:x}\r\n{customer}\r\n", customer.len());
    let head = Request::new("POST", blackbox::CUSTOMERS).login(&fixture.ada).json_bytes("").chunked().head();
    let cases = [
        ("not a number", format!("zz\r\n{customer}\r\n0\r\n\r\n")),
        ("a negative number", format!("-5\r\n{customer}\r\n0\r\n\r\n")),
        ("a number out of range", format!("fffffffffffffffffffff\r\n{customer}\r\n0\r\n\r\n")),
        ("a chunk longer than it says", format!("5\r\n{customer}\r\n0\r\n\r\n")),
        ("garbage after a chunk", format!("{whole}garbage\r\n\r\n")),
        ("no end", whole),
    ];
    for (case, body) in cases {
        if let Some(reply) = send_raw(&fixture.server, &[head.as_slice(), body.as_bytes()].concat(), case) {
            assert!((400..500).contains(&reply.status), "{case}: {} {}", reply.status, reply.text());
        }
        still_serves(&fixture.server, case);
    }
    fixture.client().create(&sample::minimal("Chunked", "Acme")).must_succeed("the name is still free");
}
