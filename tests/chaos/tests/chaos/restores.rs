//! A registry is replaced by a restored one, under load, and the server or the command is killed.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use blackbox::problems::UNAVAILABLE;
use blackbox::{CUSTOMERS, Client, Login, Place, Request, Server, sample, wait};
use chaos::checker::{self, Stored};
use chaos::{Action, Random, Rule, Shim, seed};

/// How many customers the backup has.
const KEPT: usize = 30;

/// How many clients create customers.
const CLIENTS: usize = 3;

/// An operation at which a process is killed.
type Kill = (Action, &'static str, &'static str, Range<usize>);

/// Those at which a server is killed, counted from the moment of the restore.
const SERVER: [Kill; 7] = [
    (Action::KillBefore, "rename", "*", 1..3),
    (Action::KillAfter, "rename", "*", 1..3),
    (Action::KillAfter, "sync", ".", 1..6),
    (Action::KillBefore, "open", "*", 1..20),
    (Action::KillBefore, "unlink", "*", 1..4),
    (Action::KillAfter, "unlink", "*", 1..4),
    (Action::KillBefore, "any", "*", 1..200),
];

/// Those at which a command is killed; it puts the registry into its place itself if nobody else does.
const COMMAND: [Kill; 6] = [
    (Action::KillBefore, "rename", "*", 1..4),
    (Action::KillAfter, "rename", "*", 1..4),
    (Action::KillBefore, "sync", ".", 1..5),
    (Action::KillBefore, "open", "*", 1..12),
    (Action::KillAfter, "unlink", "*", 1..3),
    (Action::KillBefore, "any", "*", 1..40),
];

fn draw(kills: &[Kill], random: &mut Random) -> Rule {
    let (action, kind, suffix, numbers) = random.pick(kills).clone();
    Rule { action, kind, suffix, number: random.within(numbers) }
}

/// A customer that a client has sent, and its id if that was acknowledged.
type Sent = (String, Option<u64>);

/// A registry, a backup of it, and what clients know.
struct Trial {
    place: Place,
    ada: Login,
    /// Every id that was ever acknowledged.
    ids: HashSet<u64>,
    kills: usize,
    restored: usize,
}

impl Trial {
    fn new() -> Self {
        let place = Place::new();
        place.account("Acme");
        let ada = place.user("ada", "Acme", &[]);
        let mut trial = Self { place, ada, ids: HashSet::new(), kills: 0, restored: 0 };
        let server = trial.place.serve();
        trial.create(&server, "Kept", KEPT);
        trial.place.cli(&["backup", "kept"]).done();
        server.kill();
        trial
    }

    /// Creates customers one after the other, all of which must be acknowledged; returns their names.
    fn create(&mut self, server: &Server, prefix: &str, count: usize) -> Vec<String> {
        let client = server.client_of(&self.ada);
        let names: Vec<_> = (0..count).map(|number| format!("{prefix} {number}")).collect();
        for name in &names {
            self.note_id(client.create(&sample::minimal(name, "Acme")).customer_id());
        }
        names
    }

    #[track_caller]
    fn note_id(&mut self, id: u64) {
        assert!(self.ids.insert(id), "{id} was given twice");
    }

    /// Begins a restore, which may be killed.
    fn restore(&self, rule: Option<&Rule>) -> Command {
        let mut command = self.place.command();
        command.args(["restore", "kept", "--replace", "--data"]).arg(self.place.data());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(rule) = rule {
            Shim::new(&self.place.data()).rule(rule).under_command(&mut command);
        }
        command
    }

    /// What is stored, once a server has started and was killed again.
    fn stored(&self, case: &str) -> HashSet<String> {
        self.place.serve().kill();
        let stored = Stored::read(&self.place.data()).expect("the files can be read");
        assert_eq!(checker::check_rows(&stored), [], "{case}");
        self.place.cli(&["audit", "verify"]).done();
        let left = ["carnelian.db.restored", "carnelian.db.replaced"].map(|name| self.place.data().join(name).exists());
        assert_eq!(left, [false, false], "{case}: a restore has left something");
        stored.rows.into_iter().map(|row| row.name).collect()
    }

    /// Asserts that everything is as before the restore, or as in the backup, but for what came later.
    fn must_be_old_or_restored(&mut self, case: &str, old: &[String], clients: &[Vec<Sent>]) {
        let stored = self.stored(case);
        let kept = (0..KEPT).filter(|number| stored.contains(&format!("Kept {number}"))).count();
        assert_eq!(kept, KEPT, "{case}: what is in the backup and in the registry is in neither");
        let left = old.iter().filter(|name| stored.contains(*name)).count();
        assert!(left == 0 || left == old.len(), "{case}: {left} of {} are left of the old registry", old.len());
        for sent in clients {
            let acknowledged = sent.iter().filter(|(_, id)| id.is_some());
            let there: Vec<_> = acknowledged.map(|(name, _)| stored.contains(name)).collect();
            // Once a client was told by the restored registry, it never again was by the old one.
            assert!(there.is_sorted(), "{case}: acknowledged, and taken over into the past: {there:?}");
            assert!(
                left == 0 || !there.contains(&false),
                "{case}: acknowledged and lost, without a restore: {there:?}"
            );
        }
        self.restored += usize::from(left == 0);
    }
}

/// Creates customers until it is enough or the server is gone.
fn create_until(over: &AtomicBool, answers: &AtomicUsize, client: &Client, prefix: &str) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let name = format!("{prefix} {}", sent.len());
        let request = Request::new("POST", CUSTOMERS).json(&sample::minimal(&name, "Acme"));
        let Ok(reply) = client.try_send(request) else {
            sent.push((name, None));
            break;
        };
        assert!(matches!(reply.status, 200 | 503), "{} {}", reply.status, reply.text());
        let id = (reply.status == 200).then(|| reply.customer_id());
        sent.push((name, id));
        answers.fetch_add(1, Ordering::SeqCst);
    }
    sent
}

/// Runs clients and `meanwhile` beside them, which ends them.
fn under_load(address: SocketAddr, ada: &Login, round: usize, meanwhile: impl FnOnce(&AtomicUsize)) -> Vec<Vec<Sent>> {
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (over, answers, ada) = (&over, &answers, ada.clone());
                let prefix = format!("R{round} {number}");
                scope.spawn(move || create_until(over, answers, &Client::new(address, Some(ada)), &prefix))
            })
            .collect();
        meanwhile(&answers);
        over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().expect("a client ends in order")).collect()
    })
}

/// A restore beside a server under load; one of them is killed at some operation, and the server in any case after it.
fn round_with_server(trial: &mut Trial, round: usize, random: &mut Random) {
    let of_server = random.percent(60).then(|| draw(&SERVER, random));
    let of_command = (of_server.is_none() || random.percent(20)).then(|| draw(&COMMAND, random));
    let case = format!("round {round}: server {of_server:?}, command {of_command:?}");
    let shim = Shim::new(&trial.place.data()).armed_by_signal();
    let shim = of_server.iter().fold(shim, |shim, rule| shim.rule(rule));
    let mut server = shim.under(trial.place.launch()).start();
    let old = trial.create(&server, &format!("Old {round}"), 5);
    let (place, ada, address) = (&trial.place, trial.ada.clone(), server.address());
    let mut was_killed = false;
    let clients = under_load(address, &ada, round, |answers| {
        let enough = random.within(1..60);
        wait::until("there is load", wait::PATIENCE, || (answers.load(Ordering::SeqCst) >= enough).then_some(()));
        server.signal("USR1");
        let beside = thread::scope(|scope| {
            let listing = scope.spawn(|| place.cli(&["audit", "list"]));
            was_killed |= trial.restore(of_command.as_ref()).status().expect("the binary can be run").code().is_none();
            listing.join().expect("a command beside a restore ends")
        });
        assert!(matches!(beside.code, 0 | 1), "{case}: {beside:?}");
        was_killed |= !server.is_running();
    });
    drop(server);
    trial.kills += usize::from(was_killed);
    for id in clients.iter().flatten().filter_map(|(_, id)| *id) {
        trial.note_id(id);
    }
    trial.must_be_old_or_restored(&case, &old, &clients);
}

/// A restore without a server; it is killed at some operation.
fn round_without_server(trial: &mut Trial, round: usize, random: &mut Random) {
    let rule = draw(&COMMAND, random);
    let server = trial.place.serve();
    let old = trial.create(&server, &format!("Old {round}"), 5);
    server.kill();
    let status = trial.restore(Some(&rule)).status().expect("the binary can be run");
    trial.kills += usize::from(status.code().is_none());
    trial.must_be_old_or_restored(&format!("round {round}: command {rule:?}"), &old, &[]);
}

#[test]
fn a_restore_that_is_killed_anywhere_is_done_wholly_or_not_at_all() {
    let mut random = Random::of_test("kills while restoring");
    let mut trial = Trial::new();
    let rounds = seed::rounds(12);
    for round in 0..rounds {
        if random.percent(75) {
            round_with_server(&mut trial, round, &mut random);
        } else {
            round_without_server(&mut trial, round, &mut random);
        }
    }
    eprintln!("{rounds} rounds, {} kills, {} restored, {} ids", trial.kills, trial.restored, trial.ids.len());
    assert!(trial.kills > 0, "nothing was killed");
}

#[test]
fn while_a_restore_hangs_requests_are_put_off_and_then_served() {
    let trial = Trial::new();
    let rule = Rule { action: Action::Hold, kind: "rename", suffix: "*", number: 1 };
    let shim = Shim::new(&trial.place.data()).rule(&rule).armed_by_signal();
    let server = shim.under(trial.place.launch()).start();
    let client = server.client_of(&trial.ada);
    client.create(&sample::minimal("Later", "Acme")).must_succeed("a create");
    server.signal("USR1");
    let mut restoring = trial.restore(None).spawn().expect("the binary can be run");
    wait::until("a request is put off", wait::PATIENCE, || client.get(CUSTOMERS).is(&UNAVAILABLE).then_some(()));
    server.signal("USR2");
    assert!(restoring.wait().expect("it ends").success());
    let page = client.get(CUSTOMERS).json();
    let customers = page["customers"].as_array().expect("a page");
    assert!(customers.iter().all(|customer| customer["name"] != "Later"), "{page}");
}
