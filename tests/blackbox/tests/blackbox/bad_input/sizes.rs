//! Requests that are too large.

use blackbox::problems::BODY_TOO_LARGE;
use blackbox::{CUSTOMERS, Connection, Fixture, Request, sample};

use super::{send_raw, still_serves};

/// A valid body of exactly `length` bytes.
fn padded(name: &str, length: usize) -> String {
    let body = sample::minimal(name, "Acme").to_string();
    let padding = " ".repeat(length - body.len());
    body + &padding
}

#[test]
fn a_body_may_have_64_kib_and_no_more() {
    let fixture = Fixture::start();
    check(&fixture, 65_536);
}

#[test]
fn the_limit_can_be_configured() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--limits-body-bytes", "1000"]));
    check(&fixture, 1000);
}

fn check(fixture: &Fixture, limit: usize) {
    let post = |name: &str, length| Request::new("POST", CUSTOMERS).json_bytes(padded(name, length));
    let client = fixture.client();
    client.send(post("Announced", limit)).must_succeed("an announced body at the limit");
    client.send(post("Chunked", limit).chunked()).must_succeed("a chunked body at the limit");
    client.send(post("A", limit + 1)).must_be(&BODY_TOO_LARGE, "an announced body beyond the limit");
    fixture.client().send(post("A", limit + 1).chunked()).must_be(&BODY_TOO_LARGE, "a chunked body beyond the limit");
    still_serves(&fixture.server, "bodies that are too large");
}

#[test]
fn an_oversized_body_is_refused_before_its_end() {
    let fixture = Fixture::start();
    let endless = Request::new("POST", CUSTOMERS).login(&fixture.ada).header("Content-Length", "10000000000");
    let start = [endless.bytes(), vec![b' '; 4 << 20]].concat();
    let reply = send_raw(&fixture.server, &start, "the start of ten gigabytes").expect("a reply");
    reply.must_be(&BODY_TOO_LARGE, "the start of ten gigabytes");
}

#[test]
fn a_client_that_expects_a_100_is_refused_by_its_content_length() {
    let fixture = Fixture::start();
    let large = Request::new("POST", CUSTOMERS).login(&fixture.ada).header("Expect", "100-continue");
    let large = large.header("Content-Length", "10000000000");
    let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
    connection.send_bytes(&large.head()).expect("the server reads");
    let reply = connection.receive_one("POST").expect("the server responds");
    reply.must_be(&BODY_TOO_LARGE, "ten gigabytes announced");
}

#[test]
fn a_client_that_expects_a_100_gets_it() {
    let fixture = Fixture::start();
    let request = Request::new("POST", CUSTOMERS).login(&fixture.ada).header("Expect", "100-continue");
    let request = request.json(&sample::minimal("Patient", "Acme"));
    let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
    connection.send_bytes(&request.head()).expect("the server reads");
    assert_eq!(connection.receive_one("POST").expect("the server responds").status, 100);
    connection.send_bytes(&request.encoded_body()).expect("the server reads");
    connection.receive("POST", CUSTOMERS).expect("the server responds").must_succeed("a body sent after the 100");
}

#[test]
fn headers_and_targets_that_are_too_large_are_refused() {
    let fixture = Fixture::start();
    let many: String = (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect();
    let cases = [
        ("a header of a megabyte", format!("GET /health/live HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(1 << 20))),
        ("a header name of a megabyte", format!("GET /health/live HTTP/1.1\r\n{}: y\r\n\r\n", "x".repeat(1 << 20))),
        ("ten thousand headers", format!("GET /health/live HTTP/1.1\r\n{many}\r\n")),
        ("a target of a megabyte", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1 << 20))),
        ("a target of 70,000 bytes", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000))),
        ("a query of 70,000 bytes", format!("GET /health/live?{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000))),
        ("a method of a megabyte", format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "X".repeat(1 << 20))),
    ];
    for (case, bytes) in cases {
        if let Some(reply) = send_raw(&fixture.server, bytes.as_bytes(), case) {
            assert!((400..500).contains(&reply.status), "{case}: {} {}", reply.status, reply.text());
        }
        still_serves(&fixture.server, case);
    }
}
