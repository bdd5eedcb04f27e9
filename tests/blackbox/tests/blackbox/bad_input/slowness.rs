//! Clients that are too slow, and too many connections at once.

use std::time::Duration;

use blackbox::connection::is_silence;
use blackbox::{CUSTOMERS, Connection, Fixture, Request, sample, wait};

use super::still_serves;

/// More than the one second that the tests configure, and less than the default of ten.
const DEADLINE: Duration = Duration::from_secs(7);

/// Sends byte after byte until the server responds or closes; returns the status of the response.
fn send_slowly(mut connection: Connection, method: &str, filler: u8) -> Option<u16> {
    connection.set_patience(Duration::from_millis(50));
    wait::until("the slow client is disconnected", DEADLINE, || {
        let _ = connection.send_bytes(&[filler]);
        match connection.receive(method, "-") {
            Ok(reply) => Some(Some(reply.status)),
            Err(error) if is_silence(&error) => None,
            Err(_) => Some(None),
        }
    })
}

#[test]
fn a_client_that_sends_headers_slowly_is_disconnected() {
    let fixture = Fixture::start_with(|launch| launch.env("CARNELIAN_TIMEOUTS_HEADER_SECONDS", "1"));
    for start in ["", "GET", "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
        connection.send_bytes(start.as_bytes()).expect("the server reads");
        let status = send_slowly(connection, "GET", b'x');
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{start:?}: {status:?}");
    }
    still_serves(&fixture.server, "slow headers");
}

#[test]
fn a_client_that_sends_a_body_slowly_is_disconnected() {
    let fixture = Fixture::start_with(|launch| launch.env("CARNELIAN_TIMEOUTS_BODY_SECONDS", "1"));
    let post = Request::new("POST", CUSTOMERS).login(&fixture.ada).header("Content-Type", "application/json");
    for post in [post.clone().header("Content-Length", "30000"), post.header("Transfer-Encoding", "chunked")] {
        let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
        connection.send_bytes(&post.head()).expect("the server reads");
        let status = send_slowly(connection, "POST", b'0');
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}");
    }
    still_serves(&fixture.server, "slow bodies");
}

#[test]
fn a_client_that_stops_sending_is_disconnected() {
    let fixture = Fixture::start_with(|launch| launch.config("[timeouts]\nheader_seconds = 1\nbody_seconds = 1\n"));
    let half = Request::new("POST", CUSTOMERS).login(&fixture.ada).header("Content-Length", "10").bytes();
    for bytes in [b"GET /health".as_slice(), &half] {
        let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
        connection.set_patience(DEADLINE);
        connection.send_bytes(bytes).expect("the server reads");
        let outcome = connection.receive("POST", "-");
        assert!(!outcome.as_ref().is_err_and(is_silence), "no reply, and the connection is open");
        assert!(outcome.is_err() || outcome.is_ok_and(|reply| (400..500).contains(&reply.status)));
    }
}

#[test]
fn unfinished_requests_do_not_delay_others() {
    let fixture = Fixture::start();
    let half = Request::new("POST", CUSTOMERS).login(&fixture.ada).header("Content-Length", "10").bytes();
    let held: Vec<_> = (0..200)
        .map(|number| {
            let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
            let bytes = if number % 2 == 0 { b"GET /".as_slice() } else { &half };
            connection.send_bytes(bytes).expect("the server reads");
            connection
        })
        .collect();
    fixture.client().create(&sample::minimal("Quick", "Acme")).must_succeed("a request at the same time");
    drop(held);
}

#[test]
fn connections_beyond_the_limit_wait_or_are_refused() {
    four_connections_are_served("--limits-connections");
}

#[test]
fn connections_of_an_address_beyond_the_limit_wait_or_are_refused() {
    four_connections_are_served("--limits-connections-per-address");
}

/// Asserts that four connections are served if that is the limit `flag`, and another one once one of them is closed.
fn four_connections_are_served(flag: &str) {
    let fixture = Fixture::start_with(|launch| launch.args(&[flag, "4", "--timeouts-header-seconds", "60"]));
    let live = Request::new("GET", "/health/live");
    let mut held: Vec<Connection> = Vec::new();
    wait::until("four connections are served", wait::PROCESS, || {
        // The connection that polled for readiness may still be open.
        let mut connection = Connection::open(fixture.server.address()).ok()?;
        connection.set_patience(Duration::from_secs(1));
        if connection.exchange(&live).is_ok_and(|reply| reply.status == 200) {
            held.push(connection);
        }
        (held.len() == 4).then_some(())
    });
    let one_more = || {
        let mut connection = Connection::open(fixture.server.address())?;
        connection.set_patience(Duration::from_millis(500));
        connection.exchange(&live).map(|reply| reply.status)
    };
    assert_ne!(one_more().ok(), Some(200), "a fifth connection is served");
    for connection in &mut held {
        connection.exchange(&live).expect("the server responds").must_succeed("a connection within the limit");
    }
    held.pop();
    wait::until("a closed connection makes room for another one", wait::PROCESS, || {
        (one_more().ok() == Some(200)).then_some(())
    });
}

#[test]
fn a_client_that_does_not_read_responses_is_disconnected() {
    let fixture =
        Fixture::start_with(|launch| launch.config("limits.connections = 1\n[timeouts]\nheader_seconds = 1\n"));
    let mut client = Connection::open(fixture.server.address()).expect("the server accepts connections");
    // More responses than the socket buffers hold, so that the server has to wait for the client.
    let requests = Request::new("GET", "/health/live").bytes().repeat(1000);
    client.set_patience(Duration::from_secs(1));
    for _ in 0..200 {
        if client.send_bytes(&requests).is_err() {
            break;
        }
    }
    wait::until("its connection is closed", DEADLINE, || {
        fixture.server.client().try_get("/health/live").is_ok_and(|reply| reply.status == 200).then_some(())
    });
}
