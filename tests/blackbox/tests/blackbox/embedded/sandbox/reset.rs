//! `POST /sandbox/v1/reset`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Connection, Request, sample, wait};
use serde_json::json;

use super::{CLOCK, RESET, Sandbox, ann, customers};

#[test]
fn everything_begins_again() {
    let sandbox = Sandbox::start();
    let created = sandbox.ann().create(&sample::minimal("Acme Customer", "Acme"));
    assert_eq!(created.customer_id(), 1);
    sandbox.add_fault(&json!({ "fault": "503", "seconds": 3600 }));
    sandbox.set_clock(&json!({ "now": "2001-01-01T00:00:00Z" }));

    assert_eq!(sandbox.reset(), json!({ "accounts": 3, "groups": 1, "users": 5, "customers": 0 }));
    assert_eq!(sandbox.faults(), 0);
    let clock = sandbox.call("GET", CLOCK);
    assert!(clock["running"] == true && clock["timestamp"].as_i64() > Some(1_700_000_000), "{clock}");
    // A client that keeps its connection gets the new registry, too.
    let client = sandbox.ann();
    client.read(1).must_be(&CUSTOMER_NOT_FOUND, "a customer of before");
    assert_eq!(client.create(&sample::minimal("Acme Customer", "Acme")).customer_id(), 1);
    sandbox.reset();
    assert_eq!(customers(&client).len(), 0);
}

#[test]
fn a_call_under_way_ends_in_the_registry_that_was() {
    let sandbox = Sandbox::start();
    sandbox.add_fault(&json!({ "fault": "delay", "delayMillis": 1000 }));
    let create = Request::new("POST", CUSTOMERS).login(&ann()).json(&sample::minimal("Late", "Acme"));
    let mut under_way = Connection::open(sandbox.server.address()).expect("a connection");
    under_way.send_bytes(&create.bytes()).expect("a request");
    wait::until("the call waits", wait::PATIENCE, || (sandbox.faults() == 0).then_some(()));
    sandbox.reset();
    under_way.receive("POST", CUSTOMERS).expect("an answer").must_succeed("the call under way");
    assert_eq!(customers(&sandbox.ann()).len(), 0);
    assert_eq!(sandbox.ann().create(&sample::minimal("Late", "Acme")).customer_id(), 1);
}

#[test]
fn resets_at_once_end_as_one_of_them() {
    let sandbox = Sandbox::start();
    let reset = |_| {
        let mut connection = Connection::open(sandbox.server.address()).expect("a connection");
        connection.send_bytes(&Request::new("POST", RESET).bytes()).expect("a request");
        connection
    };
    let connections: Vec<_> = (0..8).map(reset).collect();
    for mut connection in connections {
        connection.receive("POST", RESET).expect("an answer").must_succeed("one of many resets");
    }
    assert_eq!(sandbox.ann().create(&sample::minimal("First", "Acme")).customer_id(), 1);
    sandbox.ann().read(1).must_succeed("the customer");
}

#[test]
fn other_methods_get_an_allow_header() {
    let sandbox = Sandbox::start();
    let reply = sandbox.server.client().get(RESET);
    reply.must_be(&METHOD_NOT_ALLOWED, "a reset by GET");
    assert_eq!(reply.header("allow"), Some("POST"));
    sandbox.server.client().get("/sandbox/v1/nothing").must_be(&NOT_FOUND, "an unknown path");
}
