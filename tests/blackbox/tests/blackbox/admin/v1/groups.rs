//! `…/groups`, `…/groups/{groupId}` and `…/groups/{groupId}/accounts/{accountId}`.

use blackbox::problems::*;
use blackbox::{json, sample};
use serde_json::json;

use super::{account_id, delete, get, newest, patch, post, put, text, user_id};
use crate::tenant_fixture::TenantFixture;

#[test]
fn accounts_join_and_leave_a_group_and_its_users_follow_at_once() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let created = post(&operator, "groups", &json!({ "groupName": "East" }));
    let group = text(&created, "groupId");
    assert_eq!(created.json(), json!({ "groupName": "East", "groupId": group, "accounts": [] }));
    assert_eq!(json::keys(created.text()), ["groupName", "groupId", "accounts"]);
    let solo = format!("users/{}", user_id(&operator, "solo"));
    patch(&operator, &solo, &json!({ "accountGroup": "East" })).must_succeed("a user in it");

    let rival = account_id(&operator, "Rival");
    let member = format!("groups/{group}/accounts/{rival}");
    let joined = put(&operator, &format!("{member}?reason=merged"));
    let account = json!({ "accountName": "Rival", "accountId": rival, "status": "Active" });
    assert_eq!(joined.json(), json!({ "groupName": "East", "groupId": group, "accounts": [account] }));
    assert_eq!(get(&operator, &format!("groups/{group}")).json(), joined.json());
    assert_eq!(newest(&operator, 1)[0]["reason"], "merged");
    tenants.client(&tenants.solo).create(&sample::minimal("A", "Rival")).must_succeed("in scope");

    delete(&operator, &member).must_succeed("it leaves");
    tenants.client(&tenants.solo).create(&sample::minimal("B", "Rival")).must_be(&ACCOUNT_NOT_FOUND, "out of scope");
    assert_eq!(get(&operator, &format!("groups/{group}")).json()["accounts"], json!([]));
}

#[test]
fn what_does_not_exist_or_is_so_already_is_refused() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    post(&operator, "groups", &json!({ "groupName": "West" })).must_be(&NAME_TAKEN, "a second West");
    let group = get(&operator, "groups").json()["groups"][0]["groupId"].as_str().expect("an id").to_owned();
    let (acme, rival) = (account_id(&operator, "Acme"), account_id(&operator, "Rival"));
    put(&operator, &format!("groups/{group}/accounts/{acme}")).must_be(&ALREADY_IN_GROUP, "it is in it");
    delete(&operator, &format!("groups/{group}/accounts/{rival}")).must_be(&NOT_IN_GROUP, "it is not in it");
    for id in ["1000000", "x", "-1"] {
        get(&operator, &format!("groups/{id}")).must_be(&GROUP_NOT_FOUND, id);
        put(&operator, &format!("groups/{id}/accounts/{acme}")).must_be(&GROUP_NOT_FOUND, id);
        put(&operator, &format!("groups/{group}/accounts/{id}")).must_be(&ACCOUNT_NOT_FOUND, id);
        delete(&operator, &format!("groups/{group}/accounts/{id}")).must_be(&ACCOUNT_NOT_FOUND, id);
    }
}
