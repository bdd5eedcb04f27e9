//! `…/users/{userId}/keys` and `…/keys/{keyId}`.

use blackbox::moment::unix_seconds;
use blackbox::problems::*;
use blackbox::{Client, Login, Reply, json};
use serde_json::{Value, json};

use super::{delete, get, newest, post, text, user_id};
use crate::tenant_fixture::TenantFixture;

const ECHO: &str = "/rws/api/v1/echo/hello";

const UUID: &str = "7D8A4E9E-3f0c-4c6b-9d55-0a1b2c3d4e5f";

/// The path of ada's keys.
fn keys_of_ada(operator: &Client) -> String {
    format!("users/{}/keys", user_id(operator, "ada"))
}

/// What a request signed with a key of ada's is answered.
fn sign_in(tenants: &TenantFixture, key: &str) -> Reply {
    tenants.server.client_of(&Login { user: "ada".into(), key: key.into() }).get(ECHO)
}

/// The entry of a key in the listing.
fn entry(operator: &Client, key_id: &str) -> Value {
    let keys = get(operator, &keys_of_ada(operator)).json()["keys"].as_array().expect("keys").clone();
    keys.into_iter().find(|key| key["keyId"] == key_id).unwrap_or_else(|| panic!("no {key_id}"))
}

#[test]
fn a_user_has_several_keys_and_each_can_be_revoked() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let issue = |body: Value| {
        let issued = post(&operator, &keys_of_ada(&operator), &body);
        assert_eq!(json::keys(issued.text()), ["keyId", "key"]);
        (text(&issued, "keyId"), text(&issued, "key"))
    };
    let (first_id, first) = issue(json!({}));
    let (second_id, second) = issue(json!({ "label": "for the shop", "lifetimeSeconds": 3600 }));
    for key in [&first, &second] {
        sign_in(&tenants, key).must_succeed("a new key, at once");
    }
    let shown = entry(&operator, &second_id);
    assert_eq!(unix_seconds(&shown["expiresAt"]) - unix_seconds(&shown["createdAt"]), 3600);
    assert_eq!(shown["label"], "for the shop");
    assert_eq!((&shown["status"], &shown["allowedAddresses"]), (&json!("Active"), &json!([])));
    assert_eq!(get(&operator, &format!("keys/{second_id}")).must_succeed("a key").json(), shown);
    assert_eq!(get(&operator, "keys/0000000000000000").status, 404);
    let listing = get(&operator, &keys_of_ada(&operator));
    assert!(![&first, &second].iter().any(|key| listing.text().contains(&key[21..73])), "{}", listing.text());

    let revoked = delete(&operator, &format!("keys/{first_id}?reason=leaked"));
    assert_eq!(text(&revoked, "status"), "Revoked");
    sign_in(&tenants, &first).must_be(&INVALID_CREDENTIALS, "a revoked key, at once");
    sign_in(&tenants, &second).must_succeed("the other one");
    assert_eq!(newest(&operator, 1)[0]["reason"], "leaked");
    delete(&operator, &format!("keys/{first_id}")).must_be(&ALREADY_REVOKED, "a second time");
    for id in ["0123456789abcdef", "x", "%FF"] {
        delete(&operator, &format!("keys/{id}")).must_be(&KEY_NOT_FOUND, id);
    }
}

#[test]
fn only_the_keys_of_the_user_are_listed() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for login in [&tenants.ada, &tenants.opal, &tenants.rex] {
        let keys = get(&operator, &format!("users/{}/keys", user_id(&operator, &login.user))).json();
        let ids: Vec<_> = keys["keys"].as_array().expect("keys").iter().map(|key| key["keyId"].clone()).collect();
        assert_eq!(ids, [json!(login.key[5..21])], "{}", login.user);
        let from_cli = tenants.test_dir.cli(&["key", "list", &login.user, "--json"]).json();
        assert_eq!(from_cli.as_array().map(Vec::len), Some(1), "{from_cli}");
    }
}

#[test]
fn a_key_made_elsewhere_can_be_imported() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let import = || post(&operator, &keys_of_ada(&operator), &json!({ "key": UUID, "label": "the old one" }));
    let imported = import();
    let id = text(&imported, "keyId");
    assert_eq!(imported.json()["key"], json!(null));
    sign_in(&tenants, UUID).must_succeed("the key");
    assert_eq!(entry(&operator, &id)["label"], "the old one");
    assert_eq!(newest(&operator, 1)[0]["action"], "import_key");
    import().must_be(&KEY_KNOWN, "a second time");
}

#[test]
fn a_key_works_from_its_addresses_alone() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let with = |allowed: Value| {
        let issued = post(&operator, &keys_of_ada(&operator), &json!({ "allowedAddresses": allowed }));
        text(&issued, "key")
    };
    for here in [json!(["127.0.0.0/8"]), json!(["127.0.0.1"]), json!(["2001:db8::/32", "127.9.9.9/8"]), json!(null)] {
        sign_in(&tenants, &with(here.clone())).must_succeed(&here.to_string());
    }
    let wrong = sign_in(&tenants, "crk1_wrong");
    for elsewhere in [json!(["192.0.2.0/24"]), json!(["::/0"]), json!(["127.0.0.2", "126.0.0.0/8"])] {
        let key = with(elsewhere.clone());
        let refused = sign_in(&tenants, &key);
        refused.must_be(&INVALID_CREDENTIALS, &elsewhere.to_string());
        assert_eq!(refused.comparable(), wrong.comparable(), "like a wrong key");
        let from_cli = tenants.test_dir.key("ada", &["--allow", elsewhere[0].as_str().expect("a range")]);
        sign_in(&tenants, &from_cli.key).must_be(&INVALID_CREDENTIALS, "made on the command line");
    }
    let shown = get(&operator, &keys_of_ada(&operator)).json();
    let ranges: Vec<_> = shown["keys"].as_array().expect("keys").iter().map(|key| &key["allowedAddresses"]).collect();
    assert!(ranges.contains(&&json!(["2001:db8::/32", "127.0.0.0/8"])), "{ranges:?}");
}

#[test]
fn the_last_use_of_a_key_is_shown() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let issued = post(&operator, &keys_of_ada(&operator), &json!({}));
    let id = text(&issued, "keyId");
    assert_eq!(entry(&operator, &id)["lastUsedAt"], json!(null));
    let before = newest(&operator, 1)[0]["sequence"].clone();
    sign_in(&tenants, &text(&issued, "key")).must_succeed("a use");
    let shown = entry(&operator, &id);
    assert!(unix_seconds(&shown["lastUsedAt"]) >= unix_seconds(&shown["createdAt"]), "{shown}");
    assert_eq!(newest(&operator, 1)[0]["sequence"], before, "a use is no change");
}
