//! An operation on a file fails, be it once or from then on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use blackbox::{CUSTOMERS, Client, Server, sample, wait};
use chaos::again::{self, Again};
use chaos::load::Report;
use chaos::model::Sent;
use chaos::recording::{Event, Recording};
use chaos::scene::Image;
use chaos::shim::{EIO, EMFILE, ENOSPC, EROFS};
use chaos::{Action, Load, Model, Outcome, Random, Rule, Scene, Shim, Story, Unsynced, scene, seed};

use crate::power_cuts::prepare;

/// How long a server whose sync has failed may go on; one second is promised, and this machine may be busy.
const STOPS: Duration = Duration::from_secs(4);

/// How long the cases may take that are drawn in the short form.
const BUDGET: Duration = Duration::from_secs(40);

/// The kinds of operation that the scripted run has, and the errors that each can meet.
const KINDS: [(&str, &[i32]); 4] = [
    ("write", &[EIO, ENOSPC, EROFS]),
    ("sync", &[EIO, ENOSPC]),
    ("truncate", &[EIO, ENOSPC, EROFS]),
    ("open", &[EIO, ENOSPC, EMFILE]),
];

/// The ways in which an error comes up: a file system does not become read-only for a single operation.
fn actions(errno: i32) -> Vec<Action> {
    match errno {
        EROFS => vec![Action::ReadOnly],
        _ => vec![Action::Fail(errno), Action::FailFromThenOn(errno)],
    }
}

/// A run that is the same every time, as far as threads allow: a start, creates and edits on some connections, a stop.
struct Script {
    scene: Scene,
    prepared: tempfile::TempDir,
}

/// How a run ended, and what was done to the files.
struct Ending {
    code: i32,
    /// Whether the server came to serve at all.
    started: bool,
    /// Whether it had to stop by itself, and did in time.
    stopped: bool,
    report: Report,
    recording: Recording,
    /// What had no answer and was sent again.
    sent_again: Again,
}

impl Script {
    fn new() -> Self {
        let scene = Scene::new();
        let server = scene.place.serve();
        let client = server.client_of(&scene.ada);
        client.create(&sample::minimal("Before", "Acme")).must_succeed("a create before the faults");
        // Its log stays behind, so that the script begins with a recovery.
        server.kill();
        let prepared = scene::fast_directory();
        copy(&scene.data(), prepared.path());
        Self { scene, prepared }
    }

    fn run(&self, rule: Option<&Rule>, random: &mut Random) -> Ending {
        let _ = fs::remove_dir_all(self.scene.data());
        fs::create_dir(self.scene.data()).expect("a directory can be made");
        copy(self.prepared.path(), &self.scene.data());
        let log = self.prepared.path().join("recording");
        let _ = fs::remove_file(&log);
        let shim = Shim::new(&self.scene.data()).record(&log);
        let shim = rule.iter().fold(shim, |shim, rule| shim.rule(rule));
        let (report, recording) = (Report::default(), Recording::default());
        let sent_again = Again::default();
        let mut ending = Ending { code: 0, started: false, stopped: false, report, recording, sent_again };
        match shim.under(self.scene.place.launch()).try_start() {
            Err((code, log)) => {
                assert!(!log.contains("panicked at"), "{rule:?}: {log}");
                ending.code = code;
            }
            Ok(mut server) => {
                ending.started = true;
                let load = Load { prefix: "S".to_owned(), workers: 4, requests: 12, large: 10 };
                ending.report = load.run(server.address(), &self.scene.ada, random, |_| {});
                if self.must_stop(rule, &log) {
                    wait::until(&format!("{rule:?}: the server stops"), STOPS, || (!server.is_running()).then_some(()));
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

    /// Whether something has failed after which only a restart can tell what is stored.
    fn must_stop(&self, rule: Option<&Rule>, log: &Path) -> bool {
        let recording = Recording::read(log);
        match recording.fired() {
            Some(("sync", name)) => name.ends_with("-wal"),
            Some(("write", name)) => name.ends_with("-wal") && rule.is_some_and(|rule| errno(rule) == EIO),
            _ => false,
        }
    }

    /// Runs the script under a rule and asserts what holds whatever fails.
    fn check(&self, rule: &Rule, random: &mut Random) -> Ending {
        let mut ending = self.run(Some(rule), random);
        assert!(matches!(ending.code, 0 | 1), "{rule:?}: the server ended with {}", ending.code);
        let fired = ending.recording.fired();
        if ending.stopped {
            assert_eq!(ending.code, 1, "{rule:?}: the store has failed and the exit code does not say so");
            let late = &ending.report.acknowledged_late;
            assert!(late.is_empty(), "{rule:?}: acknowledged after the store has failed: {late:?}");
        }
        // A start may be refused: the log cannot be made sure of.
        if ending.started && (rule.kind == "write" && errno(rule) == ENOSPC || errno(rule) == EROFS) {
            assert_eq!(ending.code, 0, "{rule:?}, {fired:?}: a disk that takes no writes has stopped the server");
        }
        let mut stories = vec![vec![before()]];
        stories.extend(ending.report.stories.iter().cloned());
        let model = Model::of(&stories);
        let verdict = scene::judge(&self.scene.place, &self.scene.data(), Some(&self.scene.ada), &model, random);
        assert!(verdict.violations.is_empty(), "{rule:?}, {fired:?}: {:#?}", verdict.violations);
        ending.sent_again = self.send_again(&mut stories);
        ending
    }

    /// Sends again what has no answer, once nothing fails any more.
    fn send_again(&self, stories: &mut [Story]) -> Again {
        // A start takes its time.
        if !stories.iter().flatten().any(|sent| sent.outcome == Outcome::Unknown) {
            return Again::default();
        }
        let server = self.scene.place.serve();
        again::send_again(&server.client_of(&self.scene.ada), stories)
    }
}

fn errno(rule: &Rule) -> i32 {
    match rule.action {
        Action::Fail(errno) | Action::FailFromThenOn(errno) => errno,
        Action::ReadOnly => EROFS,
        _ => 0,
    }
}

/// The customer that was there before.
fn before() -> Sent {
    let outcome = Outcome::Acknowledged(1);
    Sent { request: String::new(), body: sample::minimal("Before", "Acme"), outcome }
}

fn copy(from: &Path, to: &Path) {
    for name in ["carnelian.db", "carnelian.db-wal", "master.key"] {
        fs::copy(from.join(name), to.join(name)).expect("a file can be copied");
    }
}

/// How often the script does what, without a fault.
fn operations(recording: &Recording) -> BTreeMap<&'static str, usize> {
    let count = |wanted: fn(&Event) -> bool| recording.indices(wanted).len();
    BTreeMap::from([
        ("write", count(|event| matches!(event, Event::Write { .. }))),
        ("sync", count(|event| matches!(event, Event::SyncBegins { .. }))),
        ("truncate", count(|event| matches!(event, Event::Truncate { .. }))),
        ("open", count(|event| matches!(event, Event::Open { .. }))),
    ])
}

#[test]
fn whatever_operation_fails_the_server_never_lies_and_starts_again() {
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
    let (started, mut tried, mut fired) = (Instant::now(), 0, BTreeMap::<_, usize>::new());
    let mut again = Again::default();
    while !cases.is_empty() && (all || started.elapsed() < BUDGET) {
        // The kinds by turns: there are many more writes than anything else.
        let kind = KINDS[tried % KINDS.len()].0;
        let of_kind: Vec<_> = (0..cases.len()).filter(|case| all || cases[*case].kind == kind).collect();
        let case = if of_kind.is_empty() { random.within(0..cases.len()) } else { *random.pick(&of_kind) };
        let ending = script.check(&cases.swap_remove(case), &mut random);
        *fired.entry(ending.recording.fired().map(|(kind, _)| kind.to_owned())).or_default() += 1;
        again += ending.sent_again;
        tried += 1;
    }
    eprintln!("{tried} cases hold, {} were left; failed operations: {fired:?}; sent again: {again:?}", cases.len());
    assert!(again.creates > 0 && again.edits > 0, "every create or every edit had its answer: {again:?}");
    for kind in KINDS.map(|(kind, _)| kind) {
        assert!(fired.contains_key(&Some(kind.to_owned())), "no {kind} has failed: {fired:?}");
    }
}

/// Waits until the server listens, under a rule that is armed later, and has a customer acknowledged.
fn start_and_create(scene: &Scene, shim: Shim) -> (Server, u64) {
    let server = shim.armed_by_signal().under(scene.place.launch()).start();
    let client = server.client_of(&scene.ada);
    let id = client.create(&sample::minimal("Before", "Acme")).customer_id();
    (server, id)
}

#[test]
fn after_a_failed_sync_nobody_is_told_what_may_be_lost() {
    for action in [Action::Fail(EIO), Action::FailFromThenOn(EIO), Action::Fail(ENOSPC)] {
        let scene = Scene::new();
        let log = scene.place.root().join("recording");
        let rule = Rule { action, kind: "sync", suffix: "-wal", number: 1 };
        let (mut server, id) = start_and_create(&scene, Shim::new(&scene.data()).rule(&rule).record(&log));
        server.signal("USR1");
        let client = server.client_of(&scene.ada);
        let edited = sample::full("Before", "Acme");
        let started = Instant::now();
        let reply = client.edit(id, &edited);
        assert_eq!(reply.status, 503, "{rule:?}: {}", reply.text());
        must_not_show(&server.client_of(&scene.ada), id);
        wait::until("the server stops", STOPS, || (!server.is_running()).then_some(()));
        assert_eq!(server.wait(), 1, "{rule:?}");
        eprintln!("{rule:?}: the server had stopped {:?} after the edit", started.elapsed());
        assert!(started.elapsed() < STOPS, "{rule:?}: it took {:?}", started.elapsed());
    }
}

/// Asserts that an edit whose sync has failed cannot be seen: the answer is no, or there is none.
fn must_not_show(client: &Client, id: u64) {
    if let Ok(reply) = client.try_get(&format!("{CUSTOMERS}/{id}")) {
        assert_eq!(reply.status, 503, "a customer whose sync has failed is shown: {}", reply.text());
    }
}

#[test]
fn what_was_acknowledged_needs_no_sync_that_failed() {
    let mut random = Random::of_test("failed syncs, then a power cut");
    let mut again = Again::default();
    for round in 0..seed::rounds(6) {
        let (place, log, ada) = prepare();
        let rule = Rule { action: Action::Fail(EIO), kind: "sync", suffix: "-wal", number: random.within(4..30) };
        let shim = Shim::new(&place.data()).record(&log).rule(&rule).armed_by_signal();
        let server = shim.under(place.launch()).start();
        server.signal("USR1");
        let load = Load { prefix: "F".to_owned(), workers: 4, requests: 60, large: 0 };
        let mut report = load.run(server.address(), &ada, &mut random, |_| {});
        drop(server);
        let recording = Recording::read(&log);
        assert_eq!(recording.fired(), Some(("sync", "carnelian.db-wal")), "round {round}: {rule:?}");
        let left = Image::of(&recording, recording.events.len(), Unsynced::Dropped, &mut random);
        let verdict = scene::judge(&place, &left.data, Some(&ada), &Model::of(&report.stories), &mut random);
        assert!(verdict.violations.is_empty(), "round {round}: {rule:?}: {:#?}", verdict.violations);
        let server = scene::launch(&place, &left.data).start();
        again += again::send_again(&server.client_of(&ada), &mut report.stories);
    }
    assert_ne!(again, Again::default(), "everything had its answer");
}

#[test]
fn a_failed_commit_always_ends_the_process() {
    let mut random = Random::of_test("failed commits");
    let script = Script::new();
    let (rounds, mut stopped) = (seed::rounds(150), 0);
    for _ in 0..rounds {
        let action = *random.pick(&[Action::Fail(EIO), Action::FailFromThenOn(EIO)]);
        let rule = Rule { action, kind: "write", suffix: "-wal", number: random.within(2..30) };
        stopped += usize::from(script.check(&rule, &mut random).stopped);
    }
    eprintln!("{stopped} of {rounds} commits failed in a server that served");
    assert!(stopped > 0, "no commit failed in a server that served");
}
