//! An import is killed, again and again, and gone on with.

use std::fs;

use blackbox::{Outcome, Place, wait};
use chaos::{Action, Random, Rule, Shim, seed};
use serde_json::{Value, json};

/// Rows that can be stored, rows that break rules, and rows whose names are taken by earlier ones.
fn file(place: &Place, rows: usize) -> Vec<String> {
    let mut stored = Vec::new();
    let lines = (0..rows).map(|number| {
        let name = match number % 10 {
            3 => String::new(),
            7 => format!("C{}", number - 7),
            _ => format!("C{number}"),
        };
        if number % 10 != 3 && number % 10 != 7 {
            stored.push(name.clone());
        }
        format!("{}\n", json!({ "name": name, "accountName": "Acme", "contacts": [{ "name": name }] }))
    });
    let lines: String = lines.collect();
    place.write("customers.jsonl", &lines);
    stored
}

const IMPORT: [&str; 5] = ["customer", "import", "customers.jsonl", "--rejects", "rejects.jsonl"];

/// Runs the import until it ends or is killed by a rule; says whether it ended.
fn run_under(place: &Place, rule: &Rule) -> bool {
    let mut command = place.command();
    Shim::new(&place.data()).rule(rule).under_command(&mut command);
    command.args(IMPORT).arg("--data").arg(place.data());
    let output = command.output().expect("the binary can be run");
    output.status.code().is_some()
}

/// Names in the order of the ids, straight from the files.
fn names(place: &Place) -> Vec<String> {
    let exported = place.cli(&["customer", "export", "--format", "jsonl"]).done();
    let name = |line: &str| {
        let customer: Value = serde_json::from_str(line).expect("a line is JSON");
        customer["name"].as_str().expect("a name").to_owned()
    };
    exported.lines().map(name).collect()
}

/// Ends the import undisturbed, and asserts that every row is stored or rejected exactly once.
fn must_end_well(place: &Place, rows: usize, stored: &[String], case: &str) -> Outcome {
    let outcome = place.cli(&IMPORT);
    assert_eq!(outcome.code, 1, "{case}: {outcome:?}");
    assert!(outcome.stderr.contains(&format!("{rows} rows: ")), "{case}: {outcome:?}");
    assert!(outcome.stderr.contains(&format!("{} rejected", rows / 5)), "{case}: {outcome:?}");
    assert_eq!(names(place), stored, "{case}: every row once, in the order of the file");
    let rejects = fs::read_to_string(place.root().join("rejects.jsonl")).expect("there are rejected rows");
    assert_eq!(rejects.lines().count(), rows / 5, "{case}: every rejected row once");
    let duplicates = rejects.lines().filter(|line| line.contains("10000602")).count();
    assert_eq!(duplicates, rows / 10, "{case}: a row is a duplicate only of an earlier one");
    place.cli(&["audit", "verify"]).done();
    outcome
}

#[test]
fn an_import_that_is_killed_goes_on_behind_the_last_row_that_was_stored() {
    use Action::*;
    const ROWS: usize = 12_000;
    let mut random = Random::of_test("kills of an import");
    let kinds =
        [(KillBefore, "write"), (KillHalf, "write"), (KillAfter, "write"), (KillBefore, "sync"), (KillAfter, "sync")];
    let mut kills = 0;
    for round in 0..seed::rounds(3) {
        let place = Place::new();
        place.account("Acme");
        let stored = file(&place, ROWS);
        let (mut case, mut ended) = (format!("round {round}:"), false);
        for _ in 0..4 {
            let (action, kind) = *random.pick(&kinds);
            let numbers = if kind == "sync" { 2..12 } else { 1..1500 };
            let rule = Rule { action, kind, suffix: "-wal", number: random.within(numbers) };
            case += &format!(" {rule:?}");
            ended = run_under(&place, &rule);
            if ended {
                break;
            }
            kills += 1;
            let so_far = names(&place);
            assert_eq!(so_far, stored[..so_far.len()], "{case}: what is stored is the beginning of the file");
        }
        if ended {
            assert_eq!(names(&place), stored, "{case}: every row once, in the order of the file");
        } else {
            must_end_well(&place, ROWS, &stored, &case);
        }
    }
    assert!(kills > 0, "no kill ever hit");
}

#[test]
fn an_import_that_is_killed_from_outside_goes_on() {
    const ROWS: usize = 40_000;
    let mut random = Random::of_test("kills of an import from outside");
    let place = Place::new();
    place.account("Acme");
    let stored = file(&place, ROWS);
    let log = place.data().join("carnelian.db-wal");
    let mut command = place.command();
    command.args(IMPORT).arg("--data").arg(place.data()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("the binary can be run");
    let enough = random.within(2_000_000..4_000_000) as u64;
    wait::until("the import has written", wait::PATIENCE, || {
        fs::metadata(&log).is_ok_and(|log| log.len() > enough).then_some(())
    });
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let outcome = must_end_well(&place, ROWS, &stored, &format!("after {enough} bytes"));
    assert!(outcome.stderr.contains("going on behind row"), "{outcome:?}");
    assert!(outcome.stderr.contains("stored before the interruption"), "{outcome:?}");
}
