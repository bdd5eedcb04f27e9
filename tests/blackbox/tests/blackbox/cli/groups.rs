//! `carnelian group`.

use blackbox::TestDir;
use serde_json::json;

use super::assert_keys;

#[test]
fn accounts_join_and_leave_groups() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.account("Acme East");
    test_dir.cli(&["group", "create", "West"]).done();
    let list = || test_dir.cli(&["group", "list", "--json"]).json();
    assert_eq!(list(), json!([{ "groupName": "West", "groupId": "1", "accounts": [] }]));
    test_dir.cli(&["group", "add", "West", "Acme"]).done();
    test_dir.cli(&["group", "add", "West", "Acme East"]).done();
    assert_eq!(list(), json!([{ "groupName": "West", "groupId": "1", "accounts": ["Acme", "Acme East"] }]));
    assert_keys(&list(), &["groupName", "groupId", "accounts"]);
    let words = test_dir.cli(&["group", "list"]).done();
    assert!(words.contains("West") && words.contains("Acme East"), "{words}");
    test_dir.cli(&["group", "remove", "--yes", "West", "Acme"]).done();
    assert_eq!(list(), json!([{ "groupName": "West", "groupId": "1", "accounts": ["Acme East"] }]));
}

#[test]
fn an_account_may_be_in_several_groups() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.group("East", &["Acme"]);
    test_dir.group("West", &["Acme"]);
    let expected = json!([
        { "groupName": "East", "groupId": "1", "accounts": ["Acme"] },
        { "groupName": "West", "groupId": "2", "accounts": ["Acme"] },
    ]);
    assert_eq!(test_dir.cli(&["group", "list", "--json"]).json(), expected);
}

#[test]
fn what_does_not_exist_or_exists_already_is_refused() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.group("West", &["Acme"]);
    let cases: [&[&str]; 5] = [
        &["group", "create", "West"],
        &["group", "add", "Nowhere", "Acme"],
        &["group", "add", "West", "Nobody"],
        &["group", "remove", "--yes", "Nowhere", "Acme"],
        &["group", "remove", "--yes", "West", "Nobody"],
    ];
    for arguments in cases {
        test_dir.cli(arguments).fails(1);
    }
}
