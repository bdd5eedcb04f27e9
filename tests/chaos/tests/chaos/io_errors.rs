//! Failed operations on files, once or permanently.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use blackbox::{CUSTOMERS, Client, Server, sample, wait};
use chaos::again::{self, Again};
use chaos::load::Report;
use chaos::model::Sent;
use chaos::recording::{Event, Recording};
use chaos::shim::{EIO, EMFILE, ENOSPC, EROFS};
use chaos::test_registry::Image;
use chaos::{
    Action, CustomerHistory, Load, Model, Outcome, Random, Rule, Shim, TestRegistry, Unsynced, seed, test_registry,
};

use crate::power_cuts::prepare;

/// How long a server may run after a failed sync, where it is judged.
const STOPS: Duration = Duration::from_secs(1);

/// How long the random cases of a normal run may take.
const BUDGET: Duration = Duration::from_secs(40);

/// The kinds of operations in the scripted run, and the errors that each can return.
const KINDS: [(&str, &[i32]); 4] = [
    ("write", &[EIO, ENOSPC, EROFS]),
    ("sync", &[EIO, ENOSPC]),
    ("truncate", &[EIO, ENOSPC, EROFS]),
    ("open", &[EIO, ENOSPC, EMFILE]),
];

/// How an error can occur: once or permanently; a file system does not become read-only for a single operation.
fn actions(errno: i32) -> Vec<Action> {
    match errno {
        EROFS => vec![Action::ReadOnly],
        _ => vec![Action::Fail(errno), Action::FailFromThenOn(errno)],
    }
}

/// A run that is the same each time, apart from the order of threads: start, creates and edits, stop.
struct Script {
    registry: TestRegistry,
    prepared: tempfile::TempDir,
}

/// How a run ended, and its operations on files.
struct Ending {
    code: i32,
    /// Whether the server has started.
    started: bool,
    /// Whether it had to stop by itself, and did so in time.
    stopped: bool,
    report: Report,
    recording: Recording,
    /// The requests that had no answer and were sent again.
    sent_again: Again,
}

impl Script {
    fn new() -> Self {
        let registry = TestRegistry::new();
        let server = registry.test_dir.serve();
        let client = server.client_of(&registry.ada);
        client.create(&sample::minimal("Before", "Acme")).must_succeed("a create before the faults");
        // A killed server leaves its log, so that the script begins with a recovery.
        server.kill();
        let prepared = test_registry::fast_directory();
        copy(&registry.data(), prepared.path());
        Self { registry, prepared }
    }

    fn run(&self, rule: Option<&Rule>, random: &mut Random) -> Ending {
        let _ = fs::remove_dir_all(self.registry.data());
        fs::create_dir(self.registry.data()).expect("a directory can be made");
        copy(self.prepared.path(), &self.registry.data());
        let log = self.prepared.path().join("recording");
        let _ = fs::remove_file(&log);
        let shim = Shim::new(&self.registry.data()).record(&log);
        let shim = rule.iter().fold(shim, |shim, rule| shim.rule(rule));
        let (report, recording) = (Report::default(), Recording::default());
        let sent_again = Again::default();
        let mut ending = Ending { code: 0, started: false, stopped: false, report, recording, sent_again };
        match shim.under(self.registry.test_dir.launch()).try_start() {
            Err((code, log)) => {
                assert!(!log.contains("panicked at"), "{rule:?}: {log}");
                ending.code = code;
            }
            Ok(mut server) => {
                ending.started = true;
                let load = Load { prefix: "S".to_owned(), workers: 4, requests: 12, large: 10 };
                ending.report = load.run(server.address(), &self.registry.ada, random, |_| {});
                if self.must_stop(rule, &log) {
                    let what = format!("{rule:?}: the server stops");
                    wait::until(&what, wait::PROCESS, || (!server.is_running()).then_some(()));
                    ending.stopped = true;
                } else if server.is_running() {
                    server.signal("TERM");
                }
                ending.code = server.wait();
            }
        }
        ending.recording = Recording::read(&log);
        ending
    }

    /// Whether a failure has occurred after which only a restart can find out what is stored.
    fn must_stop(&self, rule: Option<&Rule>, log: &Path) -> bool {
        let recording = Recording::read(log);
        match recording.fired() {
            Some(("sync", name)) => name.ends_with("-wal"),
            Some(("write", name)) => name.ends_with("-wal") && rule.is_some_and(|rule| errno(rule) == EIO),
            _ => false,
        }
    }

    /// Runs the script under a rule and asserts what must hold after any failure.
    fn check(&self, rule: &Rule, random: &mut Random) -> Ending {
        let mut ending = self.run(Some(rule), random);
        assert!(matches!(ending.code, 0 | 1), "{rule:?}: the server ended with {}", ending.code);
        let fired = ending.recording.fired();
        if ending.stopped {
            assert_eq!(ending.code, 1, "{rule:?}: the store has failed and the exit code is not 1");
            let late = &ending.report.acknowledged_late;
            assert!(late.is_empty(), "{rule:?}: acknowledged after the store has failed: {late:?}");
        }
        // A start may fail: the log of the killed server cannot be synced.
        if ending.started && (rule.kind == "write" && errno(rule) == ENOSPC || errno(rule) == EROFS) {
            assert_eq!(ending.code, 0, "{rule:?}, {fired:?}: a disk without writes has stopped the server");
        }
        let mut histories = vec![vec![before()]];
        histories.extend(ending.report.histories.iter().cloned());
        let model = Model::of(&histories);
        let verdict = test_registry::judge(
            &self.registry.test_dir,
            &self.registry.data(),
            Some(&self.registry.ada),
            &model,
            random,
        );
        assert!(verdict.violations.is_empty(), "{rule:?}, {fired:?}: {:#?}", verdict.violations);
        ending.sent_again = self.send_again(&mut histories);
        ending
    }

    /// Sends the requests without an answer again, without faults.
    fn send_again(&self, histories: &mut [CustomerHistory]) -> Again {
        // Spares a start of the server if there is none.
        if !histories.iter().flatten().any(|sent| sent.outcome == Outcome::Unknown) {
            return Again::default();
        }
        let server = self.registry.test_dir.serve();
        again::send_again(&server.client_of(&self.registry.ada), histories)
    }
}

fn errno(rule: &Rule) -> i32 {
    match rule.action {
        Action::Fail(errno) | Action::FailFromThenOn(errno) => errno,
        Action::ReadOnly => EROFS,
        _ => 0,
    }
}

/// The customer that exists before the script.
fn before() -> Sent {
    let outcome = Outcome::Acknowledged(1);
    Sent { request: String::new(), body: sample::minimal("Before", "Acme"), outcome }
}

fn copy(from: &Path, to: &Path) {
    for name in ["carnelian.db", "carnelian.db-wal", "master.key"] {
        fs::copy(from.join(name), to.join(name)).expect("a file can be copied");
    }
}

/// How many operations of each kind the script has without a fault.
fn operations(recording: &Recording) -> BTreeMap<&'static str, usize> {
    let count = |wanted: fn(&Event) -> bool| recording.indices(wanted).len();
    BTreeMap::from([
        ("write", count(|event| matches!(event, Event::Write { .. }))),
        ("sync", count(|event| matches!(event, Event::SyncBegins { .. }))),
        ("truncate", count(|event| matches!(event, Event::Truncate { .. }))),
        ("open", count(|event| matches!(event, Event::Open { .. }))),
    ])
}

/// What the cases have shown so far.
#[derive(Debug, Default)]
struct Tally {
    /// How many operations of each kind have failed.
    failed: BTreeMap<String, usize>,
    /// The requests without an answer that were sent again.
    sent_again: Again,
}

impl Tally {
    /// Whether operations of each kind have failed, and creates and edits were without an answer.
    fn is_enough(&self) -> bool {
        KINDS.iter().all(|(kind, _)| self.failed.contains_key(*kind)) && self.sent_again.has_both()
    }
}

#[test]
fn after_any_failed_operation_answers_are_true_and_the_server_starts_again() {
    let mut random = Random::of_test("I/O errors");
    let script = Script::new();
    let faultless = script.run(None, &mut random);
    assert_eq!(faultless.code, 0);
    assert!(faultless.report.acknowledged > 20, "too little was tried: {}", faultless.report.acknowledged);
    let operations = operations(&faultless.recording);
    eprintln!("the script has {operations:?}");
    let mut cases = Vec::new();
    for (kind, errors) in KINDS {
        for number in (1..=operations[kind]).filter(|number| seed::in_slice(*number)) {
            let actions = errors.iter().flat_map(|errno| actions(*errno));
            cases.extend(actions.map(|action| Rule { action, kind, suffix: "*", number }));
        }
    }
    let all = seed::rounds(0) == usize::MAX;
    let (started, mut tried, mut tally) = (Instant::now(), 0, Tally::default());
    while !cases.is_empty() && (all || started.elapsed() < BUDGET || !tally.is_enough()) {
        // Round robin by kind: there are many more writes than other operations.
        let kind = KINDS[tried % KINDS.len()].0;
        let of_kind: Vec<_> = (0..cases.len()).filter(|case| all || cases[*case].kind == kind).collect();
        let case = if of_kind.is_empty() { random.within(0..cases.len()) } else { *random.pick(&of_kind) };
        let ending = script.check(&cases.swap_remove(case), &mut random);
        let fired = ending.recording.fired().map_or("none", |(kind, _)| kind);
        *tally.failed.entry(fired.to_owned()).or_default() += 1;
        tally.sent_again += ending.sent_again;
        tried += 1;
    }
    eprintln!("{tried} cases hold, {} were left: {tally:?}", cases.len());
    assert!(tally.is_enough(), "no operation of some kind has failed, or no request was without an answer: {tally:?}");
}

/// Starts a server under a rule that is armed later, and creates a customer.
fn start_and_create(registry: &TestRegistry, shim: Shim) -> (Server, u64) {
    let server = shim.armed_by_signal().under(registry.test_dir.launch()).start();
    let client = server.client_of(&registry.ada);
    let id = client.create(&sample::minimal("Before", "Acme")).customer_id();
    (server, id)
}

#[test]
fn a_write_whose_sync_has_failed_is_not_shown() {
    for action in [Action::Fail(EIO), Action::FailFromThenOn(EIO), Action::Fail(ENOSPC)] {
        let registry = TestRegistry::new();
        let log = registry.test_dir.root().join("recording");
        let rule = Rule { action, kind: "sync", suffix: "-wal", number: 1 };
        let (mut server, id) = start_and_create(&registry, Shim::new(&registry.data()).rule(&rule).record(&log));
        server.signal("USR1");
        let client = server.client_of(&registry.ada);
        let edited = sample::full("Before", "Acme");
        let started = Instant::now();
        let reply = client.edit(id, &edited);
        assert_eq!(reply.status, 503, "{rule:?}: {}", reply.text());
        must_not_show(&server.client_of(&registry.ada), id);
        wait::until("the server stops", wait::PROCESS, || (!server.is_running()).then_some(()));
        assert_eq!(server.wait(), 1, "{rule:?}");
        seed::judge_time(&format!("{rule:?}: the stop of the server"), started.elapsed(), STOPS);
    }
}

/// Asserts that a read does not return an edit whose sync has failed: it fails, or the connection is closed.
fn must_not_show(client: &Client, id: u64) {
    if let Ok(reply) = client.try_get(&format!("{CUSTOMERS}/{id}")) {
        assert_eq!(reply.status, 503, "a customer whose sync has failed is shown: {}", reply.text());
    }
}

#[test]
fn acknowledged_writes_survive_a_power_cut_after_a_failed_sync() {
    let mut random = Random::of_test("failed syncs, then a power cut");
    let (mut round, mut again) = (0, Again::default());
    while seed::is_another_round(round, 6, again != Again::default()) {
        let (test_dir, log, ada) = prepare();
        let rule = Rule { action: Action::Fail(EIO), kind: "sync", suffix: "-wal", number: random.within(4..30) };
        let shim = Shim::new(&test_dir.data()).record(&log).rule(&rule).armed_by_signal();
        let server = shim.under(test_dir.launch()).start();
        server.signal("USR1");
        let load = Load { prefix: "F".to_owned(), workers: 4, requests: 60, large: 0 };
        let mut report = load.run(server.address(), &ada, &mut random, |_| {});
        drop(server);
        let recording = Recording::read(&log);
        assert_eq!(recording.fired(), Some(("sync", "carnelian.db-wal")), "round {round}: {rule:?}");
        let left = Image::of(&recording, recording.events.len(), Unsynced::Dropped, &mut random);
        let verdict =
            test_registry::judge(&test_dir, &left.data, Some(&ada), &Model::of(&report.histories), &mut random);
        assert!(verdict.violations.is_empty(), "round {round}: {rule:?}: {:#?}", verdict.violations);
        let server = test_registry::launch(&test_dir, &left.data).start();
        again += again::send_again(&server.client_of(&ada), &mut report.histories);
        round += 1;
    }
}

#[test]
fn a_failed_commit_always_stops_the_server() {
    let mut random = Random::of_test("failed commits");
    let script = Script::new();
    let (mut rounds, mut stopped) = (0, 0);
    while seed::is_another_round(rounds, 60, stopped > 0) {
        let action = *random.pick(&[Action::Fail(EIO), Action::FailFromThenOn(EIO)]);
        let rule = Rule { action, kind: "write", suffix: "-wal", number: random.within(2..30) };
        stopped += usize::from(script.check(&rule, &mut random).stopped);
        rounds += 1;
    }
    eprintln!("{stopped} of {rounds} commits failed in a running server");
}
