//! Whose customers are listed.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, sample, wait};

use super::{encoded, ids};
use crate::tenant_fixture::TenantFixture;

/// A customer in each account that takes one, all of one name; their ids by account.
fn everywhere(tenants: &TenantFixture) -> [(&'static str, u64); 3] {
    let client = tenants.client(&tenants.opal);
    ["Rival", "Acme East", "Acme"].map(|account| (account, client.create(&sample::full("Same", account)).customer_id()))
}

fn seen(client: &Client) -> Vec<u64> {
    let seen = ids(client, "");
    for query in [
        "name=Same",
        "namePrefix=S",
        "search=same",
        "modifiedSince=2020-01-01T00:00:00Z",
        "after=0",
        "fields=customerId",
    ] {
        assert_eq!(ids(client, query), seen, "{query}");
    }
    seen
}

#[test]
fn only_customers_in_scope_are_listed_in_the_order_of_their_ids() {
    let tenants = TenantFixture::start();
    let [(_, rival), (_, east), (_, acme)] = everywhere(&tenants);
    assert_eq!(seen(&tenants.client(&tenants.ada)), [east, acme]);
    assert_eq!(seen(&tenants.client(&tenants.rita)), [east, acme]);
    assert_eq!(seen(&tenants.client(&tenants.solo)), [acme]);
    assert_eq!(seen(&tenants.client(&tenants.rex)), [rival]);
    assert_eq!(seen(&tenants.client(&tenants.opal)), [rival, east, acme]);
}

#[test]
fn an_account_is_chosen_by_its_name() {
    let tenants = TenantFixture::start();
    for (account, id) in everywhere(&tenants) {
        let query = format!("accountName={}", encoded(account));
        assert_eq!(ids(&tenants.client(&tenants.opal), &query), [id]);
        assert_eq!(ids(&tenants.client(&tenants.opal), &format!("{query}&name=Same")), [id]);
        assert!(ids(&tenants.client(&tenants.opal), &format!("{query}&name=Other")).is_empty());
    }
    assert!(ids(&tenants.client(&tenants.ada), "accountName=Leaving").is_empty(), "reads continue during an erasure");
}

#[test]
fn a_foreign_account_looks_like_one_that_does_not_exist() {
    let tenants = TenantFixture::start();
    let [(_, rival), ..] = everywhere(&tenants);
    let client = tenants.client(&tenants.ada);
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
    let tenants = TenantFixture::start();
    let [_, (_, east), (_, acme)] = everywhere(&tenants);
    let operator = tenants.client(&tenants.opal);
    for turn in 0..20 {
        let name = format!("New {turn}");
        tenants.test_dir.account(&name);
        assert!(ids(&operator, &format!("accountName={}", encoded(&name))).is_empty());
    }
    tenants.test_dir.cli(&["group", "remove", "--yes", "West", "Acme East"]).done();
    let client = tenants.client(&tenants.ada);
    wait::until("the account is out of scope", wait::NOTICE, || (ids(&client, "") == [acme]).then_some(()));
    client.get(&format!("{CUSTOMERS}?accountName=Acme+East")).must_be(&ACCOUNT_NOT_FOUND, "out of scope");
    assert!(!ids(&client, "name=Same").contains(&east));
}

#[test]
fn a_customer_that_moves_is_listed_where_it_lives() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
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
    assert!(ids(&tenants.client(&tenants.solo), "").is_empty());
}
