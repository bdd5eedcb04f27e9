//! What was acknowledged survives the worst end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use blackbox::problems::{DUPLICATE_NAME, INVALID_COUNTRY};
use blackbox::{CUSTOMERS, Client, Connection, Login, Reply, Request, TestDir, sample, wait};
use serde_json::{Value, json};

const ROUNDS: usize = 20;
const WORKERS: usize = 8;

/// A customer that was acknowledged: what it must show, or what an unanswered edit may have made of it.
struct Acknowledged {
    id: u64,
    known: Value,
    unanswered: Option<Value>,
}

/// What one worker saw before the server was killed.
#[derive(Default)]
struct Ledger {
    acknowledged: Vec<Acknowledged>,
    refused: Vec<String>,
}

/// One worker: creates, edits and is refused until the connection breaks.
struct Worker<'test> {
    connection: Connection,
    login: &'test Login,
    answered: &'test AtomicUsize,
    ledger: Ledger,
}

impl<'test> Worker<'test> {
    fn new(address: SocketAddr, login: &'test Login, answered: &'test AtomicUsize) -> Self {
        let connection = Connection::open(address).expect("the server accepts connections");
        Self { connection, login, answered, ledger: Ledger::default() }
    }

    fn run(mut self, prefix: &str) -> Ledger {
        for number in 0.. {
            let name = format!("{prefix} {number}");
            let went_on = match number % 5 {
                4 => self.be_refused(&name),
                3 => self.edit(&name),
                _ => self.create(&name),
            };
            if went_on.is_none() {
                break;
            }
        }
        self.ledger
    }

    fn create(&mut self, name: &str) -> Option<()> {
        let customer = customer(name);
        let reply = self.send("POST", CUSTOMERS, &customer)?;
        self.ledger.acknowledged.push(Acknowledged { id: reply.customer_id(), known: customer, unanswered: None });
        Some(())
    }

    fn edit(&mut self, name: &str) -> Option<()> {
        let last = self.ledger.acknowledged.len() - 1;
        let customer = customer(name);
        self.ledger.acknowledged[last].unanswered = Some(customer.clone());
        let target = format!("{CUSTOMERS}/{}", self.ledger.acknowledged[last].id);
        self.send("PUT", &target, &customer)?.must_succeed("an edit under load");
        self.ledger.acknowledged[last].unanswered = None;
        self.ledger.acknowledged[last].known = customer;
        Some(())
    }

    fn be_refused(&mut self, name: &str) -> Option<()> {
        let mut customer = customer(name);
        customer["billingAddress"]["country"] = "x".repeat(151).into();
        self.send("POST", CUSTOMERS, &customer)?.must_be(&INVALID_COUNTRY, "a refusal under load");
        self.ledger.refused.push(name.to_owned());
        Some(())
    }

    /// The answer, or nothing once the server is gone.
    fn send(&mut self, method: &str, target: &str, customer: &Value) -> Option<Reply> {
        let request = Request::new(method, target).login(self.login).json(customer);
        let reply = self.connection.exchange(&request).ok()?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Some(reply)
    }
}

/// A customer whose name is part of every field, so that mixed-up fields are noticed.
fn customer(name: &str) -> Value {
    let mut customer = sample::full(name, "Acme");
    customer["securityAnswer"] = json!(format!("{name} answer"));
    customer["contacts"][0]["name"] = json!(format!("{name} contact"));
    customer["billingAddress"]["city"] = json!(format!("{name} city"));
    customer
}

#[test]
fn everything_acknowledged_survives_a_kill_under_load_twenty_times() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let ada = test_dir.user("ada", "Acme", &[]);
    let mut everything = Vec::new();
    let mut server = test_dir.serve();
    for round in 0..ROUNDS {
        let address = server.address();
        let answered = AtomicUsize::new(0);
        let ledgers: Vec<Ledger> = thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS)
                .map(|worker| {
                    let worker_of = Worker::new(address, &ada, &answered);
                    scope.spawn(move || worker_of.run(&format!("R{round} W{worker}")))
                })
                .collect();
            // Another moment in every round, but always with something acknowledged.
            let enough = 60 + 13 * round;
            wait::until("there is load", wait::PATIENCE, || (answered.load(Ordering::Relaxed) >= enough).then_some(()));
            server.kill();
            workers.into_iter().map(|worker| worker.join().expect("a worker ends in order")).collect()
        });
        server = test_dir.serve();
        let client = server.client_of(&ada);
        for ledger in ledgers {
            verify(&client, &ledger);
            everything.extend(ledger.acknowledged);
        }
    }
    assert!(everything.len() > ROUNDS * WORKERS, "too little was tried: {}", everything.len());
    let client = server.client_of(&ada);
    everything.iter().for_each(|acknowledged| verify_one(&client, acknowledged));
}

fn verify(client: &Client, ledger: &Ledger) {
    for acknowledged in &ledger.acknowledged {
        verify_one(client, acknowledged);
    }
    if let Some(acknowledged) = ledger.acknowledged.first() {
        client.create(&acknowledged.known).must_be(&DUPLICATE_NAME, "a name that was acknowledged");
    }
    // A name can only be free if the refused customer is not there.
    for name in &ledger.refused {
        client.create(&sample::minimal(name, "Acme")).must_succeed("a name that was refused");
    }
}

fn verify_one(client: &Client, acknowledged: &Acknowledged) {
    let reply = client.read(acknowledged.id);
    reply.must_succeed("an acknowledged customer");
    let read = reply.json();
    let edited = acknowledged.unanswered.as_ref().filter(|edited| read["name"] == edited["name"]);
    sample::assert_shows(&read, edited.unwrap_or(&acknowledged.known), acknowledged.id);
}
