//! `carnelian account`.

use blackbox::Place;
use serde_json::json;

use super::assert_keys;

#[test]
fn an_account_is_created_with_an_id_of_its_own() {
    let place = Place::new();
    let acme = place.account("Acme");
    let other = place.account("Caf\u{e9} \u{1F980}, \"quoted\"");
    assert!([&acme, &other].iter().all(|id| id.parse::<u64>().is_ok_and(|id| id > 0)), "{acme} and {other}");
    assert_ne!(acme, other);
    let listing = place.cli(&["account", "list", "--json"]).json();
    assert_keys(&listing, &["accountName", "accountId", "status"]);
    let expected = json!([
        { "accountName": "Acme", "accountId": acme, "status": "Active" },
        { "accountName": "Caf\u{e9} \u{1F980}, \"quoted\"", "accountId": other, "status": "Active" },
    ]);
    assert_eq!(listing, expected);
    let words = place.cli(&["account", "list"]).done();
    assert!(words.contains("Acme") && words.contains("Active"), "{words}");
}

#[test]
fn a_name_is_given_once() {
    let place = Place::new();
    place.account("Acme");
    place.cli(&["account", "create", "Acme"]).fails(1);
    let listing = place.cli(&["account", "list", "--json"]).json();
    assert_eq!(listing.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_name_that_no_request_could_name_is_refused() {
    let place = Place::new();
    place.account(&"\u{1F980}".repeat(100));
    for name in ["", &"x".repeat(101), "two\nlines", "del\u{7f}"] {
        let outcome = place.cli(&["account", "create", name]);
        assert!([1, 2].contains(&outcome.code), "{name:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn an_erasure_can_be_requested_and_cancelled() {
    let place = Place::new();
    place.account("Acme");
    let status = || place.cli(&["account", "list", "--json"]).json()[0]["status"].clone();
    place.cli(&["account", "request-erasure", "Acme"]).done();
    assert_eq!(status(), "ErasureInProgress");
    place.cli(&["account", "cancel-erasure", "Acme"]).done();
    assert_eq!(status(), "Active");
    for command in ["request-erasure", "cancel-erasure"] {
        place.cli(&["account", command, "Nobody"]).fails(1);
    }
}
