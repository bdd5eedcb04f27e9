//! `carnelian key`.

use blackbox::moment::unix_seconds;
use blackbox::{TestDir, wait};
use serde_json::{Value, json};

use super::assert_keys;

fn prepared() -> TestDir {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.cli(&["user", "create", "ada", "--account", "Acme"]).done();
    test_dir
}

fn list(test_dir: &TestDir) -> Value {
    test_dir.cli(&["key", "list", "ada", "--json"]).json()
}

/// The seconds from the creation of a listed key to its end.
fn lifetime(entry: &Value) -> i64 {
    unix_seconds(&entry["expiresAt"]) - unix_seconds(&entry["createdAt"])
}

#[test]
fn a_key_has_a_form_that_can_be_searched_for() {
    let test_dir = prepared();
    let keys: Vec<_> = (0..3).map(|_| test_dir.key("ada", &[]).key).collect();
    for key in &keys {
        let rest = key.strip_prefix("crk1_").unwrap_or_else(|| panic!("{key} does not begin with crk1_"));
        assert_eq!(rest.len(), 16 + 52 + 7, "{key}");
        assert!(rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')), "{key}");
    }
    assert!(keys[0] != keys[1] && keys[0][21..] != keys[1][21..], "keys repeat themselves: {keys:?}");
}

#[test]
fn a_listing_shows_everything_about_a_key_except_the_key() {
    let test_dir = prepared();
    let plain = test_dir.key("ada", &[]).key;
    let labelled = test_dir.key("ada", &["--expires", "90d", "--label", "for the shop"]).key;
    let listing = list(&test_dir);
    let keys = ["keyId", "label", "createdAt", "expiresAt", "lastUsedAt", "allowedAddresses", "status"];
    assert_keys(&listing, &keys);
    let entry = |key: &str| {
        let entries = listing.as_array().expect("a listing is an array");
        entries.iter().find(|entry| entry["keyId"] == key[5..21]).unwrap_or_else(|| panic!("no {key} in {listing}"))
    };
    assert_eq!((&entry(&plain)["label"], &entry(&plain)["expiresAt"]), (&json!(null), &json!(null)));
    assert_eq!(lifetime(entry(&labelled)), 90 * 86_400);
    assert_eq!(entry(&labelled)["label"], "for the shop");
    assert!([&plain, &labelled].iter().all(|key| entry(key)["status"] == "Active"));
    for words in [test_dir.cli(&["key", "list", "ada"]).done(), listing.to_string()] {
        assert!(words.contains(&plain[5..21]), "{words}");
        assert!(!words.contains(&plain[21..73]), "the secret is listed: {words}");
    }
}

#[test]
fn a_lifetime_is_a_number_and_a_unit() {
    let test_dir = prepared();
    for (expires, seconds) in [("3000s", 3000), ("50m", 3000), ("2h", 7200), ("1d", 86_400)] {
        let key = test_dir.key("ada", &["--expires", expires]).key;
        let listing = list(&test_dir);
        let mut entries = listing.as_array().into_iter().flatten();
        let entry = entries.find(|entry| entry["keyId"] == key[5..21]).expect("the key is listed");
        assert_eq!(lifetime(entry), seconds, "{expires}");
    }
    for expires in ["soon", "90", "d", "-1d", "1.5h", "90 d", "1w", "", "0s", "36601d", "99999999999d"] {
        let why = test_dir.cli(&["key", "issue", "ada", &format!("--expires={expires}")]).fails(2);
        assert!(why.contains("from 1s to 36600d"), "the bounds are stated: {why}");
    }
}

#[test]
fn a_key_says_where_it_works() {
    let test_dir = prepared();
    test_dir.key("ada", &[]);
    test_dir.key("ada", &["--allow", "10.1.2.3/8", "--allow", "2001:db8::1"]);
    let listing = list(&test_dir);
    assert_eq!(listing[0]["allowedAddresses"], json!([]));
    assert_eq!(listing[1]["allowedAddresses"], json!(["10.0.0.0/8", "2001:db8::1/128"]));
    assert_eq!(listing[1]["lastUsedAt"], json!(null));
    for bad in ["", "acme", "10.0.0.0/33", "10.0.0.0/8,::1"] {
        test_dir.cli(&["key", "issue", "ada", &format!("--allow={bad}")]).fails(2);
    }
}

#[test]
fn a_key_is_revoked_or_expires() {
    let test_dir = prepared();
    let revoked = test_dir.key("ada", &[]).key;
    test_dir.cli(&["key", "revoke", "--yes", &revoked[5..21]]).done();
    assert_eq!(list(&test_dir)[0]["status"], "Revoked");
    test_dir.key("ada", &["--expires", "1s"]);
    wait::until("the key has expired", wait::NOTICE, || {
        let listing = list(&test_dir);
        listing.as_array().into_iter().flatten().any(|entry| entry["status"] == "Expired").then_some(())
    });
}

#[test]
fn a_key_is_imported_from_standard_input() {
    let test_dir = prepared();
    let uuid = "7D8A4E9E-3f0c-4c6b-9d55-0a1b2c3d4e5f";
    let id = test_dir.cli_with_input(&["key", "import", "ada"], uuid).line();
    let listing = list(&test_dir);
    assert_eq!(listing[0]["keyId"], id.as_str());
    assert!(!listing.to_string().to_lowercase().contains(&uuid.to_lowercase()), "the key is listed: {listing}");
    for bad in ["", "\n", "secret", "7d8a4e9e-3f0c-4c6b-9d55-0a1b2c3d4e5", &format!("{uuid}\n{uuid}\n")] {
        let outcome = test_dir.cli_with_input(&["key", "import", "ada"], bad);
        assert!([1, 2].contains(&outcome.code), "{bad:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "");
    }
    assert_eq!(list(&test_dir).as_array().map(Vec::len), Some(1));
}

#[test]
fn what_does_not_exist_is_refused() {
    let test_dir = prepared();
    let cases: [&[&str]; 3] =
        [&["key", "issue", "nobody"], &["key", "list", "nobody"], &["key", "revoke", "--yes", "0123456789abcdef"]];
    for arguments in cases {
        test_dir.cli(arguments).fails(1);
    }
    test_dir.cli_with_input(&["key", "import", "nobody"], "7d8a4e9e-3f0c-4c6b-9d55-0a1b2c3d4e5f").fails(1);
}
