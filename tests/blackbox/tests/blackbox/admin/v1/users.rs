//! `…/users` and `…/users/{userId}`.

use blackbox::moment::unix_seconds;
use blackbox::problems::*;
use blackbox::{CUSTOMERS, Login, sample};
use serde_json::json;

use super::{get, newest, patch, post, text, user_id};
use crate::tenant_fixture::TenantFixture;

#[test]
fn a_user_is_created_gets_a_key_and_signs_in() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let new =
        json!({ "username": "new", "accountName": "Rival", "accountGroup": "West", "roleName": "ACCOUNTREADONLY" });
    let created = post(&operator, "users", &new);
    let id = text(&created, "userId");
    let expected = json!({
        "userId": id, "username": "new", "accountId": "4", "accountName": "Rival", "roleName": "ACCOUNTREADONLY",
        "status": "Active", "accountGroup": "West", "customerGroup": null, "firstName": null, "lastName": null,
        "email": null, "phone": null, "language": null, "timeZone": null, "lastLogin": null,
        "dateAdded": created.json()["dateAdded"], "dateModified": null,
    });
    unix_seconds(&expected["dateAdded"]);
    assert_eq!(created.json(), expected);
    assert_eq!(get(&operator, &format!("users/{id}")).json(), expected);
    let key = text(&post(&operator, &format!("users/{id}/keys"), &json!({})), "key");
    let client = tenants.server.client_of(&Login { user: "new".into(), key });
    client.get(CUSTOMERS).must_succeed("a read");
    client.create(&sample::minimal("A", "Rival")).must_be(&ROLE_NOT_ALLOWED, "a reader");

    let plain = post(&operator, "users", &json!({ "username": "plain", "accountName": "Acme" })).json();
    assert_eq!((&plain["roleName"], &plain["accountGroup"]), (&json!("ACCOUNTADMIN"), &json!(null)));
}

#[test]
fn only_the_fields_that_are_sent_change() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let path = format!("users/{}", user_id(&operator, "ada"));
    let edit = |changes| {
        let user = patch(&operator, &path, &changes).must_succeed("an edit").json();
        assert_eq!(get(&operator, &path).json(), user);
        ["roleName", "accountGroup", "status"].map(|key| user[key].as_str().map(str::to_owned))
    };
    let shown = |role: &str, group: Option<&str>, status: &str| {
        [Some(role.to_owned()), group.map(str::to_owned), Some(status.to_owned())]
    };
    assert_eq!(edit(json!({})), shown("ACCOUNTADMIN", Some("West"), "Active"));
    assert_eq!(edit(json!({ "roleName": "ACCOUNTREADONLY" })), shown("ACCOUNTREADONLY", Some("West"), "Active"));
    tenants.client(&tenants.ada).create(&sample::minimal("A", "Acme")).must_be(&ROLE_NOT_ALLOWED, "at once");
    assert_eq!(edit(json!({ "accountGroup": null })), shown("ACCOUNTREADONLY", None, "Active"));
    assert_eq!(newest(&operator, 1)[0]["fields"], json!(["accountGroup"]), "names of fields, not values");
    assert_eq!(edit(json!({ "status": "Disabled" })), shown("ACCOUNTREADONLY", None, "Disabled"));
    tenants.client(&tenants.ada).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "at once");
    let all = json!({ "status": "Active", "roleName": "ACCOUNTADMIN", "accountGroup": "West", "username": "ignored" });
    assert_eq!(edit(all), shown("ACCOUNTADMIN", Some("West"), "Active"));
    tenants.client(&tenants.ada).create(&sample::minimal("A", "Acme East")).must_succeed("all is as it was");
}

#[test]
fn the_last_operator_remains() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let opal = format!("users/{}", user_id(&operator, "opal"));
    for changes in
        [json!({ "status": "Disabled", "reason": "tired" }), json!({ "roleName": "ACCOUNTADMIN", "reason": "tired" })]
    {
        patch(&operator, &opal, &changes).must_be(&LAST_OPERATOR, &changes.to_string());
        let entry = &newest(&operator, 1)[0];
        assert_eq!((&entry["action"], &entry["object"]), (&json!("refused"), &json!("operation:edit_user")));
        assert_eq!(entry["reason"], "tired");
    }
    for command in
        [["user", "disable", "--yes", "opal"].as_slice(), &["user", "edit", "--yes", "opal", "--role", "ACCOUNTADMIN"]]
    {
        let why = tenants.test_dir.cli(command).fails(1);
        assert!(why.contains("last operator"), "{why}");
    }
    assert_eq!(newest(&operator, 1)[0]["actor"], "command_line");
    // A disabled operator does not count as another one.
    let second = post(&operator, "users", &json!({ "username": "oda", "accountName": "Acme", "roleName": "OPERATOR" }));
    let oda = format!("users/{}", text(&second, "userId"));
    patch(&operator, &oda, &json!({ "status": "Disabled" })).must_succeed("opal remains");
    patch(&operator, &opal, &json!({ "status": "Disabled" })).must_be(&LAST_OPERATOR, "oda cannot sign in");
    patch(&operator, &oda, &json!({ "status": "Active" })).must_succeed("oda is back");
    patch(&operator, &opal, &json!({ "roleName": "ACCOUNTREADONLY" })).must_succeed("oda remains");
    get(&operator, "users").must_be(&ROLE_NOT_ALLOWED, "no operator any more");
}

#[test]
fn what_does_not_exist_or_exists_already_is_refused() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let new = |name: &str, account: &str, group: Option<&str>| {
        post(&operator, "users", &json!({ "username": name, "accountName": account, "accountGroup": group }))
    };
    new("ada", "Acme", None).must_be(&NAME_TAKEN, "a second ada");
    new("bob", "Nobody", None).must_be(&ACCOUNT_NOT_FOUND, "no account");
    new("bob", "Acme", Some("Nowhere")).must_be(&GROUP_NOT_FOUND, "no group");
    for id in ["1000000", "x", "ada"] {
        get(&operator, &format!("users/{id}")).must_be(&USER_NOT_FOUND, id);
        patch(&operator, &format!("users/{id}"), &json!({})).must_be(&USER_NOT_FOUND, id);
        get(&operator, &format!("users/{id}/keys")).must_be(&USER_NOT_FOUND, id);
        post(&operator, &format!("users/{id}/keys"), &json!({})).must_be(&USER_NOT_FOUND, id);
    }
    let ada = format!("users/{}", user_id(&operator, "ada"));
    patch(&operator, &ada, &json!({ "accountGroup": "Nowhere" })).must_be(&GROUP_NOT_FOUND, "no group");
    patch(&operator, &ada, &json!({ "status": "enabled" })).must_be(&INVALID_STATUS, "no status");
}
