//! `DELETE /rws/api/v1/customers/{customerId}`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Request, json, sample, wait};

use crate::tenant_fixture::TenantFixture;

#[test]
fn an_erased_customer_is_gone_for_good_also_after_a_restart() {
    let mut fixture = Fixture::start();
    let id = fixture.client().create(&sample::full("Gone", "Acme")).customer_id();
    let reply = fixture.client().erase(id);
    assert_eq!(json::keys(reply.text()), ["customerId", "timestamp"]);
    assert_eq!((reply.customer_id(), reply.header("etag")), (id, None));
    let assert_gone = |client: &Client| {
        client.read(id).must_be(&CUSTOMER_NOT_FOUND, "a read");
        client.edit(id, &sample::full("Gone", "Acme")).must_be(&CUSTOMER_NOT_FOUND, "an edit");
        client.erase(id).must_be(&CUSTOMER_NOT_FOUND, "another erasure");
        assert_eq!(client.get(CUSTOMERS).json()["customers"], serde_json::json!([]));
    };
    assert_gone(&fixture.client());
    fixture.server.kill();
    fixture.server = fixture.test_dir.serve();
    assert_gone(&fixture.client());
    let again = fixture.client().create(&sample::full("Gone", "Acme")).customer_id();
    assert!(again > id, "the id {id} was given again as {again}");
}

#[test]
fn nothing_of_an_erased_customer_is_left_in_storage() {
    const SECRETS: [&str; 4] = ["Quetzalcoatlus", "Opisthocoelicaudia", "FirstConcert-Zyx", "+41 79 000 00 00"];
    let fixture = Fixture::start();
    let client = fixture.client();
    let mut customer = sample::full(SECRETS[0], "Acme");
    customer["securityAnswer"] = SECRETS[1].into();
    customer["securityQuestion"] = SECRETS[2].into();
    customer["contacts"][0]["phone"] = SECRETS[3].into();
    let id = client.create(&customer).customer_id();
    client.erase(id).must_succeed("an erasure");
    wait::until("nothing is left", wait::NOTICE, || {
        let files = fixture.test_dir.stored();
        let holds = |secret: &str| {
            files.iter().any(|(_, bytes)| bytes.windows(secret.len()).any(|part| part == secret.as_bytes()))
        };
        (!SECRETS.into_iter().any(holds)).then_some(())
    });
    assert!(!fixture.server.log().contains(SECRETS[0]));
}

#[test]
fn the_name_of_an_erased_customer_is_free_at_once() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::minimal("Name", "Acme")).customer_id();
    client.create(&sample::minimal("Name", "Acme")).must_be(&DUPLICATE_NAME, "before");
    client.erase(id).must_succeed("an erasure");
    client.create(&sample::minimal("Name", "Acme")).must_succeed("after");
}

#[test]
fn an_erasure_may_insist_on_the_version_that_it_has_seen() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::minimal("Kept", "Acme")).customer_id();
    let target = format!("{CUSTOMERS}/{id}");
    let if_match = |tag: &str| client.send(Request::new("DELETE", &target).header("If-Match", tag));
    for stale in ["\"2\"", "\"abc\""] {
        if_match(stale).must_be(&PRECONDITION_FAILED, stale);
    }
    client.read(id).must_succeed("a failed precondition changes nothing");
    if_match("\"1\"").must_succeed("the current version");
}

#[test]
fn only_writers_erase_and_only_in_scope() {
    let tenants = TenantFixture::start();
    let id = tenants.client(&tenants.ada).create(&sample::minimal("Kept", "Acme East")).customer_id();
    tenants.client(&tenants.rita).erase(id).must_be(&ROLE_NOT_ALLOWED, "a reader");
    for stranger in [&tenants.rex, &tenants.solo] {
        tenants.client(stranger).erase(id).must_be(&CUSTOMER_NOT_FOUND, &stranger.user);
    }
    tenants.client(&tenants.ada).read(id).must_succeed("it is still there");
    tenants.client(&tenants.opal).erase(id).must_succeed("an operator");
}

#[test]
fn an_invalid_id_and_an_unknown_id_get_different_errors() {
    let fixture = Fixture::start();
    for id in ["abc", "-1", "9007199254740993"] {
        let reply = fixture.client().erase(id);
        reply.must_be(&INVALID_CUSTOMER_ID, id);
        assert_eq!(reply.violated_fields(), ["customerId"]);
    }
    fixture.client().erase((1_u64 << 53) - 1).must_be(&CUSTOMER_NOT_FOUND, "an unknown id");
}
