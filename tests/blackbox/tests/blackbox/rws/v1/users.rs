//! `GET /rws/api/v1/users` and `GET /rws/api/v1/users/{userId}`.

use blackbox::problems::*;
use blackbox::{Login, json};
use serde_json::{Value, json};

use super::paging::page;
use crate::world::World;

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

fn users(world: &World, login: &Login) -> Vec<Value> {
    let (users, last) = page(&world.client(login), USERS, "users", 1);
    assert!(last);
    users
}

fn names(world: &World, login: &Login) -> Vec<String> {
    users(world, login).iter().map(|user| user["username"].as_str().expect("a name").to_owned()).collect()
}

/// The id of a user in administration.
fn id_of(world: &World, name: &str) -> String {
    let users = users(world, &world.opal);
    let user = users.iter().find(|user| user["username"] == name).expect("the user is there");
    user["userId"].as_str().expect("ids are strings").to_owned()
}

#[test]
fn a_user_shows_everything_but_its_keys() {
    let world = World::start();
    world.place.cli(&["user", "disable", "solo"]).done();
    let client = world.client(&world.opal);
    let (rita, solo) = (id_of(&world, "rita"), id_of(&world, "solo"));
    let user = |id: &str, name: &str, role: &str, status: &str, group: Option<&str>| {
        json!({
            "userId": id, "username": name, "accountId": "1", "accountName": "Acme", "roleName": role, "status": status,
            "accountGroup": group, "customerGroup": null, "firstName": null, "lastName": null, "email": null,
            "phone": null, "language": null, "timeZone": null, "lastLogin": null, "dateAdded": null,
            "dateModified": null,
        })
    };
    let rita = user(&rita, "rita", "ACCOUNTREADONLY", "Active", Some("West"));
    let solo = user(&solo, "solo", "ACCOUNTADMIN", "Disabled", None);
    let listed = users(&world, &world.opal);
    for user in [rita, solo] {
        assert!(listed.contains(&user), "{user} in {listed:?}");
        let single = client.get(&format!("{USERS}/{}", user["userId"].as_str().expect("a string")));
        single.must_succeed("a user in scope");
        assert_eq!(single.json(), user);
        assert_eq!(json::keys(single.text()), KEYS);
    }
}

#[test]
fn a_listing_can_be_filtered_by_the_name_of_a_user() {
    let world = World::start();
    let client = world.client(&world.ada);
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
    let world = World::start();
    world.place.user("eve", "Acme East", &[]);
    for login in [&world.ada, &world.rita] {
        assert_eq!(names(&world, login), ["ada", "solo", "rita", "opal", "eve"], "{}", login.user);
    }
    assert_eq!(names(&world, &world.solo), ["ada", "solo", "rita", "opal"]);
    assert_eq!(names(&world, &world.rex), ["rex"]);
    assert_eq!(names(&world, &world.opal), ["ada", "solo", "rita", "opal", "rex", "eve"]);
}

#[test]
fn a_foreign_user_looks_like_one_that_does_not_exist() {
    let world = World::start();
    let client = world.client(&world.ada);
    let get = |id: &str| client.get(&format!("{USERS}/{id}"));
    let unknown = get("1000000");
    unknown.must_be(&USER_NOT_FOUND, "an unknown user");
    let foreign = id_of(&world, "rex");
    for id in [&foreign, "0", "x", "-1", "+1", "1.0", "%20", "%FF", "99999999999999999999999", "ada"] {
        assert_eq!(get(id).comparable(), unknown.comparable(), "{id}");
    }
    world.client(&world.rex).get(&format!("{USERS}/{foreign}")).must_succeed("by itself");
}

#[test]
fn a_user_is_listed_after_its_creation() {
    let world = World::start();
    let client = world.client(&world.ada);
    for turn in 0..20 {
        let create = |name: &str| world.place.cli(&["user", "create", name, "--account", "Acme"]).line();
        let id = create(&format!("new {turn}"));
        let read = client.get(&format!("{USERS}/{id}"));
        assert_eq!(read.must_succeed("a new user").json()["username"], format!("new {turn}"));
        create(&format!("newer {turn}"));
        assert_eq!(names(&world, &world.ada).last(), Some(&format!("newer {turn}")));
    }
}
