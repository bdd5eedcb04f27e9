//! Shutdown: what is finished, and how long it may take.

use std::fs;
use std::time::Duration;

use blackbox::{CUSTOMERS, Connection, Request, Site, sample, wait};

/// A create whose head the server has received; it waits for the body.
fn in_flight(site: &Site, name: &str) -> (Connection, Request) {
    let request = Request::new("POST", CUSTOMERS).login(&site.ada).header("Expect", "100-continue");
    let request = request.json(&sample::minimal(name, "Acme"));
    let mut connection = Connection::open(site.server.address()).expect("the server accepts connections");
    connection.send_bytes(&request.head()).expect("the server reads");
    // The 100 proves that the server handles the request.
    assert_eq!(connection.receive_one("POST").expect("the server responds").status, 100);
    (connection, request)
}

/// Waits until the server accepts no new requests.
fn until_stopping(site: &Site) {
    wait::until("no new requests are served", wait::PROCESS, || {
        let Ok(mut connection) = Connection::open(site.server.address()) else { return Some(()) };
        connection.set_patience(Duration::from_millis(200));
        let served = connection.exchange(&Request::new("GET", "/health/live"));
        (!served.is_ok_and(|reply| reply.status == 200)).then_some(())
    });
}

#[test]
fn requests_in_flight_are_finished() {
    let signals: &[_] = if hangup_is_ignored() { &["TERM", "INT"] } else { &["TERM", "INT", "HUP"] };
    for signal in signals {
        let mut site = Site::start();
        let (mut connection, request) = in_flight(&site, signal);
        site.server.signal(signal);
        until_stopping(&site);
        assert!(site.server.is_running(), "{signal}: the server did not wait for the request");
        connection.send_bytes(&request.encoded_body()).expect("the server reads");
        let reply = connection.receive("POST", CUSTOMERS).expect("the server responds");
        assert_eq!(site.server.wait(), 0, "the exit code after {signal}");
        let server = site.place.serve();
        let read = server.client_of(&site.ada).read(reply.customer_id());
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
    let mut site = Site::start_with(|launch| launch.after_shell("trap '' HUP"));
    site.server.signal("HUP");
    // Handled after the signal, if that is handled at all.
    for _ in 0..20 {
        site.server.client().get("/health/live").must_succeed("after SIGHUP");
    }
    assert!(site.server.is_running());
    site.server.signal("TERM");
    assert_eq!(site.server.wait(), 0);
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    for signal in ["TERM", "INT"] {
        let mut site = Site::start_with(|launch| launch.args(&["--timeouts-body-seconds", "600"]));
        let (connection, _) = in_flight(&site, "Endless");
        site.server.signal("TERM");
        until_stopping(&site);
        site.server.signal(signal);
        // The graceful end, which waits for the request, has exit code 0.
        assert_eq!(site.server.wait(), 1, "the exit code after a second {signal}");
        drop(connection);
    }
}

#[test]
fn idle_connections_do_not_delay_the_shutdown() {
    let mut site = Site::start_with(|launch| launch.args(&["--timeouts-header-seconds", "600"]));
    let mut idle = Connection::open(site.server.address()).expect("the server accepts connections");
    let reply = idle.exchange(&Request::new("GET", "/health/live")).expect("the server responds");
    reply.must_succeed("a first request");
    let silent = Connection::open(site.server.address()).expect("the server accepts connections");
    site.server.signal("TERM");
    assert_eq!(site.server.wait(), 0);
    drop((idle, silent));
}

#[test]
fn the_wait_for_a_request_in_flight_is_limited() {
    let mut site = Site::start_with(|launch| launch.args(&["--timeouts-body-seconds", "600"]));
    let (connection, _) = in_flight(&site, "Endless");
    site.server.signal("TERM");
    assert_eq!(site.server.wait(), 0);
    drop(connection);
}

#[test]
fn the_last_use_of_a_key_is_stored_at_shutdown() {
    let site = Site::start();
    let listed = site.place.cli(&["key", "list", "ada", "--json"]).json();
    assert!(listed[0]["lastUsedAt"].is_null(), "no use yet: {listed}");
    site.client().get(CUSTOMERS).must_succeed("a use");
    let Site { server, place, .. } = site;
    server.stop();
    let server = place.serve();
    let opal = place.user("opal", "Acme", &["--role", "OPERATOR"]);
    let keys = server.client_of(&opal).get("/admin/v1/users/1/keys").json();
    let shown = &keys["keys"][0];
    let used = shown["lastUsedAt"].as_i64().expect("it is stored");
    assert!(used >= shown["createdAt"].as_i64().expect("seconds"), "{shown}");
}

#[test]
fn everything_acknowledged_before_the_shutdown_is_there_afterwards() {
    let site = Site::start();
    let client = site.client();
    let ids: Vec<_> = (0..50)
        .map(|number| client.create(&sample::full(&format!("Customer {number}"), "Acme")).customer_id())
        .collect();
    site.server.stop();
    let client = site.place.serve();
    let client = client.client_of(&site.ada);
    for (number, id) in ids.into_iter().enumerate() {
        let sent = sample::full(&format!("Customer {number}"), "Acme");
        sample::assert_shows(&client.read(id).json(), &sent, id);
    }
}
