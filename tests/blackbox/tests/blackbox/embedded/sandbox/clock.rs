//! `/sandbox/v1/clock`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Request, TestDir, sample, wait};
use serde_json::{Value, json};

use super::{CLOCK, Sandbox, launch};

/// The timestamp of a new customer.
#[track_caller]
fn timestamp_of_new(sandbox: &Sandbox, name: &str) -> i64 {
    let reply = sandbox.ann().create(&sample::minimal(name, "Acme"));
    reply.must_succeed(name);
    reply.json()["timestamp"].as_i64().expect("a timestamp")
}

#[test]
fn it_sets_timestamps_and_can_be_stopped_advanced_and_run() {
    let sandbox = Sandbox::start();
    let now =
        |text: &str, timestamp: i64, running: bool| json!({ "now": text, "timestamp": timestamp, "running": running });
    let fixed = sandbox.set_clock(&json!({ "now": "2030-01-01T01:00:00.250+01:00" }));
    assert_eq!(fixed, now("2030-01-01T00:00:00.250Z", 1_893_456_000, false));
    assert_eq!(sandbox.call("GET", CLOCK), fixed);
    assert_eq!(timestamp_of_new(&sandbox, "A"), 1_893_456_000);
    let advanced = sandbox.set_clock(&json!({ "advanceSeconds": 86_400 }));
    assert_eq!(advanced, now("2030-01-02T00:00:00.250Z", 1_893_542_400, false));
    assert_eq!(timestamp_of_new(&sandbox, "B"), 1_893_542_400);
    let running = sandbox.set_clock(&json!({ "running": true }));
    assert_eq!(running, now("2030-01-02T00:00:00.250Z", 1_893_542_400, true));
    let later = timestamp_of_new(&sandbox, "C");
    assert!((1_893_542_400..1_893_600_000).contains(&later), "{later}");

    // Changes since are those that the clock says.
    let since = "/rws/api/v1/customers?fields=name&modifiedSince=2030-01-02T00:00:00Z";
    let listed = sandbox.ann().get(since).json();
    assert_eq!(listed["customers"], json!([{ "name": "B" }, { "name": "C" }]));

    let real = sandbox.call("DELETE", CLOCK);
    assert_eq!(real["running"], true);
    assert!(real["timestamp"].as_i64() < Some(1_893_456_000), "{real}");
}

#[test]
fn it_decides_when_a_key_has_expired() {
    let test_dir = TestDir::embedded();
    let server = launch(&test_dir, &["--data", test_dir.data().to_str().expect("a plain path")]);
    let sandbox = Sandbox { server, test_dir };
    let key = sandbox.test_dir.key("ann", &["--expires", "90d"]);
    let client = sandbox.server.client_of(&key);
    client.get("/rws/api/v1/echo/hello").must_succeed("a new key");
    sandbox.set_clock(&json!({ "advanceSeconds": 89 * 86_400 }));
    client.get("/rws/api/v1/echo/hello").must_succeed("a key of 89 days");
    sandbox.set_clock(&json!({ "advanceSeconds": 2 * 86_400 }));
    client.get("/rws/api/v1/echo/hello").must_be(&INVALID_CREDENTIALS, "a key of 91 days");
    sandbox.call("DELETE", CLOCK);
    client.get("/rws/api/v1/echo/hello").must_succeed("a new key again");
}

#[test]
fn it_decides_how_long_an_idempotency_key_is_remembered() {
    let sandbox = Sandbox::start();
    let body = sample::minimal("Once", "Acme");
    let create = || {
        let request = Request::new("POST", CUSTOMERS).header("Idempotency-Key", "once").json(&body);
        sandbox.ann().send(request)
    };
    sandbox.set_clock(&json!({ "now": "2030-01-01T00:00:00Z" }));
    let id = create().customer_id();
    sandbox.set_clock(&json!({ "advanceSeconds": 86_399 }));
    assert_eq!(create().customer_id(), id);
    sandbox.set_clock(&json!({ "advanceSeconds": 1 }));
    create().must_be(&DUPLICATE_NAME, "a day later it is another request");
}

#[test]
fn a_day_later_a_request_under_a_used_key_is_carried_out() {
    let sandbox = Sandbox::start();
    sandbox.set_clock(&json!({ "now": "2030-01-01T00:00:00Z" }));
    let send = |method: &str, target: &str, name: &str| {
        let request = Request::new(method, target).header("Idempotency-Key", "daily");
        sandbox.ann().send(request.json(&sample::minimal(name, "Acme")))
    };
    let path = format!("{CUSTOMERS}/{}", send("POST", CUSTOMERS, "First").customer_id());
    let edit = || send("PUT", &path, "Second");
    let version = || edit().must_succeed("an edit").header("etag").map(str::to_owned);
    sandbox.set_clock(&json!({ "advanceSeconds": 86_399 }));
    edit().must_be(&IDEMPOTENCY_KEY_REUSED, "the key belongs to the create");
    sandbox.set_clock(&json!({ "advanceSeconds": 1 }));
    assert_eq!(version().as_deref(), Some("\"2\""));
    sandbox.set_clock(&json!({ "advanceSeconds": 86_399 }));
    assert_eq!(version().as_deref(), Some("\"2\""), "it is answered again");
    sandbox.set_clock(&json!({ "advanceSeconds": 1 }));
    assert_eq!(version().as_deref(), Some("\"3\""), "it is carried out again");
}

#[test]
fn it_decides_when_an_erasure_is_due() {
    let test_dir = TestDir::embedded();
    let server = launch(&test_dir, &["--data", test_dir.data().to_str().expect("a plain path")]);
    let sandbox = Sandbox { server, test_dir };
    let erasure_of = |account: &str| {
        sandbox.test_dir.account(account);
        sandbox.test_dir.cli(&["account", "request-erasure", "--yes", account]).line()
    };
    let receipt = |erasure: &str| sandbox.test_dir.cli(&["account", "receipt", erasure]);
    let wait_for_receipt = |erasure: &str| {
        wait::until("there is a receipt", wait::PROCESS, || (receipt(erasure).code == 0).then_some(()));
    };
    let leaving = erasure_of("Leaving");
    sandbox.set_clock(&json!({ "advanceSeconds": 29 * 86_400 }));
    // A server that has erased this account has also checked the other one.
    sandbox.test_dir.cli(&["account", "erasure-grace", "0"]).done();
    wait_for_receipt(&erasure_of("Gone"));
    receipt(&leaving).fails(1);
    sandbox.set_clock(&json!({ "advanceSeconds": 2 * 86_400 }));
    wait_for_receipt(&leaving);
}

#[test]
fn it_ends_with_the_year_8999() {
    let sandbox = Sandbox::start();
    let last = sandbox.set_clock(&json!({ "now": "8999-12-31T23:59:59Z" }));
    for (body, field) in [
        (json!({ "advanceSeconds": 1 }), "advanceSeconds"),
        (json!({ "now": "9000-01-01T00:00:00Z" }), "now"),
        (json!({ "now": "9999-12-31T23:59:59Z", "running": true }), "now"),
    ] {
        let reply = sandbox.try_set("PUT", CLOCK, &body);
        reply.must_be(&INVALID_DATE_FORMAT, &body.to_string());
        assert_eq!(reply.violated_fields(), [field], "{body}");
        assert_eq!(sandbox.call("GET", CLOCK), last, "{body}");
    }
    let beyond = sandbox.try_set("PUT", CLOCK, &json!({ "advanceSeconds": 10_000_000_001_u64 }));
    assert_eq!(beyond.violations()[0].limit, Some(10_000_000_000), "the bound is stated");
}

#[test]
fn what_is_no_setting_changes_nothing_and_is_named() {
    let sandbox = Sandbox::start();
    let fixed = sandbox.set_clock(&json!({ "now": "2030-01-01T00:00:00Z" }));
    let tomorrow = sandbox.try_set("PUT", CLOCK, &json!({ "now": "tomorrow" }));
    tomorrow.must_be(&INVALID_DATE_FORMAT, "tomorrow");
    assert_eq!(tomorrow.violated_fields(), ["now"]);
    let cases: [(Value, &[&str]); 7] = [
        (json!({}), &["now"]),
        (json!({ "now": null }), &["now"]),
        (json!({ "now": 1_893_456_000 }), &["now"]),
        (json!({ "advanceSeconds": -1 }), &["advanceSeconds"]),
        (json!({ "advanceSeconds": 1.5, "running": "yes" }), &["advanceSeconds", "running"]),
        (json!({ "advanceSeconds": 10_000_000_001_u64 }), &["advanceSeconds"]),
        (json!({ "running": true, "speed": 2 }), &["speed"]),
    ];
    for (body, fields) in cases {
        let reply = sandbox.try_set("PUT", CLOCK, &body);
        reply.must_be(&NOT_WELL_FORMED, &body.to_string());
        assert_eq!(reply.violated_fields(), fields, "{body}");
    }
    let put = || Request::new("PUT", CLOCK);
    for bytes in ["", "null", "{", "[]", r#"{"running":true,"running":true}"#, r#"{"now":"\ud800"}"#] {
        sandbox.server.client().send(put().json_bytes(bytes)).must_be(&NOT_WELL_FORMED, bytes);
    }
    let form = put().header("Content-Type", "application/x-www-form-urlencoded").body("{}");
    sandbox.server.client().send(form).must_be(&UNSUPPORTED_MEDIA_TYPE, "a form");
    sandbox.server.client().send(put().json_bytes(vec![b' '; 70_000])).must_be(&BODY_TOO_LARGE, "a large body");
    assert_eq!(sandbox.call("GET", CLOCK), fixed);
}
