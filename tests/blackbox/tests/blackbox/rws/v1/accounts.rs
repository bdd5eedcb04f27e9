//! `GET /rws/api/v1/accounts` and `GET /rws/api/v1/accounts/{accountId}`.

use blackbox::problems::*;
use blackbox::{Login, json, wait};
use serde_json::{Value, json};

use super::paging::page;
use crate::tenant_fixture::TenantFixture;

const ACCOUNTS: &str = "/rws/api/v1/accounts";

fn names(tenants: &TenantFixture, login: &Login) -> Vec<String> {
    let (accounts, last) = page(&tenants.client(login), ACCOUNTS, "accounts", 1);
    assert!(last);
    accounts.iter().map(|account| account["accountName"].as_str().expect("a name").to_owned()).collect()
}

/// The id of an account on the command line.
fn id_of(tenants: &TenantFixture, name: &str) -> String {
    let listing = tenants.test_dir.cli(&["account", "list", "--json"]).json();
    let accounts = listing.as_array().expect("a list");
    let account = accounts.iter().find(|account| account["accountName"] == name).expect("the account is there");
    account["accountId"].as_str().map_or_else(|| account["accountId"].to_string(), str::to_owned)
}

#[test]
fn an_account_shows_its_name_its_id_and_its_status() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let (acme, leaving) = (id_of(&tenants, "Acme"), id_of(&tenants, "Leaving"));
    let expected = json!({ "accountName": "Acme", "accountId": acme, "status": "Active" });
    let (accounts, _) = page(&client, ACCOUNTS, "accounts", 1);
    assert_eq!(accounts[0], expected);
    assert_eq!(accounts[2], json!({ "accountName": "Leaving", "accountId": leaving, "status": "ErasureInProgress" }));

    let single = client.get(&format!("{ACCOUNTS}/{acme}"));
    single.must_succeed("an account in scope");
    assert_eq!(single.json(), expected);
    assert_eq!(json::keys(single.text()), ["accountName", "accountId", "status"]);
}

#[test]
fn only_what_is_in_scope_is_listed() {
    let tenants = TenantFixture::start();
    for login in [&tenants.ada, &tenants.rita] {
        assert_eq!(names(&tenants, login), ["Acme", "Acme East", "Leaving"], "{}", login.user);
    }
    assert_eq!(names(&tenants, &tenants.solo), ["Acme"]);
    assert_eq!(names(&tenants, &tenants.rex), ["Rival"]);
    assert_eq!(names(&tenants, &tenants.opal), ["Acme", "Acme East", "Leaving", "Rival", "Rival Leaving"]);
}

#[test]
fn a_foreign_account_looks_like_one_that_does_not_exist() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let get = |id: &str| client.get(&format!("{ACCOUNTS}/{id}"));
    let unknown = get("1000000");
    unknown.must_be(&ACCOUNT_NOT_FOUND, "an unknown account");
    let foreign = id_of(&tenants, "Rival");
    for id in [&foreign, "0", "x", "-1", "+1", "1.0", "%20", "%FF", "99999999999999999999999", "Acme"] {
        assert_eq!(get(id).comparable(), unknown.comparable(), "{id}");
    }
    tenants.client(&tenants.rex).get(&format!("{ACCOUNTS}/{foreign}")).must_succeed("by who has it in scope");
    tenants.client(&tenants.opal).get(&format!("{ACCOUNTS}/{foreign}")).must_succeed("by an operator");
}

#[test]
fn an_account_is_listed_after_its_creation_and_disappears_when_it_leaves_the_scope() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for turn in 0..20 {
        let id = tenants.test_dir.account(&format!("New {turn}"));
        let read = operator.get(&format!("{ACCOUNTS}/{id}"));
        assert_eq!(read.must_succeed("a new account").json()["accountName"], format!("New {turn}"));
        tenants.test_dir.account(&format!("Newer {turn}"));
        let (accounts, _) = page(&operator, ACCOUNTS, "accounts", 1);
        assert_eq!(accounts.last().map(|account| &account["accountName"]), Some(&Value::from(format!("Newer {turn}"))));
    }
    tenants.test_dir.cli(&["group", "remove", "--yes", "West", "Acme East"]).done();
    wait::until("the account is out of scope", wait::NOTICE, || {
        (names(&tenants, &tenants.ada) == ["Acme", "Leaving"]).then_some(())
    });
    let gone = format!("{ACCOUNTS}/{}", id_of(&tenants, "Acme East"));
    tenants.client(&tenants.ada).get(&gone).must_be(&ACCOUNT_NOT_FOUND, "out of scope");
}
