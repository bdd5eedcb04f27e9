//! `GET /health/live` and `GET /health/ready`.

use blackbox::{Fixture, Login};
use serde_json::json;

#[test]
fn health_checks_need_no_sign_in() {
    let fixture = Fixture::start();
    let stranger = fixture.server.client_of(&Login { user: "stranger".into(), key: "wrong".into() });
    for client in [fixture.server.client(), fixture.client(), stranger] {
        for path in ["/health/live", "/health/ready"] {
            let reply = client.get(path);
            reply.must_succeed(path);
            assert_eq!(reply.json(), json!({ "status": "ok" }));
        }
    }
}

/// Renames a table of the server's database while it runs.
fn rename(fixture: &Fixture, from: &str, to: &str) {
    fixture.test_dir.sql(&format!("ALTER TABLE {from} RENAME TO {to}"));
}

#[test]
fn a_server_whose_store_cannot_answer_is_alive_and_not_ready() {
    let fixture = Fixture::start();
    let client = fixture.server.client();
    client.get("/health/ready").must_succeed("before");
    // What the check reads.
    let table = if fixture.test_dir.is_embedded() { "registry" } else { "schema" };
    rename(&fixture, table, "elsewhere");
    let reply = client.get("/health/ready");
    assert!([500, 503].contains(&reply.status), "{reply:?}");
    client.get("/health/live").must_succeed("a process that answers");
    rename(&fixture, "elsewhere", table);
    client.get("/health/ready").must_succeed("after");
}
