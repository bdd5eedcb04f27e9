//! `carnelian user`.

use blackbox::TestDir;
use serde_json::json;

use super::assert_keys;

#[test]
fn a_user_has_a_home_a_role_and_perhaps_a_group() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.group("West", &["Acme"]);
    test_dir.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    test_dir
        .cli(&["user", "create", "rita", "--account", "Acme", "--group", "West", "--role", "ACCOUNTREADONLY"])
        .done();
    test_dir.cli(&["user", "create", "opal", "--account", "Acme", "--role", "OPERATOR"]).done();
    let user = |name: &str, id: &str, group: Option<&str>, role: &str| json!({ "username": name, "userId": id, "accountName": "Acme", "accountGroup": group, "roleName": role, "status": "Active" });
    let listing = test_dir.cli(&["user", "list", "--json"]).json();
    assert_keys(&listing, &["username", "userId", "accountName", "accountGroup", "roleName", "status"]);
    let listed = |name: &str| {
        let users = listing.as_array().expect("a listing is an array");
        users.iter().find(|user| user["username"] == name).cloned()
    };
    assert_eq!(listed("ada"), Some(user("ada", "1", None, "ACCOUNTADMIN")));
    assert_eq!(listed("rita"), Some(user("rita", "2", Some("West"), "ACCOUNTREADONLY")));
    assert_eq!(listed("opal"), Some(user("opal", "3", None, "OPERATOR")));
    let words = test_dir.cli(&["user", "list"]).done();
    assert!(["ada", "rita", "opal", "OPERATOR"].iter().all(|word| words.contains(word)), "{words}");
}

#[test]
fn a_user_can_be_disabled_and_enabled() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    let status = || test_dir.cli(&["user", "list", "--json"]).json()[0]["status"].clone();
    test_dir.cli(&["user", "disable", "--yes", "ada"]).done();
    assert_eq!(status(), "Disabled");
    test_dir.cli(&["user", "enable", "ada"]).done();
    assert_eq!(status(), "Active");
}

#[test]
fn a_user_gets_another_role_or_group() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.group("West", &["Acme"]);
    test_dir.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    let edit = |more: &[&str]| {
        test_dir.cli(&[&["user", "edit", "--yes", "ada"], more].concat()).done();
        let user = test_dir.cli(&["user", "list", "--json"]).json()[0].clone();
        (user["roleName"].clone(), user["accountGroup"].clone())
    };
    assert_eq!(edit(&["--role", "ACCOUNTREADONLY"]), (json!("ACCOUNTREADONLY"), json!(null)));
    assert_eq!(edit(&["--group", "West"]), (json!("ACCOUNTREADONLY"), json!("West")));
    assert_eq!(edit(&["--no-group", "--role", "ACCOUNTADMIN"]), (json!("ACCOUNTADMIN"), json!(null)));
    for wrong in [[].as_slice(), &["--group", "West", "--no-group"], &["--role", "KING"]] {
        test_dir.cli(&[&["user", "edit", "--yes", "ada"], wrong].concat()).fails(2);
    }
    test_dir.cli(&["user", "edit", "--yes", "ada", "--group", "Nowhere"]).fails(1);
    test_dir.cli(&["user", "edit", "--yes", "nobody", "--no-group"]).fails(1);
}

#[test]
fn what_does_not_exist_or_exists_already_is_refused() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    let cases: [&[&str]; 5] = [
        &["user", "create", "ada", "--account", "Acme"],
        &["user", "create", "bob", "--account", "Nobody"],
        &["user", "create", "bob", "--account", "Acme", "--group", "Nowhere"],
        &["user", "disable", "--yes", "nobody"],
        &["user", "enable", "nobody"],
    ];
    for arguments in cases {
        test_dir.cli(arguments).fails(1);
    }
    let listing = test_dir.cli(&["user", "list", "--json"]).json();
    assert_eq!(listing.as_array().map(Vec::len), Some(1), "{listing}");
}

#[test]
fn an_unknown_role_is_wrong_usage() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let why = test_dir.cli(&["user", "create", "ada", "--account", "Acme", "--role", "KING"]).fails(2);
    assert!(why.contains("KING"), "{why}");
}
