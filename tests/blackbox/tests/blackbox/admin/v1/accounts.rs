//! `…/accounts`, `…/accounts/{accountId}` and `…/accounts/{accountId}/erasure`.

use blackbox::problems::*;
use blackbox::{Request, json, sample};
use serde_json::json;

use super::{ADMIN, account_id, delete, get, newest, post, text};
use crate::tenant_fixture::TenantFixture;

#[test]
fn an_account_is_created_and_there_at_once() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let created = post(&operator, "accounts", &json!({ "accountName": "New", "reason": "a contract" }));
    let id = text(&created, "accountId");
    assert_eq!(created.json(), json!({ "accountName": "New", "accountId": id, "status": "Active" }));
    assert_eq!(json::keys(created.text()), ["accountName", "accountId", "status"]);
    assert_eq!(get(&operator, &format!("accounts/{id}")).json(), created.json());
    operator.create(&sample::minimal("First", "New")).must_succeed("a customer in it");
    let listed = tenants.test_dir.cli(&["account", "list", "--json"]).json();
    assert!(listed.as_array().expect("a list").contains(&created.json()), "{listed}");
    let entry = &newest(&operator, 2)[1];
    assert_eq!((&entry["action"], &entry["accountId"]), (&json!("create_account"), &json!(id)));
    assert_eq!((&entry["reason"], &entry["fields"]), (&json!("a contract"), &json!([])));
}

#[test]
fn a_name_is_given_once() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for name in ["Acme", "Leaving"] {
        post(&operator, "accounts", &json!({ "accountName": name })).must_be(&NAME_TAKEN, name);
    }
}

#[test]
fn an_erasure_is_requested_and_taken_back() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let path = format!("accounts/{}/erasure", account_id(&operator, "Rival"));
    let body = sample::minimal("During", "Rival");
    // No body is needed.
    let requested = operator.send(Request::new("POST", &format!("{ADMIN}/{path}")));
    assert_eq!(text(&requested, "status"), "ErasureInProgress");
    tenants.client(&tenants.rex).create(&body).must_be(&ERASURE_IN_PROGRESS, "a create");
    post(&operator, &path, &json!({ "reason": "again" })).must_be(&ERASURE_IN_PROGRESS, "a second request");
    assert_eq!(text(&delete(&operator, &format!("{path}?reason=they+stay")), "status"), "Active");
    tenants.client(&tenants.rex).create(&body).must_succeed("a create");
    let entry = &newest(&operator, 2)[1];
    assert_eq!((&entry["action"], &entry["reason"]), (&json!("cancel_erasure"), &json!("they stay")));
    delete(&operator, &path).must_be(&NO_ERASURE_IN_PROGRESS, "a second time");
    delete(&operator, &format!("{path}?reason=")).must_be(&INVALID_TEXT, "no reason");
}

#[test]
fn the_account_of_the_last_operator_is_erased_by_command_only() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let path = format!("accounts/{}/erasure", account_id(&operator, "Acme"));
    post(&operator, &path, &json!({ "reason": "all go" })).must_be(&LAST_OPERATOR, "opal would be gone");
    let entry = &newest(&operator, 1)[0];
    assert_eq!((&entry["action"], &entry["object"]), (&json!("refused"), &json!("operation:request_erasure")));
    assert_eq!(entry["reason"], "all go");
    tenants.test_dir.user("oda", "Rival", &["--role", "OPERATOR"]);
    assert_eq!(text(&post(&operator, &path, &json!({})), "status"), "ErasureInProgress");
    tenants.test_dir.cli(&["account", "request-erasure", "--yes", "Rival"]).done();
}

#[test]
fn an_account_that_does_not_exist_is_not_found() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for id in ["1000000", "0", "x", "99999999999999999999999"] {
        get(&operator, &format!("accounts/{id}")).must_be(&ACCOUNT_NOT_FOUND, id);
        post(&operator, &format!("accounts/{id}/erasure"), &json!({})).must_be(&ACCOUNT_NOT_FOUND, id);
        delete(&operator, &format!("accounts/{id}/erasure")).must_be(&ACCOUNT_NOT_FOUND, id);
    }
}
