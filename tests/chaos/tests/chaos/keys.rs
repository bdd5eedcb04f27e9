//! Keys and users change under kills and power cuts.

use std::collections::HashSet;
use std::ops::Range;

use blackbox::{TestDir, wait};
use chaos::keys::{ChangeKind, KeyChange, KeyRegistry, Outcome, Workload};
use chaos::recording::{Event, Recording};
use chaos::test_registry::Image;
use chaos::{Action, Random, Rule, Shim, Unsynced, seed, test_registry};

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
    let (mut round, mut kills) = (0, 0);
    let unknown = || registry.changes().iter().filter(|change| change.outcome == Outcome::Unknown).count();
    while seed::is_another_round(round, 8, kills > 0 && unknown() > 0) {
        let rule = rule(&in_server(), &mut random);
        let alone = Workload { prefix: format!("A{round}"), commands: 3, ..Workload::new(&command) };
        registry.work(&alone, &mut random, |_| {});
        if let Some(mut server) = shim.clone().rule(&rule).start_unless_killed(registry.test_dir.launch()) {
            let (prefix, address) = (format!("R{round}"), Some(server.address()));
            let (changes, commands) = (usize::MAX, usize::MAX);
            let workload = Workload { prefix, address, changes, commands, ..Workload::new(&command) };
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
        round += 1;
    }
    let changes = registry.changes().len();
    eprintln!("{kills} kills of the server, {changes} changes, {} of them without an answer", unknown());
}

/// The changes that have made a key. A user may be enabled or disabled, and a key revoked, already: then nothing is written.
fn new_keys(registry: &KeyRegistry) -> HashSet<String> {
    let is_new_key =
        |change: &&KeyChange| was_done(change) && matches!(change.kind, ChangeKind::Issue | ChangeKind::Import);
    registry.changes().iter().filter(is_new_key).map(|change| change.name.clone()).collect()
}

/// Key changes that were recorded from the first command on.
struct Run {
    registry: KeyRegistry,
    recording: Recording,
    /// How many events were recorded before the first change.
    prepared: usize,
}

impl Run {
    /// Makes changes on the command line, and then over HTTP, too, until there are more than `enough` new keys.
    fn new(random: &mut Random, clients: usize, enough: usize, configure: impl FnOnce(Shim) -> Shim) -> Self {
        let test_dir = TestDir::new();
        let log = test_dir.root().join("recording");
        let shim = configure(Shim::new(&test_dir.data()).record(&log));
        let registry = KeyRegistry::open(test_dir, &shim);
        let prepared = Recording::read(&log).events.len();
        let command = |_: &mut Random| shim.clone();
        let commands = 4 * (clients - 1);
        let alone = Workload { prefix: "A".to_owned(), commands, log: Some(&log), ..Workload::new(&command) };
        registry.work(&alone, random, |_| {});
        let server = shim.under(registry.test_dir.launch()).start();
        // While a command has disabled their operator, all changes of the clients are refused.
        let mut turn = 0;
        while new_keys(&registry).len() <= enough {
            let (prefix, address) = (format!("P{turn}"), Some(server.address()));
            registry.work(&Workload { prefix, address, clients, changes: 30, ..alone }, random, |_| {});
            turn += 1;
        }
        server.stop();
        Self { registry, recording: Recording::read(&log), prepared }
    }

    /// Where the power is cut: anywhere during the changes, or as often right after an answer.
    fn cut(&self, random: &mut Random) -> usize {
        let mut answers = self.recording.indices(Event::is_answer);
        answers.retain(|answer| *answer >= self.prepared);
        if random.percent(50) {
            random.pick(&answers) + 1
        } else {
            random.within(self.prepared..self.recording.events.len() + 1)
        }
    }

    /// What is missing in the files right after the last acknowledgement of each group, in a recording of this run.
    fn lost_groups(&self, recording: &Recording, kinds: &[Unsynced], random: &mut Random) -> Vec<String> {
        let lost = |cut: usize| {
            let unsynced = *random.pick(kinds);
            let answered = recording.answered_before(cut);
            let image = Image::of(recording, cut, unsynced, random);
            let acknowledged = |change: &KeyChange| was_done(change) && answered.contains(change.name.as_str());
            let (_, faults) = self.registry.faults_in_files(&image.data, acknowledged);
            (!faults.is_empty()).then(|| format!("cut at {cut}, {unsynced:?}: {faults:?}"))
        };
        let ends = recording.ends_of_groups(Event::is_answer).into_iter().filter(|end| *end > self.prepared);
        ends.filter_map(lost).collect()
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
    let run = Run::new(&mut random, 3, 30, |shim| shim);
    let lost = run.lost_groups(&run.recording, &Unsynced::LOSING, &mut random);
    assert!(lost.is_empty(), "{} groups are lost, for example {}", lost.len(), lost[0]);
    let images = seed::rounds(24);
    for image in 0..images {
        let (cut, unsynced) = (run.cut(&mut random), Unsynced::any(&mut random));
        let faults = run.faults(cut, unsynced, &mut random);
        assert!(faults.is_empty(), "image {image}, cut at {cut}, {unsynced:?}: {faults:#?}");
    }
    let changes = run.registry.changes().len();
    eprintln!("{images} images of {} events and {changes} changes hold", run.recording.events.len());
}

#[test]
fn key_changes_without_syncs_are_caught() {
    let mut random = Random::of_test("key work without syncs");
    let run = Run::new(&mut random, 3, 30, |shim| shim.ignore_sync("-wal"));
    let caught = (0..10).any(|_| {
        let cut = run.cut(&mut random);
        !run.faults(cut, Unsynced::Dropped, &mut random).is_empty()
    });
    assert!(caught, "the syncs were removed and no loss was reported");
}

#[test]
fn each_kind_of_image_detects_one_key_change_in_a_hundred_without_its_sync() {
    let mut random = Random::of_test("key work with one sync left out");
    let run = Run::new(&mut random, 1, 100, |shim| shim);
    let new_keys = new_keys(&run.registry);
    let is_needed = |event: &Event| matches!(event, Event::Answer { request, .. } if new_keys.contains(request));
    let groups = run.recording.syncs_of_answers(is_needed);
    for unsynced in Unsynced::LOSING {
        let syncs = random.pick(&groups).clone();
        let without = run.recording.without_syncs(&syncs);
        let lost = test_registry::first_loss(|| run.lost_groups(&without, &[unsynced], &mut random));
        assert_eq!(lost.len(), 1, "the syncs at {syncs:?} were left out, {unsynced:?}: {lost:?}");
    }
}
