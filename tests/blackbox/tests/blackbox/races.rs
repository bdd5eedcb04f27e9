//! What must hold however requests overtake each other.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Login, Reply, Request, Server, TestDir, sample, wait};

/// Runs `work` on `count` threads, each with its own client, all starting together.
fn together<T: Send>(server: &Server, login: &Login, count: usize, work: impl Fn(usize, Client) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    let (start, work) = (&start, &work);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let client = server.client_of(login);
                scope.spawn(move || {
                    // Connections are opened before the common start.
                    client.get("/health/live").must_succeed("a first request");
                    start.wait();
                    work(number, client)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread ends in order")).collect()
    })
}

#[test]
fn ten_thousand_creates_of_a_hundred_names_make_exactly_a_hundred_customers() {
    const REQUESTS: usize = 10_000;
    const NAMES: usize = 100;
    let fixture = Fixture::start();
    let next = AtomicUsize::new(0);
    let ids = together(&fixture.server, &fixture.ada, 64, |_, client| {
        let mut ids = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= REQUESTS {
                return ids;
            }
            let reply = client.create(&sample::minimal(&format!("Name {}", number % NAMES), "Acme"));
            if reply.status == 200 {
                ids.push((number % NAMES, reply.customer_id()));
            } else {
                reply.must_be(&DUPLICATE_NAME, "one of many creates");
            }
        }
    });
    let created = ids.concat();
    assert_eq!(created.len(), NAMES, "customers created");
    let distinct = |ids: HashSet<u64>| ids.len();
    assert_eq!(distinct(created.iter().map(|(_, id)| *id).collect()), NAMES, "distinct ids");
    let client = fixture.client();
    for (name, id) in created {
        let sent = sample::minimal(&format!("Name {name}"), "Acme");
        sample::assert_shows(&client.read(id).json(), &sent, id);
    }
}

#[test]
fn nothing_succeeds_in_an_account_after_its_erasure_was_acknowledged() {
    let test_dir = TestDir::new();
    test_dir.account("Home");
    let rounds = ["First", "Second", "Third"];
    let users = rounds.map(|account| {
        test_dir.account(account);
        test_dir.user(&format!("user of {account}"), account, &[])
    });
    let server = test_dir.serve();
    for (account, user) in rounds.iter().zip(&users) {
        race_an_erasure(&test_dir, &server, account, user);
    }
}

/// Lets four threads create and four edit; in the middle of it, the erasure is requested.
fn race_an_erasure(test_dir: &TestDir, server: &Server, account: &str, user: &Login) {
    const BEFORE: usize = 500;
    const AFTER_EACH: usize = 60;
    let acknowledged = AtomicBool::new(false);
    let successes = AtomicUsize::new(0);
    let id = server.client_of(user).create(&sample::minimal("Edited", account)).customer_id();
    let race = |worker: usize, client: Client| {
        let mut after = 0;
        for number in 0..1_000_000 {
            let was_acknowledged = acknowledged.load(Ordering::SeqCst);
            let reply = write(&client, worker, number, id, account);
            if reply.status == 200 {
                assert!(!was_acknowledged, "a write in {account} succeeded after the acknowledgement");
                successes.fetch_add(1, Ordering::Relaxed);
            } else {
                reply.must_be(&ERASURE_IN_PROGRESS, "a write in an account that is being erased");
            }
            after += usize::from(was_acknowledged);
            if after >= AFTER_EACH {
                return;
            }
        }
        panic!("the erasure was never acknowledged");
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            wait::until("the race is on", wait::PATIENCE, || {
                (successes.load(Ordering::Relaxed) >= BEFORE).then_some(())
            });
            test_dir.cli(&["account", "request-erasure", "--yes", account]).done();
            acknowledged.store(true, Ordering::SeqCst);
        });
        together(server, user, 8, race);
    });
}

/// Creates a customer, or edits the one that all editors share.
fn write(client: &Client, worker: usize, number: usize, id: u64, account: &str) -> Reply {
    if worker.is_multiple_of(2) {
        client.create(&sample::minimal(&format!("Worker {worker} number {number}"), account))
    } else {
        client.edit(id, &sample::minimal("Edited", account))
    }
}

#[test]
fn creates_and_edits_succeed_again_once_the_erasure_is_cancelled() {
    let fixture = Fixture::start();
    let client = fixture.client();
    fixture.test_dir.cli(&["account", "request-erasure", "--yes", "Acme"]).done();
    client.create(&sample::minimal("A", "Acme")).must_be(&ERASURE_IN_PROGRESS, "a create");
    fixture.test_dir.cli(&["account", "cancel-erasure", "Acme"]).done();
    wait::until("the cancellation is noticed", wait::NOTICE, || {
        (client.create(&sample::minimal("A", "Acme")).status == 200).then_some(())
    });
}

#[test]
fn of_many_edits_that_insist_on_one_version_exactly_one_succeeds() {
    let fixture = Fixture::start();
    let id = fixture.client().create(&sample::minimal("Contested", "Acme")).customer_id();
    for version in 1..=10 {
        let replies = together(&fixture.server, &fixture.ada, 16, |number, client| {
            let customer = sample::minimal(&format!("Winner {version} {number}"), "Acme");
            let request = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).json(&customer);
            client.send(request.header("If-Match", &format!("\"{version}\"")))
        });
        let (won, lost): (Vec<_>, Vec<_>) = replies.iter().enumerate().partition(|(_, reply)| reply.status == 200);
        assert_eq!(won.len(), 1, "winners of version {version}");
        for (_, reply) in lost {
            reply.must_be(&PRECONDITION_FAILED, "a loser");
        }
        let read = fixture.client().read(id);
        assert_eq!(read.json()["name"], format!("Winner {version} {}", won[0].0));
        assert_eq!(read.header("etag"), Some(format!("\"{}\"", version + 1).as_str()));
    }
}

#[test]
fn of_many_customers_renamed_to_one_name_exactly_one_gets_it() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let ids: Vec<_> =
        (0..16).map(|number| client.create(&sample::minimal(&format!("Old {number}"), "Acme")).customer_id()).collect();
    let replies = together(&fixture.server, &fixture.ada, 16, |number, client| {
        client.edit(ids[number], &sample::minimal("Contested", "Acme"))
    });
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(won.len(), 1);
    for reply in lost {
        reply.must_be(&DUPLICATE_NAME, "a loser");
    }
}
