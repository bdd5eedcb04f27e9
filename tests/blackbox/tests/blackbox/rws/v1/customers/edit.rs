//! `PUT /rws/api/v1/customers/{customerId}`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Reply, Request, json, sample, wait};
use serde_json::{Value, json};

use crate::rules::{self, RULES};
use crate::tenant_fixture::TenantFixture;

#[test]
fn an_edit_replaces_everything() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("Before", "Acme")).customer_id();
    let after = sample::minimal("After", "Acme");
    let reply = client.edit(id, &after);
    assert_eq!(json::keys(reply.text()), ["customerId", "timestamp"]);
    assert_eq!(reply.customer_id(), id);
    let read = client.read(id);
    sample::assert_shows(&read.json(), &after, id);
    assert_eq!(read.header("etag"), Some("\"2\""));
    let full = sample::full("After", "Acme");
    client.edit(id, &full).must_succeed("back to everything");
    sample::assert_shows(&client.read(id).json(), &full, id);
}

#[test]
fn the_rules_are_those_of_create() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("Ruled", "Acme")).customer_id();
    for rule in RULES {
        let reply = client.edit(id, &rules::broken("Acme", &[rule]));
        reply.must_be(&rule.problem, rule.field);
        assert_eq!(reply.violated_fields(), [rule.field]);
    }
    let put = |body: &str| client.send(put(id).json_bytes(body));
    put("").must_be(&DETAILS_REQUIRED, "no body");
    put("{").must_be(&NOT_WELL_FORMED, "no JSON");
    put(r#"{"name":"A","name":"A","accountName":"Acme"}"#).must_be(&NOT_WELL_FORMED, "a key twice");
    let text = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).header("Content-Type", "text/plain").body("{}");
    client.send(text).must_be(&UNSUPPORTED_MEDIA_TYPE, "another media type");
    client.edit(id, &sample::minimal("A", "Nobody")).must_be(&ACCOUNT_NOT_FOUND, "an unknown account");
    let read = client.read(id);
    sample::assert_shows(&read.json(), &sample::full("Ruled", "Acme"), id);
    assert_eq!(read.header("etag"), Some("\"1\""), "a refused edit changes nothing");
}

#[test]
fn an_invalid_id_takes_its_place_among_the_field_rules() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let edit = |id: &str, body: &Value| client.send(Request::new("PUT", &format!("{CUSTOMERS}/{id}")).json(body));
    for id in ["abc", "-1", "9007199254740993"] {
        let reply = edit(id, &sample::full("A", "Acme"));
        reply.must_be(&INVALID_CUSTOMER_ID, id);
        assert_eq!(reply.violated_fields(), ["customerId"]);
        for rule in RULES {
            let reply = edit(id, &rules::broken("Acme", &[rule]));
            reply.must_be(&rule.problem, rule.field);
            assert_eq!(reply.violated_fields(), [rule.field, "customerId"]);
        }
        edit(id, &sample::full("A", "Nobody")).must_be(&INVALID_CUSTOMER_ID, "before the account is looked up");
    }
}

#[test]
fn a_customer_keeps_its_own_name_but_not_that_of_another() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::minimal("Caf\u{e9}", "Acme")).customer_id();
    client.create(&sample::minimal("Other", "Acme")).must_succeed("another customer");
    for name in ["Caf\u{e9}", "Cafe\u{301}", " Caf\u{e9} "] {
        let body = sample::minimal(name, "Acme");
        client.edit(id, &body).must_succeed(&format!("its own name, written {name:?}"));
        sample::assert_shows(&client.read(id).json(), &body, id);
    }
    for name in ["Other", " Other "] {
        client.edit(id, &sample::minimal(name, "Acme")).must_be(&DUPLICATE_NAME, name);
    }
    client.edit(id, &sample::minimal("Renamed", "Acme")).must_succeed("a free name");
    client.create(&sample::minimal("Caf\u{e9}", "Acme")).must_succeed("the name that became free");
    client.create(&sample::minimal("Renamed", "Acme")).must_be(&DUPLICATE_NAME, "the name that was taken");
}

#[test]
fn a_customer_moves_to_another_account_in_scope() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let id = client.create(&sample::full("Mover", "Acme")).customer_id();
    client.create(&sample::minimal("Settled", "Acme East")).must_succeed("somebody there");
    client.edit(id, &sample::full("Settled", "Acme East")).must_be(&DUPLICATE_NAME, "a name taken there");
    let moved = sample::full("Mover", "Acme East");
    client.edit(id, &moved).must_succeed("a move");
    sample::assert_shows(&client.read(id).json(), &moved, id);
    tenants.client(&tenants.solo).read(id).must_be(&CUSTOMER_NOT_FOUND, "a read by who has lost it");
    client.create(&sample::minimal("Mover", "Acme")).must_succeed("its name became free");
    client.create(&sample::minimal("Mover", "Acme East")).must_be(&DUPLICATE_NAME, "its name is taken");
    for account in ["Rival", "Nobody"] {
        client.edit(id, &sample::full("Mover", account)).must_be(&ACCOUNT_NOT_FOUND, account);
    }
    client.edit(id, &sample::full("Mover", "Leaving")).must_be(&ERASURE_IN_PROGRESS, "into an erasure");
    sample::assert_shows(&client.read(id).json(), &moved, id);
}

#[test]
fn nothing_is_edited_in_or_moved_out_of_an_account_that_is_being_erased() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let body = sample::full("Stuck", "Acme East");
    let id = client.create(&body).customer_id();
    tenants.test_dir.cli(&["account", "request-erasure", "--yes", "Acme East"]).done();
    client.edit(id, &sample::full("Renamed", "Acme East")).must_be(&ERASURE_IN_PROGRESS, "an edit");
    client.edit(id, &sample::full("Stuck", "Acme")).must_be(&ERASURE_IN_PROGRESS, "a move out");
    sample::assert_shows(&client.read(id).json(), &body, id);
    tenants.test_dir.cli(&["account", "cancel-erasure", "Acme East"]).done();
    wait::until("the cancellation is noticed", wait::NOTICE, || {
        (client.edit(id, &sample::full("Renamed", "Acme East")).status == 200).then_some(())
    });
}

#[test]
fn an_edit_may_insist_on_the_version_that_it_has_seen() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("First", "Acme")).customer_id();
    if_match(&client, id, "\"1\"", "Second").must_succeed("the current version");
    for stale in ["\"1\"", "\"3\"", "\"abc\""] {
        if_match(&client, id, stale, "Third").must_be(&PRECONDITION_FAILED, stale);
    }
    let read = client.read(id);
    sample::assert_shows(&read.json(), &sample::full("Second", "Acme"), id);
    assert_eq!(read.header("etag"), Some("\"2\""), "a failed precondition changes nothing");
    if_match(&client, id, "\"2\"", "Third").must_succeed("the current version");
}

#[test]
fn without_insisting_the_last_write_wins() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("First", "Acme")).customer_id();
    for (version, name) in [(2, "Second"), (3, "Third"), (4, "Third")] {
        client.edit(id, &sample::full(name, "Acme")).must_succeed(name);
        assert_eq!(client.read(id).header("etag"), Some(format!("\"{version}\"").as_str()));
    }
    sample::assert_shows(&client.read(id).json(), &sample::full("Third", "Acme"), id);
}

#[test]
fn an_edit_of_an_unknown_id_is_not_found() {
    let fixture = Fixture::start();
    let client = fixture.client();
    client.edit((1 << 53) - 1, &sample::minimal("A", "Acme")).must_be(&CUSTOMER_NOT_FOUND, "an unknown id");
    client.edit(1 << 53, &json!({})).must_be(&NAME_REQUIRED, "the field rules come first");
}

fn if_match(client: &Client, id: u64, version: &str, name: &str) -> Reply {
    client.send(put(id).header("If-Match", version).body(sample::full(name, "Acme").to_string()))
}

fn put(id: u64) -> Request {
    Request::new("PUT", &format!("{CUSTOMERS}/{id}"))
}
