//! `DELETE /rws/api/v1/customers/{customerId}`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Request, Site, json, sample, wait};

use crate::world::World;

#[test]
fn an_erased_customer_is_gone_for_good_also_after_a_restart() {
    let mut site = Site::start();
    let id = site.client().create(&sample::full("Gone", "Acme")).customer_id();
    let reply = site.client().erase(id);
    assert_eq!(json::keys(reply.text()), ["customerId", "timestamp"]);
    assert_eq!((reply.customer_id(), reply.header("etag")), (id, None));
    let assert_gone = |client: &Client| {
        client.read(id).must_be(&CUSTOMER_NOT_FOUND, "a read");
        client.edit(id, &sample::full("Gone", "Acme")).must_be(&CUSTOMER_NOT_FOUND, "an edit");
        client.erase(id).must_be(&CUSTOMER_NOT_FOUND, "another erasure");
        assert_eq!(client.get(CUSTOMERS).json()["customers"], serde_json::json!([]));
    };
    assert_gone(&site.client());
    site.server.kill();
    site.server = site.place.serve();
    assert_gone(&site.client());
    let again = site.client().create(&sample::full("Gone", "Acme")).customer_id();
    assert!(again > id, "the id {id} was given again as {again}");
}

#[test]
fn nothing_of_an_erased_customer_is_left_in_the_files() {
    const SECRETS: [&str; 4] = ["Quetzalcoatlus", "Opisthocoelicaudia", "FirstConcert-Zyx", "+41 79 000 00 00"];
    let site = Site::start();
    let client = site.client();
    let mut customer = sample::full(SECRETS[0], "Acme");
    customer["securityAnswer"] = SECRETS[1].into();
    customer["securityQuestion"] = SECRETS[2].into();
    customer["contacts"][0]["phone"] = SECRETS[3].into();
    let id = client.create(&customer).customer_id();
    client.erase(id).must_succeed("an erasure");
    wait::until("nothing is left", wait::NOTICE, || {
        let files = site.place.data_files();
        let holds = |secret: &str| {
            files.iter().any(|(_, bytes)| bytes.windows(secret.len()).any(|part| part == secret.as_bytes()))
        };
        (!SECRETS.into_iter().any(holds)).then_some(())
    });
    assert!(!site.server.log().contains(SECRETS[0]));
}

#[test]
fn the_name_of_an_erased_customer_is_free_at_once() {
    let site = Site::start();
    let client = site.client();
    let id = client.create(&sample::minimal("Name", "Acme")).customer_id();
    client.create(&sample::minimal("Name", "Acme")).must_be(&DUPLICATE_NAME, "before");
    client.erase(id).must_succeed("an erasure");
    client.create(&sample::minimal("Name", "Acme")).must_succeed("after");
}

#[test]
fn an_erasure_may_insist_on_the_version_that_it_has_seen() {
    let site = Site::start();
    let client = site.client();
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
    let world = World::start();
    let id = world.client(&world.ada).create(&sample::minimal("Kept", "Acme East")).customer_id();
    world.client(&world.rita).erase(id).must_be(&ROLE_NOT_ALLOWED, "a reader");
    for stranger in [&world.rex, &world.solo] {
        world.client(stranger).erase(id).must_be(&CUSTOMER_NOT_FOUND, &stranger.user);
    }
    world.client(&world.ada).read(id).must_succeed("it is still there");
    world.client(&world.opal).erase(id).must_succeed("an operator");
}

#[test]
fn an_invalid_id_and_an_unknown_id_get_different_errors() {
    let site = Site::start();
    for id in ["abc", "-1", "9007199254740993"] {
        let reply = site.client().erase(id);
        reply.must_be(&INVALID_CUSTOMER_ID, id);
        assert_eq!(reply.violated_fields(), ["customerId"]);
    }
    site.client().erase((1_u64 << 53) - 1).must_be(&CUSTOMER_NOT_FOUND, "an unknown id");
}
