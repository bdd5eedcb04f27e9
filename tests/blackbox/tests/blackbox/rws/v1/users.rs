//! `GET /rws/api/v1/users` and `GET /rws/api/v1/users/{userId}`.

use blackbox::moment::unix_seconds;
use blackbox::problems::*;
use blackbox::{Login, json, sample};
use serde_json::{Value, json};

use super::paging::page;
use crate::tenant_fixture::TenantFixture;

const USERS: &str = "/rws/api/v1/users";

/// The keys of a user, in their order.
const KEYS: [&str; 17] = [
    "userId",
    "username",
    "accountId",
    "accountName",
    "roleName",
    "status",
    "accountGroup",
    "customerGroup",
    "firstName",
    "lastName",
    "email",
    "phone",
    "language",
    "timeZone",
    "lastLogin",
    "dateAdded",
    "dateModified",
];

fn users(tenants: &TenantFixture, login: &Login) -> Vec<Value> {
    let (users, last) = page(&tenants.client(login), USERS, "users", 1);
    assert!(last);
    users
}

fn names(tenants: &TenantFixture, login: &Login) -> Vec<String> {
    users(tenants, login).iter().map(|user| user["username"].as_str().expect("a name").to_owned()).collect()
}

/// The id of a user in administration.
fn id_of(tenants: &TenantFixture, name: &str) -> String {
    let users = users(tenants, &tenants.opal);
    let user = users.iter().find(|user| user["username"] == name).expect("the user is there");
    user["userId"].as_str().expect("ids are strings").to_owned()
}

#[test]
fn a_user_shows_everything_but_its_keys() {
    let tenants = TenantFixture::start();
    tenants.test_dir.cli(&["user", "disable", "--yes", "solo"]).done();
    let client = tenants.client(&tenants.opal);
    let (rita, solo) = (id_of(&tenants, "rita"), id_of(&tenants, "solo"));
    let added = |id: &str| client.get(&format!("{USERS}/{id}")).json()["dateAdded"].clone();
    let user = |id: &str, name: &str, role: &str, status: &str, group: Option<&str>| {
        json!({
            "userId": id, "username": name, "accountId": "1", "accountName": "Acme", "roleName": role, "status": status,
            "accountGroup": group, "customerGroup": null, "firstName": null, "lastName": null, "email": null,
            "phone": null, "language": null, "timeZone": null, "lastLogin": null, "dateAdded": added(id),
            "dateModified": null,
        })
    };
    let rita = user(&rita, "rita", "ACCOUNTREADONLY", "Active", Some("West"));
    let solo = user(&solo, "solo", "ACCOUNTADMIN", "Disabled", None);
    let listed = users(&tenants, &tenants.opal);
    for user in [rita, solo] {
        assert!(listed.contains(&user), "{user} in {listed:?}");
        let single = client.get(&format!("{USERS}/{}", user["userId"].as_str().expect("a string")));
        single.must_succeed("a user in scope");
        assert_eq!(single.json(), user);
        assert_eq!(json::keys(single.text()), KEYS);
    }
}

#[test]
fn a_user_shows_when_it_was_created_and_when_it_last_called() {
    let tenants = TenantFixture::start();
    let ada = tenants.client(&tenants.ada);
    let now = |name: &str| ada.create(&sample::minimal(name, "Acme")).json()["timestamp"].as_i64().expect("seconds");
    let before = now("Before");
    let new = tenants.test_dir.user("new", "Acme", &[]);
    let path = format!("{USERS}/{}", id_of(&tenants, "new"));
    let listed = || users(&tenants, &tenants.ada).pop().expect("the newest user is the last one");
    assert_eq!(listed()["username"], "new");
    for user in [ada.get(&path).json(), listed()] {
        assert_eq!(user["lastLogin"], json!(null), "before its first call");
    }
    tenants.client(&new).get(USERS).must_succeed("its first call");
    let after = now("After");
    let shown = ada.get(&path).json();
    assert_eq!(listed(), shown);
    let (added, last) = (unix_seconds(&shown["dateAdded"]), unix_seconds(&shown["lastLogin"]));
    assert!(before <= added && added <= last && last <= after, "{before}, {shown}, {after}");
    // The next server knows what this one has written.
    let TenantFixture { server, test_dir, ada, .. } = tenants;
    server.stop();
    assert_eq!(test_dir.serve().client_of(&ada).get(&path).json(), shown);
}

#[test]
fn a_listing_can_be_filtered_by_the_name_of_a_user() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let named = |query: &str| page(&client, &format!("{USERS}?{query}"), "users", 1).0;
    assert_eq!(named("username=rita&fields=username"), [json!({ "username": "rita" })]);
    for nobody in ["username=rit", "username=Rita", "username=", "username=rex"] {
        assert_eq!(named(nobody), Vec::<Value>::new(), "{nobody}");
    }
    let twice = client.get(&format!("{USERS}?username=rita&username=rita"));
    twice.must_be(&INVALID_REQUEST, "twice");
    assert_eq!(twice.violated_fields(), ["username"]);
}

#[test]
fn only_users_whose_home_account_is_in_scope_are_listed() {
    let tenants = TenantFixture::start();
    tenants.test_dir.user("eve", "Acme East", &[]);
    for login in [&tenants.ada, &tenants.rita] {
        assert_eq!(names(&tenants, login), ["ada", "solo", "rita", "opal", "eve"], "{}", login.user);
    }
    assert_eq!(names(&tenants, &tenants.solo), ["ada", "solo", "rita", "opal"]);
    assert_eq!(names(&tenants, &tenants.rex), ["rex"]);
    assert_eq!(names(&tenants, &tenants.opal), ["ada", "solo", "rita", "opal", "rex", "eve"]);
}

#[test]
fn a_foreign_user_looks_like_one_that_does_not_exist() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let get = |id: &str| client.get(&format!("{USERS}/{id}"));
    let unknown = get("1000000");
    unknown.must_be(&USER_NOT_FOUND, "an unknown user");
    let foreign = id_of(&tenants, "rex");
    for id in [&foreign, "0", "x", "-1", "+1", "1.0", "%20", "%FF", "99999999999999999999999", "ada"] {
        assert_eq!(get(id).comparable(), unknown.comparable(), "{id}");
    }
    tenants.client(&tenants.rex).get(&format!("{USERS}/{foreign}")).must_succeed("by itself");
}

#[test]
fn a_user_is_listed_after_its_creation() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    for turn in 0..20 {
        let create = |name: &str| tenants.test_dir.cli(&["user", "create", name, "--account", "Acme"]).line();
        let id = create(&format!("new {turn}"));
        let read = client.get(&format!("{USERS}/{id}"));
        assert_eq!(read.must_succeed("a new user").json()["username"], format!("new {turn}"));
        create(&format!("newer {turn}"));
        assert_eq!(names(&tenants, &tenants.ada).last(), Some(&format!("newer {turn}")));
    }
}
