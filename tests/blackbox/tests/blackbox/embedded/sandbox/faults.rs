//! `/sandbox/v1/faults`.

use std::time::{Duration, Instant};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Connection, Request, connection, sample, wait};
use serde_json::{Value, json};

use super::{CLOCK, FAULTS, Sandbox, ann, customers, login};

const ECHO: &str = "/rws/api/v1/echo/hello";

#[test]
fn a_fault_strikes_as_often_as_it_should_and_then_no_more() {
    let sandbox = Sandbox::start();
    let client = sandbox.ann();
    for (fault, problem) in [("429", &RATE_LIMIT), ("500", &SERVER_ERROR), ("503", &UNAVAILABLE)] {
        sandbox.add_fault(&json!({ "fault": fault, "count": 2 }));
        client.get(ECHO).must_be(problem, fault);
        client.create(&sample::minimal("Never", "Acme")).must_be(problem, fault);
        client.get(ECHO).must_succeed("a call after the faults");
        sandbox.add_fault(&json!({ "fault": fault }));
        client.get(ECHO).must_be(problem, fault);
        client.get(ECHO).must_succeed("a call after the fault");
    }
    assert_eq!(customers(&client).len(), 0, "no call that was struck took effect");
}

#[test]
fn a_fault_is_over_when_its_time_is() {
    let sandbox = Sandbox::start();
    let added = sandbox.add_fault(&json!({ "fault": "503", "seconds": 1 }));
    let expected =
        json!({ "fault": "503", "count": null, "seconds": 1, "delayMillis": null, "method": null, "pathPrefix": null });
    assert_eq!(added, json!({ "faults": [expected] }));
    wait::until("the fault is over", wait::PATIENCE, || (sandbox.ann().get(ECHO).status == 200).then_some(()));
    assert_eq!(sandbox.faults(), 0);
    sandbox.add_fault(&json!({ "fault": "503", "seconds": 3600 }));
    for _ in 0..10 {
        sandbox.ann().get(ECHO).must_be(&UNAVAILABLE, "a call within the time");
    }
    assert_eq!(sandbox.call("DELETE", FAULTS), json!({ "faults": [] }));
    sandbox.ann().get(ECHO).must_succeed("a call after the faults were taken back");
}

#[test]
fn only_calls_that_fit_are_struck_and_the_first_fault_that_fits_strikes() {
    let sandbox = Sandbox::start();
    let client = sandbox.ann();
    sandbox.add_fault(&json!({ "fault": "500", "method": "PUT", "pathPrefix": "/rws/api/v1/customers/" }));
    sandbox.add_fault(&json!({ "fault": "503", "count": 2, "pathPrefix": "/rws/api/v1/customers" }));
    client.get(ECHO).must_succeed("another path");
    let id = 1;
    client.edit(id, &sample::minimal("A", "Acme")).must_be(&SERVER_ERROR, "the call that fits best came first");
    client.read(id).must_be(&UNAVAILABLE, "a call that fits the second");
    let listed = sandbox.call("GET", FAULTS);
    assert_eq!((listed["faults"][0]["fault"].clone(), listed["faults"][0]["count"].clone()), (json!("503"), json!(1)));
    client.get(CUSTOMERS).must_be(&UNAVAILABLE, "the last one");
    client.get(CUSTOMERS).must_succeed("none is left");
}

#[test]
fn an_erasure_in_progress_is_met_by_creates_and_edits() {
    let sandbox = Sandbox::start();
    let client = sandbox.ann();
    let id = client.create(&sample::minimal("A", "Acme")).customer_id();
    let gone = client.create(&sample::minimal("Gone", "Acme")).customer_id();
    sandbox.add_fault(&json!({ "fault": "erasure", "count": 2 }));
    client.read(id).must_succeed("a read");
    client.erase(gone).must_succeed("an erasure of one customer");
    client.create(&sample::minimal("B", "Acme")).must_be(&ERASURE_IN_PROGRESS, "a create");
    client.edit(id, &sample::minimal("B", "Acme")).must_be(&ERASURE_IN_PROGRESS, "an edit");
    client.edit(id, &sample::minimal("B", "Acme")).must_succeed("an edit after the fault");
}

#[test]
fn a_connection_is_cut_before_or_after_the_call_took_effect() {
    let sandbox = Sandbox::start();
    for (fault, took_effect) in [("cutBefore", false), ("cutAfter", true)] {
        sandbox.add_fault(&json!({ "fault": fault }));
        let create = Request::new("POST", CUSTOMERS).json(&sample::minimal(fault, "Acme"));
        let error = sandbox.ann().try_send(create.clone()).expect_err("no answer");
        assert!(connection::is_closed(&error), "{fault}: {error}");
        let retried = sandbox.ann().send(create);
        if took_effect {
            retried.must_be(&DUPLICATE_NAME, "the same create again");
        } else {
            retried.must_succeed("the same create again");
        }
    }
    assert_eq!(customers(&sandbox.ann()).len(), 2);
    for fault in ["cutBefore", "cutAfter"] {
        let logged = || sandbox.server.log().contains(&format!("fault=\"{fault}\"")).then_some(());
        wait::until("the log says so", wait::PATIENCE, logged);
    }
}

#[test]
fn a_delayed_call_waits_and_succeeds_then() {
    let sandbox = Sandbox::start();
    sandbox.add_fault(&json!({ "fault": "delay", "delayMillis": 400 }));
    let start = Instant::now();
    sandbox.ann().create(&sample::minimal("Late", "Acme")).must_succeed("a delayed call");
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
    assert_eq!(sandbox.faults(), 0);
}

#[test]
fn failed_sign_ins_and_other_requests_do_not_trigger_a_fault() {
    let sandbox = Sandbox::start();
    sandbox.add_fault(&json!({ "fault": "500", "count": 1 }));
    sandbox.server.client_of(&login("ann", "wrong")).get(ECHO).must_be(&INVALID_CREDENTIALS, "a wrong key");
    sandbox.server.client().get(ECHO).must_be(&AUTHENTICATION_REQUIRED, "no key");
    for path in ["/health/live", "/health/ready", "/openapi.json", FAULTS, CLOCK] {
        sandbox.server.client().get(path).must_succeed(path);
    }
    sandbox.ann().get("/admin/v1/accounts").must_be(&ROLE_NOT_ALLOWED, "administration");
    assert_eq!(sandbox.faults(), 1);
    sandbox.gus().get(ECHO).must_be(&SERVER_ERROR, "a call");
}

#[test]
fn what_is_no_fault_is_refused_with_its_place() {
    let sandbox = Sandbox::start();
    let cases: [(Value, &[&str]); 14] = [
        (json!({}), &["fault"]),
        (json!({ "fault": "404" }), &["fault"]),
        (json!({ "fault": 503 }), &["fault"]),
        (json!({ "fault": "503", "count": 0 }), &["count"]),
        (json!({ "fault": "503", "count": 1_000_001 }), &["count"]),
        (json!({ "fault": "503", "seconds": 86_401 }), &["seconds"]),
        (json!({ "fault": "503", "count": "2", "seconds": -1 }), &["count", "seconds"]),
        (json!({ "fault": "503", "delayMillis": 5 }), &["delayMillis"]),
        (json!({ "fault": "delay" }), &["delayMillis"]),
        (json!({ "fault": "delay", "delayMillis": 600_001 }), &["delayMillis"]),
        (json!({ "fault": "503", "method": "post" }), &["method"]),
        (json!({ "fault": "503", "pathPrefix": "/health" }), &["pathPrefix"]),
        (json!({ "fault": "503", "pathPrefix": "/admin/v1" }), &["pathPrefix"]),
        (json!({ "fault": "503", "path": "/rws/" }), &["path"]),
    ];
    for (body, fields) in cases {
        let reply = sandbox.try_set("POST", FAULTS, &body);
        reply.must_be(&NOT_WELL_FORMED, &body.to_string());
        assert_eq!(reply.violated_fields(), fields, "{body}");
    }
    assert_eq!(sandbox.faults(), 0);
}

#[test]
fn a_user_who_is_disabled_during_a_delay_is_refused() {
    let sandbox = Sandbox::start();
    let operator = sandbox.server.client_of(&login("ops", "00000000-0000-4000-8000-000000000005"));
    let users = operator.get("/admin/v1/users").json();
    let users = users["users"].as_array().expect("users");
    let ann_id = users.iter().find(|user| user["username"] == "ann").expect("ann")["userId"].as_str().expect("an id");
    sandbox.add_fault(&json!({ "fault": "delay", "delayMillis": 2000 }));
    let create = Request::new("POST", CUSTOMERS).login(&ann()).json(&sample::minimal("Late", "Acme"));
    let mut connection = Connection::open(sandbox.server.address()).expect("the sandbox accepts connections");
    connection.send_bytes(&create.bytes()).expect("the sandbox reads");
    wait::until("the delay has begun", wait::PATIENCE, || (sandbox.faults() == 0).then_some(()));
    let disable = Request::new("PATCH", &format!("/admin/v1/users/{ann_id}")).json(&json!({ "status": "Disabled" }));
    operator.send(disable).must_succeed("ann is disabled");
    connection
        .receive("POST", CUSTOMERS)
        .expect("an answer")
        .must_be(&INVALID_CREDENTIALS, "disabled during the delay");
}
