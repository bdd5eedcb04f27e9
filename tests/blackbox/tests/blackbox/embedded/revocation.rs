//! A key that is revoked while the database is locked.

use std::time::{Duration, Instant};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Connection, Login, Reply, Request, TestDir, sample, wait};
use rusqlite::Connection as Database;
use serde_json::json;

use crate::tenant_fixture::TenantFixture;

/// Revokes a key as another process does, while a create of ada's waits for the write lock, and returns the reply.
fn revoked_while_a_create_waits(tenants: &TenantFixture, revoked: &Login) -> Reply {
    let database = Database::open(tenants.test_dir.data().join("carnelian.db")).expect("the database can be opened");
    // What another process is going to commit, made in a copy of the registry.
    let (copy, copied) = (tenants.test_dir.root().join("copy"), "copy/carnelian.db");
    std::fs::create_dir(&copy).expect("a directory can be made");
    std::fs::copy(tenants.test_dir.data().join("master.key"), copy.join("master.key")).expect("can be copied");
    database.execute("VACUUM INTO ?1", [tenants.test_dir.root().join(copied).to_str()]).expect("is copied");
    let key_id = &revoked.key[5..21];
    tenants
        .test_dir
        .bare_cli(&["key", "revoke", "--yes", key_id, "--data", copy.to_str().expect("a plain path")])
        .done();
    database.execute("ATTACH ?1 AS copy", [tenants.test_dir.root().join(copied).to_str()]).expect("is attached");
    // Another process holds the write lock, so the create waits.
    database.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let create = Request::new("POST", CUSTOMERS).login(&tenants.ada).header("Idempotency-Key", "waits");
    let bytes = create.json(&sample::minimal("A", "Acme")).bytes();
    let mut both =
        [(); 2].map(|()| Connection::open(tenants.server.address()).expect("the server accepts connections"));
    for connection in &mut both {
        connection.send_bytes(&bytes).expect("the server reads");
        connection.set_patience(Duration::from_millis(20));
    }
    // One of the two is refused because the other one is in progress.
    let refused = wait::until("a create is in progress", wait::NOTICE, || {
        let mut replies = both.iter_mut().map(|connection| connection.receive("POST", CUSTOMERS)).enumerate();
        replies.find_map(|(index, reply)| {
            reply.ok().is_some_and(|reply| reply.is(&IDEMPOTENCY_KEY_IN_USE)).then_some(index)
        })
    });
    // A sign-in of a few milliseconds ago counts as fresh.
    let begun = Instant::now();
    wait::until("the sign-in is old", wait::NOTICE, || (begun.elapsed() > Duration::from_millis(100)).then_some(()));
    let revoke = "UPDATE main.api_key AS key SET revoked_at =
            (SELECT revoked_at FROM copy.api_key AS copied WHERE copied.id = key.id);
        INSERT INTO main.audit SELECT * FROM copy.audit WHERE sequence > (SELECT max(sequence) FROM main.audit);
        UPDATE main.registry SET (directory_version, directory_seal, audit_sequence, audit_seal) =
            (SELECT directory_version, directory_seal, audit_sequence, audit_seal FROM copy.registry);
        COMMIT";
    database.execute_batch(revoke).expect("the key can be revoked");
    let waited = &mut both[1 - refused];
    waited.set_patience(wait::PROCESS);
    waited.receive("POST", CUSTOMERS).expect("the server answers")
}

#[test]
fn a_key_that_is_revoked_while_a_create_waits_for_ids_is_refused() {
    let tenants = TenantFixture::start_in(TestDir::embedded(), |launch| launch);
    let reply = revoked_while_a_create_waits(&tenants, &tenants.ada);
    reply.must_be(&INVALID_CREDENTIALS, "revoked while the create waited for ids");
}

#[test]
fn a_key_that_is_revoked_while_a_create_waits_to_be_written_is_refused() {
    let tenants = TenantFixture::start_in(TestDir::embedded(), |launch| launch);
    // The server has ids from here on.
    tenants.client(&tenants.ada).create(&sample::minimal("First", "Acme")).must_succeed("has every right");
    let reply = revoked_while_a_create_waits(&tenants, &tenants.ada);
    reply.must_be(&INVALID_CREDENTIALS, "revoked while the create waited to be written");
    let listed = tenants.client(&tenants.opal).get(&format!("{CUSTOMERS}?name=A")).must_succeed("an operator").json();
    assert_eq!(listed["customers"], json!([]), "{listed}");
}

#[test]
fn a_create_that_waits_while_the_rights_of_others_change_is_made() {
    let tenants = TenantFixture::start_in(TestDir::embedded(), |launch| launch);
    tenants.client(&tenants.ada).create(&sample::minimal("First", "Acme")).must_succeed("has every right");
    revoked_while_a_create_waits(&tenants, &tenants.rita).must_succeed("the key of another user was revoked");
}
