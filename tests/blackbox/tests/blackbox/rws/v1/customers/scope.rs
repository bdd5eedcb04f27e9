//! The scope of a user: the customers of the home account and of the accounts of the group.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Reply, Request, sample, wait};

use crate::tenant_fixture::TenantFixture;

#[test]
fn a_user_creates_in_the_home_account_and_in_those_of_the_group() {
    let tenants = TenantFixture::start();
    let member = tenants.client(&tenants.ada);
    let solo = tenants.client(&tenants.solo);
    for account in ["Acme", "Acme East"] {
        let body = sample::full("Member", account);
        let id = member.create(&body).customer_id();
        sample::assert_shows(&member.read(id).json(), &body, id);
    }
    solo.create(&sample::minimal("Solo", "Acme")).must_succeed("the home account");
    solo.create(&sample::minimal("Solo", "Acme East")).must_be(&ACCOUNT_NOT_FOUND, "a group without being in it");
}

#[test]
fn account_names_are_matched_to_the_letter() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    for name in ["acme", "ACME", "Acm", "Acme Eas"] {
        client.create(&sample::minimal("A", name)).must_be(&ACCOUNT_NOT_FOUND, name);
    }
}

#[test]
fn a_foreign_account_looks_like_one_that_does_not_exist() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    tenants.client(&tenants.rex).create(&sample::minimal("Taken", "Rival")).must_succeed("in the own account");
    let create = |account: &str| client.create(&sample::minimal("Taken", account));
    let unknown = create("Nobody");
    unknown.must_be(&ACCOUNT_NOT_FOUND, "an unknown account");
    for account in ["Rival", "Rival Leaving"] {
        assert_same(&create(account), &unknown, account);
    }
    let rex = tenants.client(&tenants.rex);
    assert_same(&rex.create(&sample::minimal("A", "Acme")), &unknown, "the other way round");
}

#[test]
fn a_foreign_customer_looks_like_one_that_does_not_exist() {
    let tenants = TenantFixture::start();
    let foreign = tenants.client(&tenants.rex).create(&sample::full("Foreign", "Rival")).customer_id();
    let client = tenants.client(&tenants.ada);
    let unknown = 4_000_000_000_000_000;
    client.read(unknown).must_be(&CUSTOMER_NOT_FOUND, "an unknown customer");
    assert_same(&client.read(foreign), &client.read(unknown), "a read");
    let body = sample::full("Renamed", "Acme");
    client.edit(unknown, &body).must_be(&CUSTOMER_NOT_FOUND, "an edit of an unknown customer");
    assert_same(&client.edit(foreign, &body), &client.edit(unknown, &body), "an edit");
    let conditional = |id: u64| {
        let request = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).json(&body);
        client.send(request.header("If-Match", "\"7\""))
    };
    assert_same(&conditional(foreign), &conditional(unknown), "a conditional edit");
    for account in ["Rival", "Nobody"] {
        let body = sample::full("Renamed", account);
        assert_same(&client.edit(foreign, &body), &client.edit(unknown, &body), account);
    }
    let owner = tenants.client(&tenants.rex);
    sample::assert_shows(&owner.read(foreign).json(), &sample::full("Foreign", "Rival"), foreign);
}

#[test]
fn an_operator_has_every_account_in_scope() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for account in ["Acme", "Acme East", "Rival"] {
        let body = sample::full("Operated", account);
        let id = operator.create(&body).customer_id();
        sample::assert_shows(&operator.read(id).json(), &body, id);
        operator.edit(id, &sample::full("Renamed", account)).must_succeed(account);
    }
    operator.create(&sample::minimal("A", "Nobody")).must_be(&ACCOUNT_NOT_FOUND, "an unknown account");
}

#[test]
fn an_account_that_leaves_the_group_leaves_the_scope() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let id = client.create(&sample::full("East", "Acme East")).customer_id();
    tenants.test_dir.cli(&["group", "remove", "--yes", "West", "Acme East"]).done();
    out_of_scope(&client, id);
    client.create(&sample::minimal("Home", "Acme")).must_succeed("the home account stays");

    // The home account stays in scope even when the group loses it.
    tenants.test_dir.cli(&["group", "remove", "--yes", "West", "Acme"]).done();
    tenants.test_dir.cli(&["group", "add", "West", "Rival"]).done();
    wait::until("the group's new account is in scope", wait::NOTICE, || {
        (client.create(&sample::minimal("New", "Rival")).status == 200).then_some(())
    });
    client.create(&sample::minimal("Home again", "Acme")).must_succeed("the home account stays");
}

/// Waits until the change is noticed; from then on nothing of the account may be touched.
fn out_of_scope(client: &Client, id: u64) {
    wait::until("the account is out of scope", wait::NOTICE, || client.read(id).is(&CUSTOMER_NOT_FOUND).then_some(()));
    client.create(&sample::minimal("After", "Acme East")).must_be(&ACCOUNT_NOT_FOUND, "a create");
    client.edit(id, &sample::full("East", "Acme")).must_be(&CUSTOMER_NOT_FOUND, "an edit that moves it home");
}

/// Asserts that two responses are equal.
#[track_caller]
fn assert_same(one: &Reply, other: &Reply, case: &str) {
    assert_eq!(one.comparable(), other.comparable(), "{case}");
}
