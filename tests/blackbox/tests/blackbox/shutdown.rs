//! Shutdown: what is finished, and how long it may take.

use std::fs;
use std::time::Duration;

use blackbox::moment::unix_seconds;
use blackbox::{CUSTOMERS, Connection, Fixture, Request, sample, wait};

/// A create whose head the server has received; it waits for the body.
fn in_flight(fixture: &Fixture, name: &str) -> (Connection, Request) {
    let request = Request::new("POST", CUSTOMERS).login(&fixture.ada).header("Expect", "100-continue");
    let request = request.json(&sample::minimal(name, "Acme"));
    let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
    connection.send_bytes(&request.head()).expect("the server reads");
    // The 100 proves that the server handles the request.
    assert_eq!(connection.receive_one("POST").expect("the server responds").status, 100);
    (connection, request)
}

/// Waits until the server accepts no new requests.
fn until_stopping(fixture: &Fixture) {
    wait::until("no new requests are served", wait::PROCESS, || {
        let Ok(mut connection) = Connection::open(fixture.server.address()) else { return Some(()) };
        connection.set_patience(Duration::from_millis(200));
        let served = connection.exchange(&Request::new("GET", "/health/live"));
        (!served.is_ok_and(|reply| reply.status == 200)).then_some(())
    });
}

#[test]
fn requests_in_flight_are_finished() {
    let signals: &[_] = if hangup_is_ignored() { &["TERM", "INT"] } else { &["TERM", "INT", "HUP"] };
    for signal in signals {
        let mut fixture = Fixture::start();
        let (mut connection, request) = in_flight(&fixture, signal);
        fixture.server.signal(signal);
        until_stopping(&fixture);
        assert!(fixture.server.is_running(), "{signal}: the server did not wait for the request");
        connection.send_bytes(&request.encoded_body()).expect("the server reads");
        let reply = connection.receive("POST", CUSTOMERS).expect("the server responds");
        assert_eq!(fixture.server.wait(), 0, "the exit code after {signal}");
        let server = fixture.test_dir.serve();
        let read = server.client_of(&fixture.ada).read(reply.customer_id());
        sample::assert_shows(&read.json(), &sample::minimal(signal, "Acme"), reply.customer_id());
    }
}

/// Whether SIGHUP is ignored by this process, and so by the servers that it starts; `nohup` does that.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("the system describes its processes");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("there is such a line");
    let ignored = ignored.trim().ends_with(|digit: char| digit.to_digit(16).is_some_and(|digit| digit % 2 == 1));
    if ignored {
        eprintln!("SIGHUP is ignored here, so it is not tried");
    }
    ignored
}

#[test]
fn a_server_that_was_started_to_survive_its_terminal_does() {
    let mut fixture = Fixture::start_with(|launch| launch.after_shell("trap '' HUP"));
    fixture.server.signal("HUP");
    // Handled after the signal, if that is handled at all.
    for _ in 0..20 {
        fixture.server.client().get("/health/live").must_succeed("after SIGHUP");
    }
    assert!(fixture.server.is_running());
    fixture.server.signal("TERM");
    assert_eq!(fixture.server.wait(), 0);
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    for signal in ["TERM", "INT"] {
        let mut fixture = Fixture::start_with(|launch| launch.args(&["--timeouts-body-seconds", "600"]));
        let (connection, _) = in_flight(&fixture, "Endless");
        fixture.server.signal("TERM");
        until_stopping(&fixture);
        fixture.server.signal(signal);
        // The graceful end, which waits for the request, has exit code 0.
        assert_eq!(fixture.server.wait(), 1, "the exit code after a second {signal}");
        drop(connection);
    }
}

#[test]
fn idle_connections_do_not_delay_the_shutdown() {
    let mut fixture = Fixture::start_with(|launch| launch.args(&["--timeouts-header-seconds", "600"]));
    let mut idle = Connection::open(fixture.server.address()).expect("the server accepts connections");
    let reply = idle.exchange(&Request::new("GET", "/health/live")).expect("the server responds");
    reply.must_succeed("a first request");
    let silent = Connection::open(fixture.server.address()).expect("the server accepts connections");
    fixture.server.signal("TERM");
    assert_eq!(fixture.server.wait(), 0);
    drop((idle, silent));
}

#[test]
fn the_wait_for_a_request_in_flight_is_limited() {
    let mut fixture = Fixture::start_with(|launch| launch.args(&["--timeouts-body-seconds", "600"]));
    let (connection, _) = in_flight(&fixture, "Endless");
    fixture.server.signal("TERM");
    assert_eq!(fixture.server.wait(), 0);
    drop(connection);
}

#[test]
fn the_last_use_of_a_key_is_stored_at_shutdown() {
    let fixture = Fixture::start();
    let listed = fixture.test_dir.cli(&["key", "list", "ada", "--json"]).json();
    assert!(listed[0]["lastUsedAt"].is_null(), "no use yet: {listed}");
    fixture.client().get(CUSTOMERS).must_succeed("a use");
    let Fixture { server, test_dir, .. } = fixture;
    server.stop();
    let server = test_dir.serve();
    let opal = test_dir.user("opal", "Acme", &["--role", "OPERATOR"]);
    let keys = server.client_of(&opal).get("/admin/v1/users/1/keys").json();
    let shown = &keys["keys"][0];
    assert!(unix_seconds(&shown["lastUsedAt"]) >= unix_seconds(&shown["createdAt"]), "{shown}");
}

#[test]
fn everything_acknowledged_before_the_shutdown_is_there_afterwards() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let ids: Vec<_> = (0..50)
        .map(|number| client.create(&sample::full(&format!("Customer {number}"), "Acme")).customer_id())
        .collect();
    fixture.server.stop();
    let client = fixture.test_dir.serve();
    let client = client.client_of(&fixture.ada);
    for (number, id) in ids.into_iter().enumerate() {
        let sent = sample::full(&format!("Customer {number}"), "Acme");
        sample::assert_shows(&client.read(id).json(), &sent, id);
    }
}
