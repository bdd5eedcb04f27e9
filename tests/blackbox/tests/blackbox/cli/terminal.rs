//! What commands print of names.

use blackbox::{Outcome, TestDir};
use serde_json::json;

/// A name that would recolour a terminal (a C1 control sequence) and reverse the text after it.
const NAME: &str = "A\u{9b}31m\u{202e}\u{2067}\u{85}Z";

/// The name as commands print it.
const PRINTED: &str = r"A\u009b31m\u202e\u2067\u0085Z";

#[track_caller]
fn assert_escaped(outcome: &Outcome, case: &str) {
    for printed in [&outcome.stdout, &outcome.stderr] {
        let raw: Vec<_> = printed
            .chars()
            .filter(|character| *character != '\n' && NAME[1..].contains(*character))
            .filter(|character| !character.is_ascii())
            .collect();
        assert!(raw.is_empty(), "{case}: {raw:?} in {printed:?}");
    }
}

#[test]
fn control_and_bidirectional_characters_in_names_are_escaped() {
    let test_dir = TestDir::new();
    let run = |arguments: &[&str]| {
        let outcome = test_dir.cli(arguments);
        assert_escaped(&outcome, &arguments.join(" "));
        outcome
    };
    run(&["account", "create", NAME, "--reason", NAME]).done();
    run(&["group", "create", NAME]).done();
    run(&["group", "add", NAME, NAME]).done();
    run(&["user", "create", NAME, "--account", NAME, "--group", NAME]).done();
    run(&["user", "edit", "--yes", NAME, "--role", "ACCOUNTREADONLY"]).done();
    run(&["user", "disable", "--yes", NAME]).done();
    run(&["key", "issue", NAME, "--label", NAME]).done();
    run(&["account", "request-erasure", "--yes", NAME, "--reason", NAME]).done();
    run(&["account", "cancel-erasure", NAME]).done();
    for listing in [
        &["account", "list"][..],
        &["group", "list"],
        &["user", "list"],
        &["key", "list", NAME],
        &["account", "erasures"],
        &["audit", "list"],
    ] {
        let table = run(listing).done();
        assert!(table.contains(PRINTED), "{listing:?}: {table}");
        let json = run(&[listing, &["--json"]].concat()).done();
        assert!(json.contains(PRINTED), "{listing:?}: {json}");
    }
    assert_eq!(
        test_dir.cli(&["account", "list", "--json"]).json()[0]["accountName"],
        json!(NAME),
        "JSON keeps its meaning"
    );
    assert!(run(&["audit", "export"]).done().contains(PRINTED));
    run(&["account", "create", NAME]).fails(1);
    run(&["account", "create", &format!(" {NAME}"), "--reason", &format!(" {NAME}")]).fails(2);
    run(&["account", "request-erasure", "--yes", &format!("{NAME}2")]).fails(1);
    run(&["customer", "export", "--output", &format!("{NAME}/x.csv")]).fails(1);
}
