//! Commands that delete something or take rights away are confirmed.

use blackbox::{Outcome, TestDir, binary};
use serde_json::json;

use crate::files::plain;

/// A registry with everything that the commands name, and an id of a key.
fn prepared() -> (TestDir, String) {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.group("West", &["Acme"]);
    let key = test_dir.user("ada", "Acme", &["--group", "West"]).key;
    (test_dir, key[5..21].to_owned())
}

/// Every such command, with the option `more`.
fn run_all(test_dir: &TestDir, key_id: &str, more: &[&str]) -> Vec<Outcome> {
    let commands: [&[&str]; 6] = [
        &["account", "request-erasure", "Acme"],
        &["group", "remove", "West", "Acme"],
        &["user", "disable", "ada"],
        &["user", "edit", "ada", "--no-group"],
        &["user", "edit", "ada", "--role", "ACCOUNTREADONLY"],
        &["key", "revoke", key_id],
    ];
    commands.iter().map(|command| test_dir.cli(&[command, more].concat())).collect()
}

/// What the commands change.
fn state(test_dir: &TestDir) -> [serde_json::Value; 4] {
    [&["account", "list"][..], &["group", "list"], &["user", "list"], &["key", "list", "ada"]]
        .map(|listing| test_dir.cli(&[listing, &["--json"]].concat()).json())
}

#[test]
fn without_a_terminal_a_command_that_takes_something_away_needs_yes() {
    let (test_dir, key_id) = prepared();
    let before = state(&test_dir);
    for outcome in run_all(&test_dir, &key_id, &[]) {
        let error = outcome.fails(2);
        assert!(error.contains("needs --yes where there is no terminal"), "{error}");
    }
    for outcome in run_all(&test_dir, &key_id, &["--dry-run"]) {
        assert!(outcome.stderr.starts_with("would ") && outcome.stdout.is_empty(), "{outcome:?}");
        outcome.done();
    }
    assert_eq!(state(&test_dir), before);
    for outcome in run_all(&test_dir, &key_id, &["--yes", "--dry-run"]) {
        outcome.fails(2);
    }
    test_dir.cli(&["user", "edit", "ada", "--yes", "--role", "ACCOUNTREADONLY"]).done();
    // Rights that are added need no confirmation.
    test_dir.cli(&["user", "edit", "ada", "--role", "ACCOUNTADMIN"]).done();
    for missing in [
        &["account", "request-erasure", "Nobody"][..],
        &["group", "remove", "West", "Nobody"],
        &["user", "disable", "nobody"],
        &["key", "revoke", "0123456789abcdef"],
    ] {
        test_dir.cli(&[missing, &["--dry-run"]].concat()).fails(1);
    }
}

#[test]
fn on_a_terminal_the_name_is_typed() {
    let (test_dir, _) = prepared();
    let program = binary::path();
    let type_in = |name: &str| {
        // `script` runs a command on a terminal of its own.
        let command = format!("{} account request-erasure Acme --data data", plain(&program));
        let script = format!("printf '%s\\n' '{name}' | script -qec '{command}' /dev/null");
        let mut shell = test_dir.program(std::path::Path::new("/bin/sh"));
        let ran = shell.arg("-c").arg(script).output().expect("a shell can be run");
        (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
    };
    let (code, printed) = type_in("Acne");
    assert!(code == Some(1) && printed.contains("nothing was changed"), "{code:?}: {printed}");
    assert_eq!(state(&test_dir)[0][0]["status"], json!("Active"));
    let (code, printed) = type_in("Acme");
    assert!(code == Some(0) && printed.contains("to confirm"), "{code:?}: {printed}");
    assert_eq!(state(&test_dir)[0][0]["status"], json!("ErasureInProgress"));
}

#[test]
fn a_restore_over_a_registry_is_confirmed_and_can_be_tried() {
    let test_dir = TestDir::embedded();
    test_dir.account("Acme");
    test_dir.cli(&["backup", "first.backup"]).done();
    test_dir.account("Later");
    let restore = |more: &[&str]| test_dir.cli(&[&["restore", "first.backup"], more].concat());
    let error = restore(&["--replace"]).fails(2);
    assert!(error.contains("--yes"), "{error}");
    let tried = restore(&["--replace", "--dry-run"]);
    assert!(tried.stderr.contains("the backup and the ledger are whole"), "{tried:?}");
    assert!(tried.done().is_empty());
    assert_eq!(test_dir.cli(&["account", "list", "--json"]).json().as_array().map(Vec::len), Some(2));
    std::fs::write(test_dir.root().join("first.backup"), "cut").expect("writes");
    restore(&["--replace", "--dry-run"]).fails(1);
}
