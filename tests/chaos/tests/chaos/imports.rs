//! An import is killed, again and again, and gone on with.

use std::fs;

use blackbox::{Outcome, Place, wait};
use chaos::{Action, Event, Random, Recording, Rule, Shim, seed};
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

/// Runs the import with a shim under it until it ends or is killed; says whether it ended.
fn run_under(place: &Place, shim: &Shim) -> bool {
    let mut command = place.command();
    shim.under_command(&mut command);
    command.args(IMPORT).arg("--data").arg(place.data());
    let output = command.output().expect("the binary can be run");
    output.status.code().is_some()
}

/// How often an import that nobody disturbs writes to the log, and how often it syncs it.
fn writes_and_syncs(rows: usize) -> (usize, usize) {
    let place = Place::new();
    place.account("Acme");
    file(&place, rows);
    let log = place.root().join("recording");
    assert!(run_under(&place, &Shim::new(&place.data()).record(&log)), "the import was killed");
    let recording = Recording::read(&log);
    let synced = |event: &Event| match event {
        Event::SyncBegins { ino, name, .. } if name.ends_with("-wal") => Some(*ino),
        _ => None,
    };
    let of_log = recording.events.iter().find_map(synced).expect("the log is synced");
    let writes = recording.indices(|event| matches!(event, Event::Write { ino, .. } if *ino == of_log));
    (writes.len(), recording.indices(|event| synced(event).is_some()).len())
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
    // The last thing that an import does is to forget how far it has come: if a kill hit it right after, it was over.
    if !outcome.stderr.contains("rejects.jsonl is there already") {
        assert!(outcome.stderr.contains(&format!("{rows} rows: ")), "{case}: {outcome:?}");
        assert!(outcome.stderr.contains(&format!("{} rejected", rows / 5)), "{case}: {outcome:?}");
    }
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
    let (writes, syncs) = writes_and_syncs(ROWS);
    let mut kills = 0;
    for round in 0..seed::rounds(3) {
        let place = Place::new();
        place.account("Acme");
        let stored = file(&place, ROWS);
        let (mut case, mut ended) = (format!("round {round}:"), false);
        for _ in 0..4 {
            let (action, kind) = *random.pick(&kinds);
            let numbers = 1..if kind == "sync" { syncs } else { writes };
            let rule = Rule { action, kind, suffix: "-wal", number: random.within(numbers) };
            case += &format!(" {rule:?}");
            ended = run_under(&place, &Shim::new(&place.data()).rule(&rule));
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
