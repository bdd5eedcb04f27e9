//! Fewer open files than connections.

use blackbox::{CUSTOMERS, Client, Connection, Request, Server, sample, wait};
use chaos::model::Sent;
use chaos::{Outcome, TestRegistry, crowd, process, seed};

use super::{LONG_TIMEOUTS, OrdinaryLoad, Slowdown};

/// The request of every connection.
const ECHO: &str = "/rws/api/v1/echo/hello";

/// How many files the server may have open.
const FILES: usize = 256;

/// How many connections there are.
const CONNECTIONS: usize = 400;

/// How many served connections are closed to make room for the ordinary load.
const CLOSED: usize = 16;

/// Opens more connections than the server has files for, and returns those that are served.
fn fill(server: &Server, echo: &Request) -> Vec<Connection> {
    let (mut served, mut refused): (Vec<Connection>, usize) = (Vec::new(), 0);
    for mut connection in crowd::open(server.address(), CONNECTIONS) {
        match connection.exchange(echo).expect("every connection gets a response").status {
            200 => served.push(connection),
            503 => refused += 1,
            other => panic!("an echo was answered {other}"),
        }
    }
    eprintln!("{} connections are served with {FILES} open files, {refused} got 503", served.len());
    assert!(served.len() >= FILES / 2, "{} connections are served with {FILES} open files", served.len());
    assert!(refused > 0, "there are more connections than open files");
    served
}

#[test]
fn with_256_open_files_the_server_serves_as_many_as_fit_and_then_the_rest() {
    let mut ordinary = OrdinaryLoad::of_test("open files");
    let mut registry = TestRegistry::new();
    let server = registry.test_dir.launch().config(LONG_TIMEOUTS).after_shell(&format!("ulimit -n {FILES}")).start();
    let echo = Request::new("GET", ECHO).login(&registry.ada);
    let mut slowdown = Slowdown::default();
    for round in 0..seed::rounds(1) {
        slowdown.alone.push(ordinary.run(&mut registry, server.address(), 400, |_| {}));
        let mut served = fill(&server, &echo);
        process::must_not_spin(&server, "out of open files");
        // The store has the files that it needs.
        for (number, connection) in served.iter_mut().enumerate() {
            let body = sample::minimal(&format!("Crowded {round} {number}"), "Acme");
            let create = Request::new("POST", CUSTOMERS).login(&registry.ada).json(&body);
            let id = connection.exchange(&create).expect("the server answers").customer_id();
            registry.histories.push(vec![Sent { request: String::new(), body, outcome: Outcome::Acknowledged(id) }]);
        }
        served.truncate(served.len() - CLOSED);
        must_serve(&server, &registry, CLOSED / 2);
        slowdown.under_load.push(ordinary.run(&mut registry, server.address(), 400, |_| {}));
        drop(served);
        must_serve(&server, &registry, FILES / 2);
    }
    slowdown.must_be_small(&format!("as many connections as {FILES} open files permit"));
    assert!(server.log().contains("open files leaves room for fewer connections"), "the log does not mention it");
    server.stop();
    registry.must_hold("after too few open files", &mut ordinary.random);
}

/// Waits until the server has noticed the closed connections, and serves `others` new ones at once.
fn must_serve(server: &Server, registry: &TestRegistry, others: usize) {
    wait::until("others are served", wait::PATIENCE, || {
        let clients: Vec<_> = (0..others).map(|_| server.client_of(&registry.ada)).collect();
        let served = |client: &Client| client.try_get(ECHO).is_ok_and(|reply| reply.status == 200);
        clients.iter().all(served).then_some(())
    });
}
