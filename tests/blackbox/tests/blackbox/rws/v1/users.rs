//! `GET /rws/api/v1/users` and `GET /rws/api/v1/users/{userId}`.

use blackbox::problems::*;
use blackbox::{Login, json};
use serde_json::{Value, json};

use super::paging::page;
use crate::world::World;

const USERS: &str = "/rws/api/v1/users";

fn users(world: &World, login: &Login) -> Vec<Value> {
    let (users, last) = page(&world.client(login), USERS, "users", 1);
    assert!(last);
    users
}

fn names(world: &World, login: &Login) -> Vec<String> {
    users(world, login).iter().map(|user| user["userName"].as_str().expect("a name").to_owned()).collect()
}

/// The id of a user in administration.
fn id_of(world: &World, name: &str) -> String {
    let users = users(world, &world.opal);
    let user = users.iter().find(|user| user["userName"] == name).expect("the user is there");
    user["userId"].as_str().expect("ids are strings").to_owned()
}

#[test]
fn a_user_shows_everything_but_its_keys() {
    let world = World::start();
    world.place.cli(&["user", "disable", "solo"]).done();
    let client = world.client(&world.opal);
    let (rita, solo) = (id_of(&world, "rita"), id_of(&world, "solo"));
    let rita = json!({
        "userName": "rita", "userId": rita, "accountName": "Acme", "accountGroup": "West",
        "role": "ACCOUNTREADONLY", "status": "ENABLED",
    });
    let solo = json!({
        "userName": "solo", "userId": solo, "accountName": "Acme", "accountGroup": null,
        "role": "ACCOUNTADMIN", "status": "DISABLED",
    });
    let listed = users(&world, &world.opal);
    for user in [rita, solo] {
        assert!(listed.contains(&user), "{user} in {listed:?}");
        let single = client.get(&format!("{USERS}/{}", user["userId"].as_str().expect("a string")));
        single.must_succeed("a user in scope");
        assert_eq!(single.json(), user);
        let keys = ["userName", "userId", "accountName", "accountGroup", "role", "status"];
        assert_eq!(json::keys(single.text()), keys);
    }
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
        assert_eq!(read.must_succeed("a new user").json()["userName"], format!("new {turn}"));
        create(&format!("newer {turn}"));
        assert_eq!(names(&world, &world.ada).last(), Some(&format!("newer {turn}")));
    }
}
