//! What is no request, what is too large, and what is too slow.

mod malformed;
mod sizes;
mod slowness;

use blackbox::connection::is_silence;
use blackbox::{Connection, Reply, Request, Server, Site, sample};

/// Sends bytes on a connection of their own; the answer, or nothing if the connection was closed.
#[track_caller]
fn provoke(server: &Server, bytes: &[u8], case: &str) -> Option<Reply> {
    let mut connection = Connection::open(server.address()).expect("the server accepts connections");
    // The server may close before it has read everything.
    let _ = connection.send_bytes(bytes);
    match connection.receive("GET", "-") {
        Ok(reply) => Some(reply),
        Err(error) => {
            assert!(!is_silence(&error), "{case}: neither answered nor closed");
            assert_ne!(error.kind(), std::io::ErrorKind::InvalidData, "{case}: {error}");
            None
        }
    }
}

/// Asserts that the server still answers.
#[track_caller]
fn still_serves(server: &Server, case: &str) {
    server.client().get("/health/live").must_succeed(&format!("a request after {case}"));
}

#[test]
fn a_request_may_come_in_the_smallest_pieces() {
    let site = Site::start();
    let request = Request::new("POST", blackbox::CUSTOMERS).login(&site.ada).json(&sample::full("Pieces", "Acme"));
    for request in [request.clone().json(&sample::full("Chunks", "Acme")).chunked(), request] {
        let mut connection = Connection::open(site.server.address()).expect("the server accepts connections");
        for byte in request.bytes() {
            connection.send_bytes(&[byte]).expect("the server reads on");
        }
        let reply = connection.receive("POST", blackbox::CUSTOMERS).expect("the server answers");
        reply.must_succeed("a request in pieces");
    }
}

#[test]
fn requests_sent_together_are_answered_in_order_on_one_connection() {
    let site = Site::start();
    let mut connection = Connection::open(site.server.address()).expect("the server accepts connections");
    let targets: Vec<_> = (0..10).map(|number| format!("/rws/api/v1/echo/{number}")).collect();
    let requests = targets.iter().map(|target| Request::new("GET", target).login(&site.ada).bytes());
    connection.send_bytes(&requests.collect::<Vec<_>>().concat()).expect("the server reads on");
    for (number, target) in targets.iter().enumerate() {
        let reply = connection.receive("GET", target).expect("the server answers");
        assert_eq!(reply.json()["context"], number.to_string());
    }
}

#[test]
fn a_connection_survives_an_error() {
    let site = Site::start();
    let mut connection = Connection::open(site.server.address()).expect("the server accepts connections");
    for (number, body) in ["{", "", "[]", "{}"].iter().enumerate() {
        let bad = Request::new("POST", blackbox::CUSTOMERS).login(&site.ada).json_bytes(*body);
        assert_eq!(connection.exchange(&bad).expect("the server answers").status, 400);
        let good = sample::minimal(&format!("After {number}"), "Acme");
        let good = Request::new("POST", blackbox::CUSTOMERS).login(&site.ada).json(&good);
        connection.exchange(&good).expect("the connection goes on").must_succeed("a good request after a bad one");
    }
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() {
    let site = Site::start();
    let request = Request::new("POST", blackbox::CUSTOMERS).login(&site.ada).json(&sample::minimal("Gone", "Acme"));
    let bytes = request.bytes();
    for length in [1, 20, request.head().len(), bytes.len() - 1] {
        let mut connection = Connection::open(site.server.address()).expect("the server accepts connections");
        connection.send_bytes(&bytes[..length]).expect("the server reads on");
        drop(connection);
        still_serves(&site.server, "a client that vanished");
    }
    site.client().create(&sample::minimal("Gone", "Acme")).must_succeed("the name is still free");
}
