//! An import is interrupted by kills or a power cut, and resumed.

use std::fs;
use std::path::Path;

use blackbox::{Outcome, TestDir, wait};
use chaos::checker::{Stored, check_rows};
use chaos::test_registry::Image;
use chaos::{Action, Event, Random, Recording, Rule, Shim, Unsynced, seed};
use serde_json::{Value, json};

/// Rows that can be stored, rows that break rules, and rows whose names are taken by earlier ones.
fn file(test_dir: &TestDir, rows: usize) -> Vec<String> {
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
    test_dir.write("customers.jsonl", &lines);
    stored
}

/// The file of rejected rows, in the data directory so that a shim sees the operations on it.
const REJECTS: &str = "rejects.jsonl";

fn plain(path: &Path) -> String {
    path.to_str().expect("the paths of these tests are plain").to_owned()
}

/// What is typed to import into the registry in `data`.
fn import(data: &Path) -> Vec<String> {
    let words = ["customer", "import", "customers.jsonl", "--rejects"].map(str::to_owned);
    [&words[..], &[plain(&data.join(REJECTS)), "--data".to_owned(), plain(data)]].concat()
}

/// Runs the import with a shim under it until it ends or is killed; says whether it ended.
fn run_under(test_dir: &TestDir, shim: &Shim) -> bool {
    let mut command = test_dir.command();
    shim.under_command(&mut command);
    command.args(import(&test_dir.data()));
    let output = command.output().expect("the binary can be run");
    output.status.code().is_some()
}

/// How often an uninterrupted import writes to the log, and how often it syncs it.
fn writes_and_syncs(rows: usize) -> (usize, usize) {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    file(&test_dir, rows);
    let log = test_dir.root().join("recording");
    assert!(run_under(&test_dir, &Shim::new(&test_dir.data()).record(&log)), "the import was killed");
    let recording = Recording::read(&log);
    let synced = |event: &Event| match event {
        Event::SyncBegins { ino, name, .. } if name.ends_with("-wal") => Some(*ino),
        _ => None,
    };
    let of_log = recording.events.iter().find_map(synced).expect("the log is synced");
    let writes = recording.indices(|event| matches!(event, Event::Write { ino, .. } if *ino == of_log));
    (writes.len(), recording.indices(|event| synced(event).is_some()).len())
}

/// The names in the registry in `data` in the order of the ids.
fn names(test_dir: &TestDir, data: &Path) -> Vec<String> {
    let exported = test_dir.bare_cli(&["customer", "export", "--format", "jsonl", "--data", &plain(data)]).done();
    let name = |line: &str| {
        let customer: Value = serde_json::from_str(line).expect("a line is JSON");
        customer["name"].as_str().expect("a name").to_owned()
    };
    exported.lines().map(name).collect()
}

/// Ends the import into the registry in `data` undisturbed; how that went, and what is wrong then: every row must be
/// stored or rejected exactly once.
fn end(test_dir: &TestDir, data: &Path, rows: usize, stored: &[String]) -> (Outcome, Vec<String>) {
    let words = import(data);
    let outcome = test_dir.bare_cli(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let mut faults: Vec<String> = Vec::new();
    let mut expect = |holds: bool, what: String| faults.extend((!holds).then_some(what));
    expect(outcome.code == 1, format!("the code is {}", outcome.code));
    // The last step of an import is to forget its progress: if it was interrupted after that, it was complete.
    if !was_over(&outcome) {
        for counted in [format!("{rows} rows: "), format!("{} rejected", rows / 5)] {
            expect(outcome.stderr.contains(&counted), format!("it does not say {counted:?}"));
        }
    }
    let found = names(test_dir, data);
    expect(found == stored, format!("{} customers are not every row once, in the order of the file", found.len()));
    let rejects = fs::read_to_string(data.join(REJECTS)).unwrap_or_default();
    let rejected = rejects.lines().count();
    expect(rejected == rows / 5, format!("{rejected} lines are not every rejected row once"));
    let duplicates = rejects.lines().filter(|line| line.contains("10000602")).count();
    expect(duplicates == rows / 10, format!("{duplicates} lines are not the duplicates of earlier rows"));
    let verified = test_dir.bare_cli(&["audit", "verify", "--data", &plain(data)]);
    expect(verified.code == 0, format!("{verified:?}"));
    (outcome, faults)
}

/// Whether an import found itself over: nothing is noted of it any more, and its rejected rows are there.
fn was_over(outcome: &Outcome) -> bool {
    outcome.stderr.contains(&format!("{REJECTS} already exists"))
}

fn is_resumed(outcome: &Outcome) -> bool {
    outcome.stderr.contains("resuming an interrupted import")
}

/// Ends the import undisturbed, and asserts that every row is stored or rejected exactly once.
#[track_caller]
fn must_end_well(test_dir: &TestDir, rows: usize, stored: &[String], case: &str) -> Outcome {
    let (outcome, faults) = end(test_dir, &test_dir.data(), rows, stored);
    assert!(faults.is_empty(), "{case}: {faults:#?} {outcome:?}");
    outcome
}

#[test]
fn a_killed_import_resumes_after_the_last_stored_row() {
    use Action::*;
    const ROWS: usize = 12_000;
    let mut random = Random::of_test("kills of an import");
    let kinds =
        [(KillBefore, "write"), (KillHalf, "write"), (KillAfter, "write"), (KillBefore, "sync"), (KillAfter, "sync")];
    let (writes, syncs) = writes_and_syncs(ROWS);
    let (mut round, mut kills) = (0, 0);
    while seed::is_another_round(round, 3, kills > 0) {
        let test_dir = TestDir::new();
        test_dir.account("Acme");
        let stored = file(&test_dir, ROWS);
        let (mut case, mut ended) = (format!("round {round}:"), false);
        for _ in 0..4 {
            let (action, kind) = *random.pick(&kinds);
            let numbers = 1..if kind == "sync" { syncs } else { writes };
            let rule = Rule { action, kind, suffix: "-wal", number: random.within(numbers) };
            case += &format!(" {rule:?}");
            ended = run_under(&test_dir, &Shim::new(&test_dir.data()).rule(&rule));
            if ended {
                break;
            }
            kills += 1;
            let so_far = names(&test_dir, &test_dir.data());
            assert_eq!(so_far, stored[..so_far.len()], "{case}: what is stored is the beginning of the file");
        }
        if ended {
            assert_eq!(names(&test_dir, &test_dir.data()), stored, "{case}: every row once, in the order of the file");
        } else {
            must_end_well(&test_dir, ROWS, &stored, &case);
        }
        round += 1;
    }
}

#[test]
fn an_import_killed_from_outside_can_be_resumed() {
    let mut random = Random::of_test("kills of an import from outside");
    // On a busy machine the import may have ended when it is killed.
    let (mut round, mut resumed) = (0, 0);
    while seed::is_another_round(round, 1, resumed > 0) {
        resumed += usize::from(kill_from_outside(&mut random));
        round += 1;
    }
}

/// Kills an import when it has written much, and runs it again; whether that has resumed it.
fn kill_from_outside(random: &mut Random) -> bool {
    const ROWS: usize = 40_000;
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let stored = file(&test_dir, ROWS);
    let log = test_dir.data().join("carnelian.db-wal");
    let mut command = test_dir.command();
    command.args(import(&test_dir.data())).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("the binary can be run");
    let enough = random.within(2_000_000..4_000_000) as u64;
    wait::until("the import has written", wait::PATIENCE, || {
        fs::metadata(&log).is_ok_and(|log| log.len() > enough).then_some(())
    });
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let outcome = must_end_well(&test_dir, ROWS, &stored, &format!("after {enough} bytes"));
    let is_resumed = is_resumed(&outcome);
    assert_eq!(outcome.stderr.contains("stored before the interruption"), is_resumed, "{outcome:?}");
    is_resumed
}

/// How many customers must be stored at a cut: a rejected row is written to its file after it is reported, that is,
/// after all rows before it are on stable storage.
fn reported(recording: &Recording, cut: usize) -> usize {
    let before = &recording.events[..cut];
    let draft = before.iter().enumerate().find_map(|(at, event)| match event {
        Event::Create { ino, name } if name.starts_with(REJECTS) && name.ends_with(".part") => Some((at, *ino)),
        _ => None,
    });
    let Some((made, draft)) = draft else { return 0 };
    let lines = before[made..].iter().map(|event| match event {
        Event::Write { ino, data, .. } if *ino == draft => data.iter().filter(|byte| **byte == b'\n').count(),
        _ => 0,
    });
    // Of ten rows two are rejected, and the others are stored.
    lines.sum::<usize>() / 2 * 8
}

/// An uninterrupted import, and its recorded operations.
struct Run {
    test_dir: TestDir,
    /// The names that are stored in the end.
    stored: Vec<String>,
    recording: Recording,
    /// How much was recorded before the import.
    prepared: usize,
}

impl Run {
    const ROWS: usize = 6_000;

    fn new() -> Self {
        let test_dir = TestDir::new();
        let log = test_dir.root().join("recording");
        let shim = Shim::new(&test_dir.data()).record(&log);
        shim.cli(&test_dir, &["account", "create", "Acme"]);
        let prepared = Recording::read(&log).events.len();
        let stored = file(&test_dir, Self::ROWS);
        assert!(run_under(&test_dir, &shim), "the import was killed");
        Self { test_dir, stored, recording: Recording::read(&log), prepared }
    }

    /// The first event from an index on that is wanted.
    fn find(&self, from: usize, wanted: impl Fn(&Event) -> bool) -> usize {
        let found = self.recording.events[from..].iter().position(wanted);
        from + found.expect("it was recorded")
    }

    /// Where the file of rejected rows gets its name.
    fn named(&self) -> usize {
        self.find(self.prepared, |event| matches!(event, Event::Link { name, .. } if name == REJECTS))
    }

    /// Where the import has just forgotten its progress: after the first sync of the log that follows.
    fn forgotten(&self) -> usize {
        let of_log = |event: &Event| matches!(event, Event::SyncBegins { name, .. } if name.ends_with("-wal"));
        let begun = self.find(self.named(), of_log);
        self.find(begun, |event| matches!(event, Event::Synced { .. })) + 1
    }

    /// Takes out the sync that makes the name of the file of rejected rows last.
    fn take_out_sync_of_name(&mut self) {
        let sync = self.find(self.named(), |event| matches!(event, Event::SyncBegins { name, .. } if name == "."));
        self.recording.events.remove(sync);
    }

    /// Where the power is cut, and what becomes of what was not synced: by turns at the very end, where that is lost,
    /// while the file of rejected rows gets its name, and anywhere.
    fn cut(&self, image: usize, random: &mut Random) -> (usize, Unsynced) {
        let end = self.recording.events.len();
        match image % 4 {
            0 => (random.within(self.forgotten()..end + 1), Unsynced::Dropped),
            1 => (self.named() + random.within(1..6), Unsynced::any(random)),
            _ => (random.within(self.prepared..end + 1), Unsynced::any(random)),
        }
    }

    /// How many rows are missing right after rejected rows were reported, each time that they were.
    fn lost_rows(&self, recording: &Recording, kinds: &[Unsynced], random: &mut Random) -> Vec<String> {
        let of_rejects =
            self.find(self.prepared, |event| matches!(event, Event::Create { name, .. } if name.ends_with(".part")));
        let Event::Create { ino: rejects, .. } = &self.recording.events[of_rejects] else {
            unreachable!("it was found")
        };
        let lost = |written: usize| {
            let (cut, unsynced) = (written + 1, *random.pick(kinds));
            let image = Image::of(recording, cut, unsynced, random);
            let (stored, reported) = match Stored::read(&image.data) {
                Ok(stored) => (stored.rows.len(), reported(recording, cut)),
                Err(error) => return Some(format!("cut at {cut}, {unsynced:?}: {error}")),
            };
            (stored < reported).then(|| format!("cut at {cut}, {unsynced:?}: {stored} of {reported} are left"))
        };
        let writes = recording.indices(|event| matches!(event, Event::Write { ino, .. } if ino == rejects));
        writes.into_iter().filter_map(lost).collect()
    }

    /// Everything that is wrong with what a power cut leaves, and then with what the same command makes of it; how that
    /// went.
    fn faults(&self, cut: usize, unsynced: Unsynced, random: &mut Random) -> (Outcome, Vec<String>) {
        let image = Image::of(&self.recording, cut, unsynced, random);
        let left = Stored::read(&image.data).expect("the files can be read");
        let mut faults: Vec<_> = check_rows(&left).iter().map(|violation| format!("{violation:?}")).collect();
        let mut rows = left.rows;
        rows.sort_by_key(|row| row.id);
        let names: Vec<_> = rows.into_iter().map(|row| row.name).collect();
        if !self.stored.starts_with(&names) {
            faults.push(format!("{} customers are not the beginning of the file", names.len()));
        }
        if names.len() < reported(&self.recording, cut) {
            faults.push(format!(
                "{} customers are left, and {} were reported",
                names.len(),
                reported(&self.recording, cut)
            ));
        }
        let (outcome, others) = end(&self.test_dir, &image.data, Self::ROWS, &self.stored);
        faults.extend(others);
        (outcome, faults)
    }
}

#[test]
fn a_power_cut_during_or_after_an_import_loses_no_reported_row_and_stores_none_twice() {
    let mut random = Random::of_test("power cuts while importing");
    let run = Run::new();
    let reported = reported(&run.recording, run.recording.events.len());
    assert_eq!(reported, run.stored.len(), "not every rejected row was recorded");
    let lost = run.lost_rows(&run.recording, &Unsynced::LOSING, &mut random);
    assert!(lost.is_empty(), "{lost:#?}");
    let (mut images, mut over, mut resumed) = (0, 0, 0);
    while seed::is_another_round(images, 8, over > 0 && resumed > 0) {
        let (cut, unsynced) = run.cut(images, &mut random);
        let (outcome, faults) = run.faults(cut, unsynced, &mut random);
        assert!(faults.is_empty(), "image {images}, cut at {cut}, {unsynced:?}: {faults:#?} {outcome:?}");
        over += usize::from(was_over(&outcome));
        resumed += usize::from(is_resumed(&outcome));
        images += 1;
    }
    eprintln!("{images} images of {} events hold: {over} complete, {resumed} resumed", run.recording.events.len());
}

#[test]
fn an_import_forgotten_before_the_name_of_its_rejects_file_is_synced_is_caught() {
    let mut random = Random::of_test("an import without the sync of a name");
    let mut run = Run::new();
    let (_, faults) = run.faults(run.forgotten(), Unsynced::Dropped, &mut random);
    assert!(faults.is_empty(), "there is a fault even with the sync: {faults:#?}");
    run.take_out_sync_of_name();
    let (_, faults) = run.faults(run.forgotten(), Unsynced::Dropped, &mut random);
    assert!(!faults.is_empty(), "the sync was taken out, and rows that are stored were not rejected once more");
}

#[test]
fn each_kind_of_image_detects_reported_rows_without_a_sync() {
    let mut random = Random::of_test("an import without the last syncs of its rows");
    let run = Run::new();
    let mut syncs = run.recording.syncs_of_log();
    syncs.retain(|(begins, _)| (run.prepared..run.named()).contains(begins));
    // A batch may be reported after the sync of the next one, which covers it too: one sync less need not be a fault.
    let last = syncs.split_off(syncs.len() / 2);
    let last: Vec<_> = last.into_iter().map(|(begins, _)| begins).collect();
    let unsynced_rows = run.recording.without_syncs(&last);
    for unsynced in Unsynced::LOSING {
        let lost = run.lost_rows(&unsynced_rows, &[unsynced], &mut random);
        assert!(!lost.is_empty(), "the syncs were left out, {unsynced:?}, and all rows were there");
    }
}
