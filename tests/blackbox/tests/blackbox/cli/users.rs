//! `carnelian user`.

use blackbox::Place;
use serde_json::json;

use super::assert_keys;

#[test]
fn a_user_has_a_home_a_role_and_perhaps_a_group() {
    let place = Place::new();
    place.account("Acme");
    place.group("West", &["Acme"]);
    place.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    place.cli(&["user", "create", "rita", "--account", "Acme", "--group", "West", "--role", "ACCOUNTREADONLY"]).done();
    place.cli(&["user", "create", "opal", "--account", "Acme", "--role", "OPERATOR"]).done();
    let user = |name: &str, id: &str, group: Option<&str>, role: &str| json!({ "username": name, "userId": id, "accountName": "Acme", "accountGroup": group, "roleName": role, "status": "Active" });
    let listing = place.cli(&["user", "list", "--json"]).json();
    assert_keys(&listing, &["username", "userId", "accountName", "accountGroup", "roleName", "status"]);
    let listed = |name: &str| {
        let users = listing.as_array().expect("a listing is an array");
        users.iter().find(|user| user["username"] == name).cloned()
    };
    assert_eq!(listed("ada"), Some(user("ada", "1", None, "ACCOUNTADMIN")));
    assert_eq!(listed("rita"), Some(user("rita", "2", Some("West"), "ACCOUNTREADONLY")));
    assert_eq!(listed("opal"), Some(user("opal", "3", None, "OPERATOR")));
    let words = place.cli(&["user", "list"]).done();
    assert!(["ada", "rita", "opal", "OPERATOR"].iter().all(|word| words.contains(word)), "{words}");
}

#[test]
fn a_user_can_be_disabled_and_enabled() {
    let place = Place::new();
    place.account("Acme");
    place.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    let status = || place.cli(&["user", "list", "--json"]).json()[0]["status"].clone();
    place.cli(&["user", "disable", "ada"]).done();
    assert_eq!(status(), "Disabled");
    place.cli(&["user", "enable", "ada"]).done();
    assert_eq!(status(), "Active");
}

#[test]
fn a_user_gets_another_role_or_group() {
    let place = Place::new();
    place.account("Acme");
    place.group("West", &["Acme"]);
    place.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    let edit = |more: &[&str]| {
        place.cli(&[&["user", "edit", "ada"], more].concat()).done();
        let user = place.cli(&["user", "list", "--json"]).json()[0].clone();
        (user["roleName"].clone(), user["accountGroup"].clone())
    };
    assert_eq!(edit(&["--role", "ACCOUNTREADONLY"]), (json!("ACCOUNTREADONLY"), json!(null)));
    assert_eq!(edit(&["--group", "West"]), (json!("ACCOUNTREADONLY"), json!("West")));
    assert_eq!(edit(&["--no-group", "--role", "ACCOUNTADMIN"]), (json!("ACCOUNTADMIN"), json!(null)));
    for wrong in [[].as_slice(), &["--group", "West", "--no-group"], &["--role", "KING"]] {
        place.cli(&[&["user", "edit", "ada"], wrong].concat()).fails(2);
    }
    place.cli(&["user", "edit", "ada", "--group", "Nowhere"]).fails(1);
    place.cli(&["user", "edit", "nobody", "--no-group"]).fails(1);
}

#[test]
fn what_does_not_exist_or_exists_already_is_refused() {
    let place = Place::new();
    place.account("Acme");
    place.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    let cases: [&[&str]; 5] = [
        &["user", "create", "ada", "--account", "Acme"],
        &["user", "create", "bob", "--account", "Nobody"],
        &["user", "create", "bob", "--account", "Acme", "--group", "Nowhere"],
        &["user", "disable", "nobody"],
        &["user", "enable", "nobody"],
    ];
    for arguments in cases {
        place.cli(arguments).fails(1);
    }
    let listing = place.cli(&["user", "list", "--json"]).json();
    assert_eq!(listing.as_array().map(Vec::len), Some(1), "{listing}");
}

#[test]
fn an_unknown_role_is_wrong_usage() {
    let place = Place::new();
    place.account("Acme");
    let why = place.cli(&["user", "create", "ada", "--account", "Acme", "--role", "KING"]).fails(2);
    assert!(why.contains("KING"), "{why}");
}
