//! More writes than the disk takes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use blackbox::{CUSTOMERS, Connection, Login, Request, Server, sample, wait};
use chaos::crowd::{self, Member};
use chaos::model::Sent;
use chaos::{Action, Outcome, Random, Recording, Rule, Shim, TestRegistry, gaps};

use super::{LONG_TIMEOUTS, allowed_connections};

/// How many writes may wait.
const WAITING: usize = 4096;

/// How many writes are sent.
const WRITES: usize = WAITING + 500;

/// How many creates prepare for edits at once: fewer than may wait.
const CREATES_AT_ONCE: usize = 1000;

/// A registry whose disk can be made to hang.
struct HungDisk {
    registry: TestRegistry,
    server: Server,
    log: PathBuf,
}

/// A write that was sent, of a customer with a history.
struct Write {
    history: Vec<Sent>,
    member: Member,
}

impl Write {
    /// Creates a customer.
    fn create(connection: Connection, login: &Login, name: &str) -> Self {
        let body = sample::minimal(name, "Acme");
        let request = Request::new("POST", CUSTOMERS).login(login).json(&body);
        let sent = Sent { request: String::new(), body, outcome: Outcome::Unknown };
        Self { history: vec![sent], member: Member::asking(connection, &request) }
    }

    /// Edits a customer that was created.
    fn edit(mut history: Vec<Sent>, connection: Connection, login: &Login) -> Self {
        let Outcome::Acknowledged(id) = history[0].outcome else { panic!("it was created") };
        let body = sample::full(chaos::model::name(&history[0].body), "Acme");
        let request = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).login(login).json(&body);
        history.push(Sent { request: String::new(), body, outcome: Outcome::Unknown });
        Self { history, member: Member::asking(connection, &request) }
    }

    /// The status of its response, if there is one.
    fn status(&self) -> Option<u16> {
        self.member.reply.as_ref().map(|reply| reply.status)
    }

    /// The customer's history and the connection, once the write is answered.
    fn finish(mut self) -> (Vec<Sent>, Connection) {
        let reply = self.member.reply.expect("it was answered");
        if reply.status == 200 {
            let last = self.history.last_mut().expect("a history is not empty");
            last.outcome = Outcome::Acknowledged(reply.customer_id());
        }
        (self.history, self.member.connection)
    }
}

/// Receives what has arrived; how many writes have been answered so far.
fn answered(writes: &mut [Write]) -> usize {
    writes.iter_mut().map(|write| usize::from(write.member.is_answered())).sum()
}

impl HungDisk {
    fn new() -> Self {
        let registry = TestRegistry::new();
        let log = registry.test_dir.root().join("recording");
        let rule = Rule { action: Action::Hold, kind: "sync", suffix: "-wal", number: 1 };
        let shim = Shim::new(&registry.data()).rule(&rule).record(&log).armed_by_signal();
        let server = shim.under(registry.test_dir.launch()).config(LONG_TIMEOUTS).start();
        Self { registry, server, log }
    }

    /// Holds every sync from now on; returns the writes that were sent until one was held.
    fn hold(&self) -> Vec<Write> {
        self.server.signal("USR1");
        let mut writes: Vec<Write> = Vec::new();
        wait::until("a sync is held", wait::PATIENCE, || {
            // The signal may come after a write is done.
            if answered(&mut writes) == writes.len() {
                let connection = Connection::open(self.server.address()).expect("the server accepts connections");
                writes.push(Write::create(connection, &self.registry.ada, &format!("Held {}", writes.len())));
            }
            Recording::read(&self.log).fired().map(drop)
        });
        writes
    }

    /// Waits until all excess writes are refused, asserts that no other is answered, releases the syncs, and asserts that
    /// the waiting writes were done.
    fn must_refuse_excess_writes(mut self, case: &str, mut held: Vec<Write>, mut writes: Vec<Write>) {
        let too_many = writes.len() - WAITING;
        wait::until("the excess writes are refused", wait::PATIENCE, || {
            (answered(&mut writes) >= too_many).then_some(())
        });
        self.must_refuse_further_writes(&writes);
        self.server.signal("USR2");
        wait::until("the waiting writes are answered", wait::PATIENCE, || {
            (answered(&mut writes) == writes.len()).then_some(())
        });
        let refused = writes.iter().filter(|write| write.status() != Some(200)).count();
        eprintln!("{case}: {refused} of {} writes were refused", writes.len());
        assert!((too_many..=too_many + held.len() + 1).contains(&refused), "{refused} refused, {too_many} too many");
        wait::until("the first is answered", wait::PATIENCE, || (answered(&mut held) == held.len()).then_some(()));
        self.server.stop();
        self.registry.histories.extend(held.into_iter().chain(writes).map(|write| write.finish().0));
        self.registry.must_hold(case, &mut Random::of_test(case));
    }

    /// Asserts that nothing is acknowledged, that further writes are refused at once, and that reads succeed.
    fn must_refuse_further_writes(&self, writes: &[Write]) {
        let client = self.server.client_of(&self.registry.ada);
        let mut longest = Duration::ZERO;
        for number in 0..20 {
            let asked = Instant::now();
            let reply = client.create(&sample::minimal(&format!("Further {number}"), "Acme"));
            longest = longest.max(asked.elapsed());
            // The disk still hangs, so the response did not wait for the other writes.
            assert_eq!(reply.status, 503, "a further write on a hung disk: {}", reply.text());
            client.get("/health/ready").must_succeed("a read on a hung disk");
        }
        eprintln!("further writes on a hung disk were refused after {longest:?} at most");
        let early: Vec<_> = writes.iter().filter(|write| write.status().is_some()).collect();
        assert!(early.iter().all(|write| write.status() == Some(503)), "a write was answered before its sync");
        for write in early.iter().take(20) {
            if let Outcome::Acknowledged(id) = write.history[0].outcome {
                client.read(id).must_succeed("a customer whose edit was refused");
            }
        }
    }
}

/// Connections for more writes than may wait, if the system permits as many.
fn connections(hung: &HungDisk) -> Option<Vec<Connection>> {
    let writes = allowed_connections(WRITES);
    if writes <= WAITING {
        gaps::report(&format!("writes beyond those that may wait: that takes more than {WAITING} connections"));
        return None;
    }
    Some(crowd::open(hung.server.address(), writes))
}

#[test]
fn on_a_hung_disk_excess_edits_are_refused_at_once_and_reads_succeed() {
    let hung = HungDisk::new();
    let Some(connections) = connections(&hung) else { return };
    let login = &hung.registry.ada;
    let total = connections.len();
    let mut created: Vec<Write> = Vec::new();
    for connection in connections {
        created.push(Write::create(connection, login, &format!("Customer {}", created.len())));
        // On a slow disk, more creates at once than may wait would be refused.
        if created.len().is_multiple_of(CREATES_AT_ONCE) || created.len() == total {
            wait::until("every connection has a customer", wait::PATIENCE, || {
                (answered(&mut created) == created.len()).then_some(())
            });
        }
    }
    let held = hung.hold();
    let edit = |write: Write| {
        let (history, connection) = write.finish();
        Write::edit(history, connection, login)
    };
    let edits = created.into_iter().map(edit).collect();
    hung.must_refuse_excess_writes("edits on a hung disk", held, edits);
}

#[test]
fn on_a_hung_disk_excess_creates_are_refused_at_once() {
    let hung = HungDisk::new();
    let Some(connections) = connections(&hung) else { return };
    // No ids are reserved yet: the first create waits for their reservation, and the others with it.
    let held = hung.hold();
    let connections = connections.into_iter().enumerate();
    let creates = connections
        .map(|(number, connection)| Write::create(connection, &hung.registry.ada, &format!("Customer {number}")))
        .collect();
    hung.must_refuse_excess_writes("creates on a hung disk", held, creates);
}
