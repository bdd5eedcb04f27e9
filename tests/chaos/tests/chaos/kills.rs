//! Kills of the server, at random moments and during critical operations.

use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;

use blackbox::{CUSTOMERS, Login, Request, TestDir, sample, wait};
use chaos::again::{self, Again};
use chaos::model::Sent;
use chaos::recording::Recording;
use chaos::{Action, Load, Model, Outcome, Random, Rule, Shim, TestRegistry, seed, test_registry};

fn load(prefix: String) -> Load {
    Load { prefix, workers: 8, requests: usize::MAX, large: 15 }
}

/// How often the servers of one registry are killed. Each round checks everything that earlier rounds have stored.
const ROUNDS_OF_A_REGISTRY: usize = 100;

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_at_random_moments() {
    let mut random = Random::of_test("kills at random");
    let (rounds, mut certain) = (seed::rounds(20), 0);
    for first in (0..rounds).step_by(ROUNDS_OF_A_REGISTRY) {
        certain += kill_at_random(first..rounds.min(first + ROUNDS_OF_A_REGISTRY), &mut random);
    }
    assert!(certain > 20, "too little was tried: {certain}");
    eprintln!("{rounds} rounds, {certain} acknowledged customers are stored");
}

/// Kills the servers of a new registry, and returns how many customers it must hold in the end.
fn kill_at_random(rounds: Range<usize>, random: &mut Random) -> usize {
    let mut registry = TestRegistry::new();
    for round in rounds {
        let server = registry.test_dir.serve();
        let enough = random.within(1..400);
        let address = server.address();
        let report = load(format!("R{round}")).run(address, &registry.ada, random, |progress| {
            wait::until("there is load", wait::PATIENCE, || (progress.answered() >= enough).then_some(()));
            server.kill();
        });
        registry.note(report);
        registry.must_hold(&format!("round {round}"), random);
    }
    Model::of(&registry.histories).certain()
}

#[test]
fn creates_and_edits_without_an_answer_happen_once_when_they_are_sent_again() {
    let mut random = Random::of_test("sent again");
    let mut registry = TestRegistry::new();
    let mut again = Again::default();
    let mut round = 0;
    while seed::is_another_round(round, 10, again.has_both()) {
        let server = registry.test_dir.serve();
        let enough = random.within(1..200);
        let address = server.address();
        let report = load(format!("R{round}")).run(address, &registry.ada, &mut random, |progress| {
            wait::until("there is load", wait::PATIENCE, || (progress.answered() >= enough).then_some(()));
            server.kill();
        });
        registry.note(report);
        let server = registry.test_dir.serve();
        again += registry.send_again(&server);
        server.kill();
        registry.must_hold(&format!("round {round}"), &mut random);
        round += 1;
    }
    eprintln!("sent again: {again:?}");
}

#[test]
fn the_check_detects_a_server_that_has_forgotten_an_idempotency_key() {
    let registry = TestRegistry::new();
    let server = registry.test_dir.serve();
    let client = server.client_of(&registry.ada);
    let (created, edited) = (sample::full("Created", "Acme"), sample::full("Edited", "Acme"));
    let id = client.create(&created).customer_id();
    let edit = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).header("Idempotency-Key", "known").json(&edited);
    client.send(edit).must_succeed("an edit");
    let send_again = |key: &str| {
        let create = Sent { request: String::new(), body: created.clone(), outcome: Outcome::Acknowledged(id) };
        let edit = Sent { request: key.to_owned(), body: edited.clone(), outcome: Outcome::Unknown };
        again::send_again(&client, &mut [vec![create, edit]])
    };
    assert_eq!(send_again("known"), Again { creates: 0, edits: 1 });
    // A key that the server has never seen stands for one that it has forgotten.
    let forgotten = panic::catch_unwind(AssertUnwindSafe(|| send_again("forgotten")));
    assert!(forgotten.is_err(), "the edit was made twice and not detected");
}

/// Where the count of the operations begins at one of which a server is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    /// At its start.
    Start,
    /// When it is ready for requests.
    Ready,
}

/// Kills servers under load at operations whose numbers are in a range.
fn kill_at(
    name: &str,
    rounds: usize,
    load: &Load,
    since: Since,
    rules: &[(Action, &'static str, &'static str, Range<usize>)],
) {
    let mut random = Random::of_test(name);
    let mut registry = TestRegistry::new();
    let (rounds, mut served) = (seed::rounds(rounds), 0);
    for round in 0..rounds {
        let (action, kind, suffix, numbers) = random.pick(rules).clone();
        let rule = Rule { action, kind, suffix, number: random.within(numbers) };
        let shim = Shim::new(&registry.data()).rule(&rule);
        let shim = if since == Since::Ready { shim.armed_by_signal() } else { shim };
        let case = format!("round {round}: {rule:?}");
        let Some(mut server) = shim.start_unless_killed(registry.test_dir.launch()) else {
            registry.must_hold(&case, &mut random);
            continue;
        };
        served += 1;
        if since == Since::Ready {
            server.signal("USR1");
        }
        let load = Load { prefix: format!("R{round}"), ..load.clone() };
        let report = load.run(server.address(), &registry.ada, &mut random, |_| {});
        if server.is_running() {
            // The operation of the rule happens when the server stops.
            server.signal("TERM");
        }
        assert_eq!(server.wait(), -1, "{case}: the server was not killed");
        drop(server);
        registry.note(report);
        registry.must_hold(&case, &mut random);
    }
    eprintln!("{name}: {served} of {rounds} servers were killed while running, the others during their start");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_after_it_began_a_transaction() {
    // The first few transactions belong to the start: it rewrites the log and checks the schema.
    kill_at("kills after begin", 4, &load(String::new()), Since::Start, &[(Action::KillAfter, "begin", "*", 1..60)]);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_within_a_commit() {
    use Action::*;
    let rules = [KillBefore, KillHalf, KillAfter].map(|action| (action, "write", "-wal", 20..400));
    kill_at("kills within a commit", 6, &load(String::new()), Since::Start, &rules);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_around_a_sync() {
    use Action::*;
    let rules = [KillBefore, KillAfter].map(|action| (action, "sync", "-wal", 3..60));
    kill_at("kills around a sync", 6, &load(String::new()), Since::Start, &rules);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_around_an_answer() {
    use Action::*;
    let rules = [KillBefore, KillAfter].map(|action| (action, "send", "ack", 1..200));
    kill_at("kills around an answer", 5, &load(String::new()), Since::Start, &rules);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_while_it_reserves_ids() {
    use Action::*;
    // The first writes of a server reserve ids.
    let rules = [KillBefore, KillHalf, KillAfter].map(|action| (action, "write", "-wal", 1..5));
    kill_at("kills while reserving ids", 4, &load(String::new()), Since::Ready, &rules);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_within_a_checkpoint() {
    use Action::*;
    let rules = [
        (KillBefore, "write", "carnelian.db", 1..200),
        (KillHalf, "write", "carnelian.db", 1..200),
        (KillBefore, "sync", "carnelian.db", 1..2),
        (KillAfter, "sync", "carnelian.db", 1..2),
    ];
    let load = Load { large: 100, ..load(String::new()) };
    kill_at("kills within a checkpoint", 4, &load, Since::Start, &rules);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_while_it_stops() {
    use Action::*;
    let rules = [
        (KillBefore, "write", "carnelian.db", 1..8),
        (KillAfter, "write", "carnelian.db", 1..8),
        (KillBefore, "unlink", "-wal", 1..2),
        (KillAfter, "unlink", "-wal", 1..2),
    ];
    let load = Load { requests: 10, large: 0, ..load(String::new()) };
    kill_at("kills while stopping", 3, &load, Since::Start, &rules);
}

#[test]
fn a_first_start_that_is_killed_can_be_repeated() {
    let mut random = Random::of_test("kills at first start");
    let counted = first_start_operations();
    for round in 0..seed::rounds(5) {
        let test_dir = TestDir::new();
        let actions = [Action::KillBefore, Action::KillHalf, Action::KillAfter];
        let rule = Rule { action: *random.pick(&actions), kind: "any", suffix: "*", number: random.within(1..counted) };
        let mut command = account_command(&test_dir);
        Shim::new(&test_dir.data()).rule(&rule).under_command(&mut command);
        let ended = command.output().expect("the binary can be run");
        assert_eq!(ended.status.code(), None, "round {round}: {rule:?}: the command was not killed");
        let again = account_command(&test_dir).output().expect("the binary can be run");
        let why = String::from_utf8_lossy(&again.stderr).into_owned();
        // A command that was killed after its last commit has created the account.
        assert!(again.status.success() || why.contains("taken"), "round {round}: {rule:?}: {why}");
        let ada = test_dir.user("ada", "Acme", &[]);
        must_serve(&test_dir, &ada, &mut random);
    }
}

fn must_serve(test_dir: &TestDir, login: &Login, random: &mut Random) {
    let verdict = test_registry::judge(test_dir, &test_dir.data(), Some(login), &Model::default(), random);
    assert!(verdict.violations.is_empty(), "{:#?}", verdict.violations);
}

/// The first command that runs in a directory, which makes its registry.
fn account_command(test_dir: &TestDir) -> Command {
    let mut command = test_dir.command();
    command.args(["account", "create", "Acme", "--data"]).arg(test_dir.data());
    command
}

/// How many operations a first start has.
fn first_start_operations() -> usize {
    let test_dir = TestDir::new();
    let log = test_dir.root().join("recording");
    let mut command = account_command(&test_dir);
    Shim::new(&test_dir.data()).record(&log).under_command(&mut command);
    assert!(command.output().expect("the binary can be run").status.success());
    let operations = Recording::read(&log).operations();
    assert!(operations > 50, "too little was recorded: {operations}");
    operations
}
