//! One of two servers of a registry is killed or stands still; the other one writes on.

use std::thread;
use std::time::Duration;

use blackbox::{Server, TestDir, sample, wait};
use chaos::{Load, Model, Random, TestRegistry, seed};
use test_postgres::proxy::{Fault, Point, Proxy};
use test_postgres::{new_database, run_sql};

use super::{acknowledged, create, recover, send_until_answered};

/// How soon the other server must write again, where it is judged.
const CONTINUES: Duration = Duration::from_secs(3);

/// Two servers of a registry, each with a directory of its own.
struct Pair {
    random: Random,
    registry: TestRegistry,
    other: TestDir,
}

impl Pair {
    fn new(name: &str) -> Self {
        let registry = TestRegistry::in_database_at(&new_database());
        let other = registry.test_dir.beside();
        Self { random: Random::of_test(name), registry, other }
    }

    /// Loads both servers, and makes a fault of the first one meanwhile; how soon the second one has written again.
    fn load(&mut self, round: usize, servers: [&Server; 2], fault: impl FnOnce(&Server)) -> Duration {
        let load = |name| Load { prefix: format!("{name}{round}"), workers: 4, requests: 120, large: 5 };
        let (ada, enough) = (self.registry.ada.clone(), self.random.within(1..100));
        let mut randoms = [self.random.branch(), self.random.branch()];
        let [of_first, of_second] = &mut randoms;
        let ([first, second], ada) = (servers, &ada);
        let (reports, took) = thread::scope(|scope| {
            let loaded = scope.spawn(|| load("F").run(first.address(), ada, of_first, |_| {}));
            let mut took = Duration::ZERO;
            let report = load("S").run(second.address(), ada, of_second, |progress| {
                wait::until("there is load", wait::PATIENCE, || (progress.answered() >= enough).then_some(()));
                fault(first);
                took = recover(second, &mut self.registry, &mut self.random);
                first.signal("CONT");
                progress.end();
            });
            ([report, loaded.join().expect("the load ends in order")], took)
        });
        for report in reports {
            self.registry.note(report);
        }
        took
    }

    fn must_hold(mut self, name: &str, server: Server) {
        self.registry.send_again(&server);
        server.stop();
        self.registry.must_hold(name, &mut self.random);
        eprintln!("{name}: {} acknowledged customers are there", Model::of(&self.registry.histories).certain());
    }
}

#[test]
fn a_server_that_is_killed_does_not_delay_another_one() {
    let mut pair = Pair::new("a killed server of two");
    let second = pair.other.serve();
    for round in 0..seed::rounds(4) {
        let first = pair.registry.test_dir.serve();
        let took = pair.load(round, [&first, &second], |server| server.signal("KILL"));
        seed::judge_time("a write of the other server after the kill", took, CONTINUES);
    }
    pair.must_hold("a killed server of two", second);
}

#[test]
fn a_server_that_stands_still_at_any_moment_does_not_stop_another_one() {
    let mut pair = Pair::new("a stopped server of two");
    let (first, second) = (pair.registry.test_dir.serve(), pair.other.serve());
    for round in 0..seed::rounds(4) {
        let took = pair.load(round, [&first, &second], |server| server.signal("STOP"));
        seed::judge_time("a write of the other server after the stop", took, CONTINUES);
    }
    first.stop();
    pair.must_hold("a stopped server of two", second);
}

#[test]
fn a_server_that_stands_still_before_its_commit_does_not_stop_another_one() {
    let mut pair = Pair::new("a stopped commit");
    let url = pair.registry.test_dir.database();
    let proxy = Proxy::before(&url);
    let first = pair.registry.test_dir.launch().args(&["--database", &proxy.url(&url)]).start();
    let second = pair.other.serve();
    let (ada, mut held, mut took) = (pair.registry.ada.clone(), 0, Duration::ZERO);
    let request = |number: usize| {
        let name = format!("Held {number}");
        (sample::full(&name, "Acme"), create(&sample::full(&name, "Acme"), Some(&format!("held-{number}"))))
    };
    while took.is_zero() {
        held += 1;
        proxy.arm(Point::Commit, Fault::Hold);
        thread::scope(|scope| {
            let (body, create) = request(held);
            let (client, request) = (first.client_of(&ada), create.clone());
            let sent = scope.spawn(move || client.send(request));
            // Ids are reserved in a commit of their own.
            let is_held = wait::until("the commit is held back, or another one is", wait::PATIENCE, || {
                let holds_log = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'
                    AND query LIKE '%INSERT INTO idempotent_write%'";
                if sent.is_finished() { Some(false) } else { (run_sql(&url, holds_log) == "1").then_some(true) }
            });
            if is_held {
                first.signal("STOP");
                took = recover(&second, &mut pair.registry, &mut pair.random);
                first.signal("CONT");
            }
            proxy.release();
            let reply = sent.join().expect("it does not panic");
            if is_held {
                assert_eq!(reply.status, 503, "its session was ended before the commit: {}", reply.text());
            } else {
                let id = send_until_answered(&first.client_of(&ada), &create).customer_id();
                pair.registry.histories.push(vec![acknowledged("", body, id)]);
            }
        });
    }
    seed::judge_time("a write of the other server after the stop", took, CONTINUES);
    let (body, request) = request(held);
    let [id, again] = [&first, &second]
        .map(|server| send_until_answered(&server.client_of(&pair.registry.ada), &request).customer_id());
    assert_eq!(id, again, "it is created once");
    pair.registry.histories.push(vec![acknowledged("", body, id)]);
    first.stop();
    pair.must_hold("a stopped commit", second);
}
