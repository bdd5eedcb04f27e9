//! Malformed requests, and requests that are too large or too slow.

mod malformed;
mod sizes;
mod slowness;

use blackbox::connection::is_silence;
use blackbox::{Connection, Fixture, Reply, Request, Server, sample};

/// Sends bytes on a new connection, and returns the reply, or `None` if the connection was closed.
#[track_caller]
fn send_raw(server: &Server, bytes: &[u8], case: &str) -> Option<Reply> {
    let mut connection = Connection::open(server.address()).expect("the server accepts connections");
    // The server may close before it has read everything.
    let _ = connection.send_bytes(bytes);
    match connection.receive("GET", "-") {
        Ok(reply) => Some(reply),
        Err(error) => {
            assert!(!is_silence(&error), "{case}: no reply, and the connection is open");
            assert_ne!(error.kind(), std::io::ErrorKind::InvalidData, "{case}: {error}");
            None
        }
    }
}

/// Asserts that the server still responds.
#[track_caller]
fn still_serves(server: &Server, case: &str) {
    server.client().get("/health/live").must_succeed(&format!("a request after {case}"));
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let fixture = Fixture::start();
    let request = Request::new("POST", blackbox::CUSTOMERS).login(&fixture.ada).json(&sample::full("Pieces", "Acme"));
    for request in [request.clone().json(&sample::full("Chunks", "Acme")).chunked(), request] {
        let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
        for byte in request.bytes() {
            connection.send_bytes(&[byte]).expect("the server reads");
        }
        let reply = connection.receive("POST", blackbox::CUSTOMERS).expect("the server responds");
        reply.must_succeed("a request byte by byte");
    }
}

#[test]
fn pipelined_requests_get_responses_in_order() {
    let fixture = Fixture::start();
    let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
    let targets: Vec<_> = (0..10).map(|number| format!("/rws/api/v1/echo/{number}")).collect();
    let requests = targets.iter().map(|target| Request::new("GET", target).login(&fixture.ada).bytes());
    connection.send_bytes(&requests.collect::<Vec<_>>().concat()).expect("the server reads");
    for (number, target) in targets.iter().enumerate() {
        let reply = connection.receive("GET", target).expect("the server responds");
        assert_eq!(reply.json()["context"], number.to_string());
    }
}

#[test]
fn a_connection_can_be_used_after_an_error() {
    let fixture = Fixture::start();
    let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
    for (number, body) in ["{", "", "[]", "{}"].iter().enumerate() {
        let bad = Request::new("POST", blackbox::CUSTOMERS).login(&fixture.ada).json_bytes(*body);
        assert_eq!(connection.exchange(&bad).expect("the server responds").status, 400);
        let good = sample::minimal(&format!("After {number}"), "Acme");
        let good = Request::new("POST", blackbox::CUSTOMERS).login(&fixture.ada).json(&good);
        connection.exchange(&good).expect("the connection stays open").must_succeed("a good request after a bad one");
    }
}

#[test]
fn a_request_that_is_aborted_has_no_effect() {
    let fixture = Fixture::start();
    let request = Request::new("POST", blackbox::CUSTOMERS).login(&fixture.ada).json(&sample::minimal("Gone", "Acme"));
    let bytes = request.bytes();
    for length in [1, 20, request.head().len(), bytes.len() - 1] {
        let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
        connection.send_bytes(&bytes[..length]).expect("the server reads");
        drop(connection);
        still_serves(&fixture.server, "an aborted request");
    }
    fixture.client().create(&sample::minimal("Gone", "Acme")).must_succeed("the name is still free");
}
