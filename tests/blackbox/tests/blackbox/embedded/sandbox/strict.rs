//! `--strict-upstream`: the limits of the original service.

use blackbox::problems::*;
use blackbox::{Connection, Fixture, Request, wait};
use serde_json::json;

use super::{Sandbox, ann};

const ECHO: &str = "/rws/api/v1/echo/hello";

/// More calls than there can be in a minute at five a second.
const BURST: usize = 300;

#[test]
fn a_user_has_five_calls_a_second() {
    for strict in ["--strict-upstream", "--compat-strict-upstream"] {
        let fixture = Fixture::start_with(|launch| launch.args(&[strict]));
        let client = fixture.client();
        let first: Vec<_> = (0..5).map(|_| client.get(ECHO).status).collect();
        assert_eq!(first, [200; 5], "five may come at once");
        let refused = (0..BURST).map(|_| client.get(ECHO)).find(|reply| reply.status != 200).expect("a call too many");
        refused.must_be(&RATE_LIMIT, "one of many calls");
        wait::until("the user is let through again", wait::PATIENCE, || (client.get(ECHO).status == 200).then_some(()));
    }
}

#[test]
fn a_user_has_one_call_at_a_time() {
    let sandbox = Sandbox::start_with(&["--strict-upstream"]);
    sandbox.add_fault(&json!({ "fault": "delay", "delayMillis": 600_000 }));
    let mut active = Connection::open(sandbox.server.address()).expect("a connection");
    active.send_bytes(&Request::new("GET", ECHO).login(&ann()).bytes()).expect("a request");
    wait::until("the call waits", wait::PATIENCE, || (sandbox.faults() == 0).then_some(()));
    sandbox.ann().get(ECHO).must_be(&RATE_LIMIT, "a second call");
    sandbox.gus().get(ECHO).must_succeed("another user");
    drop(active);
    wait::until("the first call has ended", wait::PATIENCE, || (sandbox.ann().get(ECHO).status == 200).then_some(()));
}

#[test]
fn without_the_flag_a_user_has_as_many_as_it_wants() {
    let sandbox = Sandbox::start();
    sandbox.add_fault(&json!({ "fault": "delay", "delayMillis": 600_000 }));
    let mut active = Connection::open(sandbox.server.address()).expect("a connection");
    active.send_bytes(&Request::new("GET", ECHO).login(&ann()).bytes()).expect("a request");
    wait::until("the call waits", wait::PATIENCE, || (sandbox.faults() == 0).then_some(()));
    for _ in 0..20 {
        sandbox.ann().get(ECHO).must_succeed("one of many concurrent calls");
    }
}
