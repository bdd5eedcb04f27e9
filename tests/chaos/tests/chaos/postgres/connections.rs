//! The connections to PostgreSQL are cut, delayed and falsified at every message of a transaction.

use std::thread;
use std::time::{Duration, Instant};

use blackbox::problems::DUPLICATE_NAME;
use blackbox::{CUSTOMERS, Client, Request, Server, sample, wait};
use chaos::checker::{Stored, check_rows};
use chaos::model::Sent;
use chaos::{Model, Outcome, Random, TestRegistry, seed};
use serde_json::{Value, json};
use test_postgres::proxy::{Fault, Point, Proxy};
use test_postgres::{new_database, run_sql};

use super::{acknowledged, create, keyed, send_until_answered};

/// Every fault that a message can have.
const FAULTS: [Fault; 11] = [
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Delay(Duration::from_millis(50)),
    Fault::Error("40001"),
    Fault::Error("40P01"),
    Fault::Error("40003"),
    Fault::Error("55P03"),
    Fault::Error("57P01"),
    Fault::Error("53300"),
    Fault::Error("0A000"),
    Fault::Error("08006"),
];

/// Never reached: the messages are counted.
const COUNT: (Point, Fault) = (Point::Message(usize::MAX), Fault::CutBefore);

/// The faults of a test: those around a commit, and those at each message. Unless all are asked for, some of the latter are
/// taken.
fn cases(messages: usize, usual: usize, random: &mut Random) -> Vec<(Point, Fault)> {
    let pairs = |point: Point| FAULTS.map(|fault| (point, fault));
    let at_commit = [Point::Commit, Point::CommitAnswer].into_iter().flat_map(pairs);
    let mut others: Vec<_> = (1..=messages).map(Point::Message).flat_map(pairs).collect();
    let count = seed::rounds(usual).min(others.len());
    for index in 0..count {
        let other = random.within(index..others.len());
        others.swap(index, other);
    }
    at_commit.chain(others.into_iter().take(count)).collect()
}

/// A registry whose server is connected by a proxy.
struct Proxied {
    server: Server,
    registry: TestRegistry,
    proxy: Proxy,
}

impl Proxied {
    fn start() -> Self {
        let registry = TestRegistry::in_database_at(&new_database());
        let url = registry.test_dir.database();
        let proxy = Proxy::before(&url);
        let server = registry.test_dir.launch().args(&["--database", &proxy.url(&url)]).start();
        Self { server, registry, proxy }
    }

    fn client(&self) -> Client {
        self.server.client_of(&self.registry.ada)
    }

    /// Creates, edits and erases customers, with keys and without, and sends again what is answered with 503.
    fn write(&mut self, label: &str) {
        let client = self.client();
        let key = |what: &str| format!("{label} {what}").replace(|part: char| !part.is_ascii_alphanumeric(), "-");
        let (first, edited) = (sample::full(&format!("{label} keyed"), "Acme"), sample::full(label, "Acme"));
        let id = send_until_answered(&client, &create(&first, Some(&key("create")))).customer_id();
        let edit = Request::new("PUT", &format!("{CUSTOMERS}/{id}"));
        let keyed_edit = keyed(edit.clone(), Some(&key("edit"))).json(&edited);
        let answer = send_until_answered(&client, &keyed_edit);
        let version = answer.must_succeed("an edit").header("ETag").map(str::to_owned);
        assert_eq!(version.as_deref(), Some("\"2\""), "{label}: the edit was made once");
        let history = vec![acknowledged("", first, id), acknowledged("", edited.clone(), id)];
        self.registry.histories.push(history);
        send_until_answered(&client, &edit.json(&edited)).must_succeed("an edit without a key");

        let body = sample::full(&format!("{label} unkeyed"), "Acme");
        let unknown = Sent { request: String::new(), body: body.clone(), outcome: Outcome::Unknown };
        let attempt = client.create(&body);
        let answer = match attempt.status {
            503 => send_until_answered(&client, &create(&body, None)),
            _ => attempt.clone(),
        };
        if answer.is(&DUPLICATE_NAME) {
            assert_eq!(attempt.status, 503, "{label}: the name was free before");
            return self.registry.histories.push(vec![unknown]);
        }
        let id = answer.customer_id();
        let erasure = Request::new("DELETE", &format!("{CUSTOMERS}/{id}"));
        let attempt = client.send(erasure.clone());
        let answer = if attempt.status == 503 { send_until_answered(&client, &erasure) } else { attempt.clone() };
        let is_erased = answer.status == 200 || (attempt.status == 503 && answer.status == 404);
        assert!(is_erased, "{label}: {} {}", answer.status, answer.text());
        self.registry.histories.push(vec![acknowledged("", body, id), acknowledged("", Value::Null, id)]);
    }
}

#[test]
fn a_fault_at_any_message_of_a_write_loses_and_doubles_nothing() {
    let name = "faults at messages of writes";
    let mut random = Random::of_test(name);
    let mut proxied = Proxied::start();
    proxied.write("Undisturbed");
    proxied.proxy.arm(COUNT.0, COUNT.1);
    proxied.write("Counted");
    let messages = proxied.proxy.messages();
    assert!(messages > 100, "only {messages} messages were counted");
    let (began, mut made) = (Instant::now(), 0);
    for (number, (point, fault)) in cases(messages, 150, &mut random).into_iter().enumerate() {
        proxied.proxy.arm(point, fault);
        proxied.write(&format!("{point:?} {fault:?} {number}"));
        made += usize::from(!proxied.proxy.disarm());
    }
    assert!(proxied.server.is_running(), "the server has ended");
    assert!(made > 100, "only {made} faults were made");
    eprintln!("{made} faults at {messages} messages in {:?}", began.elapsed());
    let Proxied { server, mut registry, .. } = proxied;
    server.stop();
    registry.must_hold(name, &mut random);
    eprintln!("{} acknowledged customers are there", Model::of(&registry.histories).certain());
}

#[test]
fn a_fault_at_any_message_of_an_import_leaves_every_row_stored_once() {
    const ROWS: usize = 2500;
    let mut random = Random::of_test("faults at messages of imports");
    let registry = TestRegistry::in_database_at(&new_database());
    let url = registry.test_dir.database();
    let proxy = Proxy::before(&url);
    let import = |label: &str| {
        let row = |number| format!("{}\n", json!({ "name": format!("{label} {number}"), "accountName": "Acme" }));
        let file = format!("{}.jsonl", label.replace(' ', "-"));
        registry.test_dir.write(&file, &(0..ROWS).map(row).collect::<String>());
        let through = proxy.url(&url);
        let words = ["customer", "import", &file, "--rejects", &format!("{file}.rejects"), "--database", &through];
        let run = || registry.test_dir.cli(&words);
        let first = run();
        let is_made = !proxy.disarm();
        let outcome = if first.code == 0 { first } else { run() };
        assert_eq!(outcome.code, 0, "{label}: {outcome:?}");
        is_made
    };
    proxy.arm(COUNT.0, COUNT.1);
    import("Counted");
    let (mut expected, mut made) = (ROWS, 0);
    let cases = cases(proxy.messages(), 6, &mut random);
    // An import takes long: few of those around commits are tried.
    for (number, (point, fault)) in cases.into_iter().rev().take(seed::rounds(12)).enumerate() {
        proxy.arm(point, fault);
        made += usize::from(import(&format!("{point:?} {fault:?} {number}")));
        expected += ROWS;
    }
    assert!(made > 5, "only {made} faults were made");
    let stored = Stored::read_database(&url);
    assert_eq!(stored.rows.len(), expected, "every row is stored once");
    assert_eq!(check_rows(&stored), []);
    registry.test_dir.cli(&["audit", "verify"]).done();
}

#[test]
fn an_erasure_is_continued_after_a_fault_at_any_message() {
    let mut random = Random::of_test("faults at messages of erasures");
    let mut proxied = Proxied::start();
    let test_dir = &proxied.registry.test_dir;
    let url = test_dir.database();
    test_dir.cli(&["account", "erasure-grace", "0"]).done();
    let (mut messages, mut round, mut made) = (60, 0, 0);
    while seed::is_another_round(round, 6, made > 2) {
        let account = format!("Erased {round}");
        test_dir.account(&account);
        let row = |number| format!("{}\n", json!({ "name": format!("C{number}"), "accountName": account }));
        test_dir.write("erased.jsonl", &(0..300).map(row).collect::<String>());
        test_dir.cli(&["customer", "import", "erased.jsonl"]).done();
        let point = if round == 0 { COUNT.0 } else { Point::Message(random.within(1..messages + 1)) };
        proxied.proxy.arm(point, *random.pick(&FAULTS));
        test_dir.cli(&["account", "request-erasure", "--yes", &account]).done();
        let receipts = "SELECT count(*) FROM erasure WHERE state = 3";
        wait::until("the erasure has its receipt", wait::PATIENCE, || {
            (run_sql(&url, receipts) == (round + 1).to_string()).then_some(())
        });
        made += usize::from(!proxied.proxy.disarm());
        if round == 0 {
            messages = proxied.proxy.messages();
        }
        round += 1;
    }
    eprintln!("{made} faults at {messages} messages");
    assert!(proxied.server.is_running(), "the server has ended");
    let stored = Stored::read_database(&url);
    assert_eq!(stored.rows.len(), 0, "every customer is erased");
    assert_eq!(check_rows(&stored), []);
    test_dir.cli(&["audit", "verify"]).done();
}

#[test]
fn every_request_is_answered_while_the_database_is_silent_and_the_server_recovers() {
    let name = "a silent database";
    let mut random = Random::of_test(name);
    let mut proxied = Proxied::start();
    proxied.write("Before");
    proxied.proxy.hold();
    let (server, registry) = (&proxied.server, &proxied.registry);
    let known = registry.histories[0][0].id().expect("it was created");
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..20 {
            scope.spawn(move || {
                let client = server.client_of(&registry.ada);
                let reply = match number % 2 {
                    0 => client.create(&sample::full(&format!("Silent {number}"), "Acme")),
                    _ => client.read(known),
                };
                assert_eq!(reply.status, 503, "{}", reply.text());
            });
        }
    });
    eprintln!("20 requests were refused within {:?}", began.elapsed());
    proxied.proxy.release();
    let took = super::recover(&proxied.server, &mut proxied.registry, &mut random);
    eprintln!("a write succeeds {took:?} after the database answers again");
    let Proxied { server, mut registry, .. } = proxied;
    // What was sent may arrive late.
    for number in (0..20).step_by(2) {
        let body = sample::full(&format!("Silent {number}"), "Acme");
        registry.histories.push(vec![Sent { request: String::new(), body, outcome: Outcome::Unknown }]);
    }
    server.stop();
    registry.must_hold(name, &mut random);
}
