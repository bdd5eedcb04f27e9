//! A limit of memory.

use blackbox::problems::BODY_TOO_LARGE;
use blackbox::{CUSTOMERS, Connection, Login, Request, sample};
use chaos::model::Sent;
use chaos::process::{self, Cage};
use chaos::{Load, Outcome, TestRegistry, crowd, gaps, seed};
use serde_json::Value;

use super::{LONG_TIMEOUTS, OrdinaryLoad, Slowdown};

/// The limit of memory, in bytes.
const MEMORY: u64 = 128 << 20;

/// How many connections use it.
const CONNECTIONS: usize = 256;

/// The largest body.
const BODY: usize = 64 << 10;

/// A create of the largest permitted size.
fn largest(login: &Login, customer: &Value) -> Request {
    let mut body = customer.clone();
    body["unknown"] = "x".into();
    let body = body.to_string();
    let filler = "x".repeat(BODY + 1 - body.len());
    let body = body.replace("\"unknown\":\"x\"", &format!("\"unknown\":\"{filler}\""));
    assert_eq!(body.len(), BODY);
    Request::new("POST", CUSTOMERS).login(login).json_bytes(body)
}

/// Sends creates on all connections, all but the last byte of each before `meanwhile` and the last bytes after it.
fn create_at_once(
    round: usize,
    connections: &mut [Connection],
    registry: &mut TestRegistry,
    meanwhile: impl FnOnce(&mut TestRegistry),
) {
    let customer = |number: usize| sample::full(&format!("Large {round} {number}"), "Acme");
    let messages: Vec<_> =
        (0..connections.len()).map(|number| largest(&registry.ada, &customer(number)).bytes()).collect();
    for (connection, message) in connections.iter_mut().zip(&messages) {
        connection.send_bytes(&message[..message.len() - 1]).expect("the server reads on");
    }
    meanwhile(registry);
    for (connection, message) in connections.iter_mut().zip(&messages) {
        connection.send_bytes(&message[message.len() - 1..]).expect("the server reads on");
    }
    for (number, connection) in connections.iter_mut().enumerate() {
        let id = connection.receive("POST", CUSTOMERS).expect("the server answers").customer_id();
        let outcome = Outcome::Acknowledged(id);
        registry.histories.push(vec![Sent { request: String::new(), body: customer(number), outcome }]);
    }
}

#[test]
fn in_128_mib_256_connections_send_the_largest_bodies() {
    let mut ordinary = OrdinaryLoad::of_test("memory");
    let mut registry = TestRegistry::new();
    let cage = Cage::of_memory(MEMORY);
    let launch = registry.test_dir.launch().config(LONG_TIMEOUTS);
    let server = match &cage {
        Some(cage) => cage.around(launch).start(),
        None => {
            gaps::report("a limit of memory, which is only measured: no control group can be made");
            launch.start()
        }
    };
    let address = server.address();
    let mut slowdown = Slowdown::default();
    for round in 0..seed::rounds(4) {
        slowdown.alone.push(ordinary.run(&mut registry, address, 400, |_| {}));
        let mut connections = crowd::open(address, CONNECTIONS);
        create_at_once(round, &mut connections, &mut registry, |registry| {
            slowdown.under_load.push(ordinary.run(registry, address, 400, |_| {}));
        });
        let too_large = Request::new("POST", CUSTOMERS).login(&registry.ada).json_bytes(vec![b' '; 8 * BODY]);
        for connection in &mut connections {
            let reply = connection.exchange(&too_large).expect("the server answers");
            reply.must_be(&BODY_TOO_LARGE, "eight times the largest body");
        }
        let load = Load { prefix: format!("M{round}"), workers: 32, requests: 20, large: 100 };
        let report = load.run(address, &registry.ada, &mut ordinary.random, |_| {});
        report.must_be_undisturbed("little memory");
        registry.note(report);
    }
    let peak = process::peak_memory(&server);
    eprintln!("{CONNECTIONS} connections with the largest bodies: {} MiB at most", peak >> 20);
    assert!(peak < MEMORY, "the server had {} MiB", peak >> 20);
    assert_eq!(cage.as_ref().map_or(0, Cage::kills), 0, "a process was killed");
    process::must_not_spin(&server, "after little memory");
    slowdown.must_be_small(&format!("{CONNECTIONS} connections with the largest bodies"));
    server.stop();
    registry.must_hold("after little memory", &mut ordinary.random);
}
