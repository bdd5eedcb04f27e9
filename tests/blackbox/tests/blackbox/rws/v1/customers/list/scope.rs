//! Whose customers are listed.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, sample, wait};

use super::{encoded, ids};
use crate::world::World;

/// A customer in each account that takes one, all of one name; their ids by account.
fn everywhere(world: &World) -> [(&'static str, u64); 3] {
    let client = world.client(&world.opal);
    ["Rival", "Acme East", "Acme"].map(|account| (account, client.create(&sample::full("Same", account)).customer_id()))
}

fn seen(client: &Client) -> Vec<u64> {
    let seen = ids(client, "");
    for query in ["name=Same", "namePrefix=S", "modifiedSince=2020-01-01T00:00:00Z", "after=0", "fields=customerId"] {
        assert_eq!(ids(client, query), seen, "{query}");
    }
    seen
}

#[test]
fn only_customers_in_scope_are_listed_in_the_order_of_their_ids() {
    let world = World::start();
    let [(_, rival), (_, east), (_, acme)] = everywhere(&world);
    assert_eq!(seen(&world.client(&world.ada)), [east, acme]);
    assert_eq!(seen(&world.client(&world.rita)), [east, acme]);
    assert_eq!(seen(&world.client(&world.solo)), [acme]);
    assert_eq!(seen(&world.client(&world.rex)), [rival]);
    assert_eq!(seen(&world.client(&world.opal)), [rival, east, acme]);
}

#[test]
fn an_account_is_chosen_by_its_name() {
    let world = World::start();
    for (account, id) in everywhere(&world) {
        let query = format!("accountName={}", encoded(account));
        assert_eq!(ids(&world.client(&world.opal), &query), [id]);
        assert_eq!(ids(&world.client(&world.opal), &format!("{query}&name=Same")), [id]);
        assert!(ids(&world.client(&world.opal), &format!("{query}&name=Other")).is_empty());
    }
    assert!(ids(&world.client(&world.ada), "accountName=Leaving").is_empty(), "reads go on during an erasure");
}

#[test]
fn a_foreign_account_looks_like_one_that_does_not_exist() {
    let world = World::start();
    let [(_, rival), ..] = everywhere(&world);
    let client = world.client(&world.ada);
    for more in ["", "&name=Same", "&namePrefix=S", "&pageNumber=7", "&after=1", "&fields=name"] {
        let list = |account: &str| client.get(&format!("{CUSTOMERS}?accountName={account}{more}"));
        let unknown = list("Nobody");
        unknown.must_be(&ACCOUNT_NOT_FOUND, more);
        for account in ["Rival", "Rival+Leaving", "acme"] {
            assert_eq!(list(account).comparable(), unknown.comparable(), "{account}{more}");
        }
    }
    let beside = format!("after={}", rival - 1);
    assert!(!ids(&client, &beside).contains(&rival), "a known id gives no access");
}

#[test]
fn an_account_is_listed_after_its_creation_and_not_after_it_leaves_the_scope() {
    let world = World::start();
    let [_, (_, east), (_, acme)] = everywhere(&world);
    let operator = world.client(&world.opal);
    for turn in 0..20 {
        let name = format!("New {turn}");
        world.place.account(&name);
        assert!(ids(&operator, &format!("accountName={}", encoded(&name))).is_empty());
    }
    world.place.cli(&["group", "remove", "West", "Acme East"]).done();
    let client = world.client(&world.ada);
    wait::until("the account is out of scope", wait::NOTICE, || (ids(&client, "") == [acme]).then_some(()));
    client.get(&format!("{CUSTOMERS}?accountName=Acme+East")).must_be(&ACCOUNT_NOT_FOUND, "out of scope");
    assert!(!ids(&client, "name=Same").contains(&east));
}

#[test]
fn a_customer_that_moves_is_listed_where_it_lives() {
    let world = World::start();
    let client = world.client(&world.ada);
    let id = client.create(&sample::full("Mover", "Acme")).customer_id();
    client.edit(id, &sample::full("Mover", "Acme East")).must_succeed("a move");
    for (query, expected) in [
        ("accountName=Acme", &[][..]),
        ("accountName=Acme&name=Mover", &[]),
        ("accountName=Acme+East", &[id]),
        ("accountName=Acme+East&name=Mover", &[id]),
        ("name=Mover", &[id]),
    ] {
        assert_eq!(ids(&client, query), expected, "{query}");
    }
    assert!(ids(&world.client(&world.solo), "").is_empty());
}
