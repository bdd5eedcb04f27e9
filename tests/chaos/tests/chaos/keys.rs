//! Keys and users change under kills and power cuts.

use std::ops::Range;

use blackbox::{TestDir, wait};
use chaos::keys::{KeyChange, KeyRegistry, Outcome, Workload};
use chaos::recording::{Event, Recording};
use chaos::test_registry::Image;
use chaos::{Action, Random, Rule, Shim, Unsynced, seed};

/// An operation at which a process is killed: action, kind, file, and the range of its number.
type Moment = (Action, &'static str, &'static str, Range<usize>);

/// Operations at which the server is killed.
fn in_server() -> [Moment; 7] {
    use Action::*;
    [
        (KillBefore, "write", "-wal", 5..120),
        (KillHalf, "write", "-wal", 5..120),
        (KillBefore, "sync", "-wal", 3..40),
        (KillAfter, "sync", "-wal", 3..40),
        (KillAfter, "begin", "*", 2..40),
        (KillBefore, "send", "other", 3..60),
        (KillAfter, "send", "other", 3..60),
    ]
}

/// Operations at which a command is killed, unless it has ended before.
fn in_command() -> [Moment; 5] {
    use Action::*;
    [
        (KillAfter, "begin", "*", 1..3),
        (KillHalf, "write", "-wal", 1..8),
        (KillBefore, "sync", "-wal", 1..4),
        (KillAfter, "sync", "-wal", 1..4),
        (KillAfter, "any", "*", 1..30),
    ]
}

fn rule(moments: &[Moment], random: &mut Random) -> Rule {
    let (action, kind, suffix, numbers) = random.pick(moments).clone();
    Rule { action, kind, suffix, number: random.within(numbers) }
}

fn was_done(change: &KeyChange) -> bool {
    change.outcome == Outcome::Done
}

#[test]
fn acknowledged_key_changes_survive_kills_of_server_and_commands() {
    let mut random = Random::of_test("kills while working on keys");
    let test_dir = TestDir::new();
    let shim = Shim::new(&test_dir.data());
    let registry = KeyRegistry::open(test_dir, &shim);
    let command = |random: &mut Random| {
        if random.percent(50) { shim.clone().rule(&rule(&in_command(), random)) } else { shim.clone() }
    };
    let mut kills = 0;
    for round in 0..seed::rounds(8) {
        let rule = rule(&in_server(), &mut random);
        let alone = Workload { prefix: format!("A{round}"), address: None, changes: 9, shim: &command, log: None };
        registry.work(&alone, &mut random, |_| {});
        if let Some(mut server) = shim.clone().rule(&rule).start_unless_killed(registry.test_dir.launch()) {
            let (prefix, address) = (format!("R{round}"), Some(server.address()));
            let workload = Workload { prefix, address, changes: usize::MAX, shim: &command, log: None };
            registry.work(&workload, &mut random, |progress| {
                let over = wait::until("the server is killed, or has done much", wait::PATIENCE, || {
                    let over = !server.is_running();
                    (over || progress.answered() > 300).then_some(over)
                });
                kills += usize::from(over);
                progress.end();
            });
        }
        let faults = registry.faults(&registry.test_dir.data(), was_done);
        assert!(faults.is_empty(), "round {round}: {rule:?}: {faults:#?}");
    }
    let changes = registry.changes();
    let unknown = changes.iter().filter(|change| change.outcome == Outcome::Unknown).count();
    eprintln!("{kills} kills of the server, {} changes, {unknown} of them without an answer", changes.len());
    assert!(kills > 0 && unknown > 0, "nothing was interrupted");
}

/// Key changes that were recorded from the first command on.
struct Run {
    registry: KeyRegistry,
    recording: Recording,
    /// How many events were recorded before the first change.
    prepared: usize,
}

impl Run {
    fn new(random: &mut Random, configure: impl FnOnce(Shim) -> Shim) -> Self {
        let test_dir = TestDir::new();
        let log = test_dir.root().join("recording");
        let shim = configure(Shim::new(&test_dir.data()).record(&log));
        let registry = KeyRegistry::open(test_dir, &shim);
        let prepared = Recording::read(&log).events.len();
        let command = |_: &mut Random| shim.clone();
        let mut workload =
            Workload { prefix: "A".to_owned(), address: None, changes: 12, shim: &command, log: Some(&log) };
        registry.work(&workload, random, |_| {});
        let server = shim.under(registry.test_dir.launch()).start();
        (workload.prefix, workload.address, workload.changes) = ("P".to_owned(), Some(server.address()), 30);
        registry.work(&workload, random, |_| {});
        server.stop();
        Self { registry, recording: Recording::read(&log), prepared }
    }

    /// Where the power is cut: anywhere during the changes, or as often right after an answer.
    fn cut(&self, random: &mut Random) -> usize {
        let mut answers = self.recording.indices(|event| matches!(event, Event::Answer { .. }));
        answers.retain(|answer| *answer >= self.prepared);
        if random.percent(50) {
            random.pick(&answers) + 1
        } else {
            random.within(self.prepared..self.recording.events.len() + 1)
        }
    }

    fn faults(&self, cut: usize, unsynced: Unsynced, random: &mut Random) -> Vec<String> {
        let answered = self.recording.answered_before(cut);
        let image = Image::of(&self.recording, cut, unsynced, random);
        self.registry.faults(&image.data, |change| was_done(change) && answered.contains(change.name.as_str()))
    }
}

#[test]
fn acknowledged_key_changes_survive_power_cuts() {
    let mut random = Random::of_test("power cuts while working on keys");
    let run = Run::new(&mut random, |shim| shim);
    let done = run.registry.changes().iter().filter(|change| was_done(change)).count();
    assert!(done > 30, "too few changes: {done}");
    let images = seed::rounds(24);
    for image in 0..images {
        let (cut, unsynced) = (run.cut(&mut random), Unsynced::any(&mut random));
        let faults = run.faults(cut, unsynced, &mut random);
        assert!(faults.is_empty(), "image {image}, cut at {cut}, {unsynced:?}: {faults:#?}");
    }
    eprintln!("{images} images of {} events and {done} changes hold", run.recording.events.len());
}

#[test]
fn key_changes_without_syncs_are_caught() {
    let mut random = Random::of_test("key work without syncs");
    let run = Run::new(&mut random, |shim| shim.ignore_sync("-wal"));
    let caught = (0..10).any(|_| {
        let cut = run.cut(&mut random);
        !run.faults(cut, Unsynced::Dropped, &mut random).is_empty()
    });
    assert!(caught, "the syncs were removed and no loss was reported");
}
