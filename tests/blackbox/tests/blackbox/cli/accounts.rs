//! `carnelian account`.

use blackbox::TestDir;
use serde_json::json;

use super::assert_keys;

#[test]
fn an_account_is_created_with_an_id_of_its_own() {
    let test_dir = TestDir::new();
    let acme = test_dir.account("Acme");
    let other = test_dir.account("Caf\u{e9} \u{1F980}, \"quoted\"");
    assert!([&acme, &other].iter().all(|id| id.parse::<u64>().is_ok_and(|id| id > 0)), "{acme} and {other}");
    assert_ne!(acme, other);
    let listing = test_dir.cli(&["account", "list", "--json"]).json();
    assert_keys(&listing, &["accountName", "accountId", "status"]);
    let expected = json!([
        { "accountName": "Acme", "accountId": acme, "status": "Active" },
        { "accountName": "Caf\u{e9} \u{1F980}, \"quoted\"", "accountId": other, "status": "Active" },
    ]);
    assert_eq!(listing, expected);
    let words = test_dir.cli(&["account", "list"]).done();
    assert!(words.contains("Acme") && words.contains("Active"), "{words}");
}

#[test]
fn a_name_is_given_once() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.cli(&["account", "create", "Acme"]).fails(1);
    let listing = test_dir.cli(&["account", "list", "--json"]).json();
    assert_eq!(listing.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_name_that_no_request_could_name_is_refused() {
    let test_dir = TestDir::new();
    test_dir.account(&"\u{1F980}".repeat(100));
    for name in ["", &"x".repeat(101), "two\nlines", "del\u{7f}"] {
        let outcome = test_dir.cli(&["account", "create", name]);
        assert!([1, 2].contains(&outcome.code), "{name:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn an_erasure_can_be_requested_and_cancelled() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let status = || test_dir.cli(&["account", "list", "--json"]).json()[0]["status"].clone();
    test_dir.cli(&["account", "request-erasure", "--yes", "Acme"]).done();
    assert_eq!(status(), "ErasureInProgress");
    test_dir.cli(&["account", "cancel-erasure", "Acme"]).done();
    assert_eq!(status(), "Active");
    for command in ["request-erasure", "cancel-erasure"] {
        test_dir.cli(&["account", command, "Nobody"]).fails(1);
    }
}
