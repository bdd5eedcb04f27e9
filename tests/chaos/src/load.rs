//! Clients that create, edit and erase customers, and record the answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use blackbox::{CUSTOMERS, Connection, Login, Reply, Request, sample};
use serde_json::{Value, json};

use crate::model::{CustomerHistory, Outcome, Sent, name};
use crate::seed::Random;

/// How to load a server.
#[derive(Clone, Debug)]
pub struct Load {
    /// The prefix of the ids of all requests of this load.
    pub prefix: String,
    /// How many clients there are.
    pub workers: usize,
    /// How many requests each of them sends at most.
    pub requests: usize,
    /// The percentage of customers of the largest size, which make the log grow quickly.
    pub large: u64,
}

/// What the clients sent and were answered.
#[derive(Debug, Default)]
pub struct Report {
    /// The customers.
    pub histories: Vec<CustomerHistory>,
    /// How many requests were answered with 200.
    pub acknowledged: usize,
    /// How many requests were answered with 503.
    pub unavailable: usize,
    /// How many requests were not answered.
    pub unanswered: usize,
    /// How long each answer took.
    pub latencies: Vec<Duration>,
    /// Requests that were acknowledged although they began after a 503.
    pub acknowledged_late: Vec<String>,
    /// Requests that were acknowledged before the moment that [`Progress::mark`] has marked.
    pub acknowledged_early: Vec<String>,
}

/// What the clients of one load share.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) answered: AtomicUsize,
    unavailable: AtomicBool,
    marked: AtomicBool,
    over: AtomicBool,
}

impl Progress {
    /// How many requests were answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether a request was answered with 503.
    pub fn refused_a_write(&self) -> bool {
        self.unavailable.load(Ordering::SeqCst)
    }

    /// Marks this moment, which separates earlier acknowledgements from later ones.
    pub fn mark(&self) {
        self.marked.store(true, Ordering::SeqCst);
    }

    /// Whether the load is over: the server cannot be reached any more, or [`Progress::end`] was called.
    pub fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Lets every client end after the request it is at.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Ends a load when its test panics, which would otherwise wait for the clients forever.
pub(crate) struct EndIfPanicking<'a>(pub(crate) &'a Progress);

impl Drop for EndIfPanicking<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

impl Load {
    /// Runs the clients to their end, and `meanwhile` concurrently.
    pub fn run(
        &self,
        address: SocketAddr,
        login: &Login,
        random: &mut Random,
        meanwhile: impl FnOnce(&Progress),
    ) -> Report {
        let progress = Progress::default();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.workers)
                .map(|number| {
                    let mut worker = Worker {
                        load: self,
                        label: format!("{} {number}", self.prefix),
                        address,
                        login,
                        random: random.branch(),
                        progress: &progress,
                        connection: None,
                        sent: 0,
                        report: Report::default(),
                    };
                    scope.spawn(move || {
                        worker.run();
                        worker.report
                    })
                })
                .collect();
            let _end = EndIfPanicking(&progress);
            meanwhile(&progress);
            let reports = workers.into_iter().map(|worker| worker.join().expect("a worker ends in order"));
            reports.fold(Report::default(), Report::and)
        })
    }
}

impl Report {
    /// Asserts that every request was answered, and none with 503.
    #[track_caller]
    pub fn must_be_undisturbed(&self, case: &str) {
        let (unavailable, unanswered) = (self.unavailable, self.unanswered);
        assert!(self.acknowledged > 0, "{case}: no request succeeded");
        assert_eq!((unavailable, unanswered), (0, 0), "{case}: requests answered with 503, and not answered");
    }

    /// The time within which 99 of 100 answers came.
    pub fn p99(&self) -> Duration {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default()
    }

    fn and(mut self, other: Report) -> Report {
        self.histories.extend(other.histories);
        self.acknowledged += other.acknowledged;
        self.unavailable += other.unavailable;
        self.unanswered += other.unanswered;
        self.latencies.extend(other.latencies);
        self.acknowledged_late.extend(other.acknowledged_late);
        self.acknowledged_early.extend(other.acknowledged_early);
        self
    }
}

struct Worker<'a> {
    load: &'a Load,
    label: String,
    address: SocketAddr,
    login: &'a Login,
    random: Random,
    progress: &'a Progress,
    connection: Option<Connection>,
    sent: usize,
    report: Report,
}

impl Worker<'_> {
    fn run(&mut self) {
        while self.sent < self.load.requests && !self.progress.over() {
            match self.random.within(0..100) {
                0..50 => self.create(),
                50..76 => self.edit(),
                76..80 => self.erase(),
                80..90 => self.be_refused(),
                _ => self.send_a_taken_name(),
            }
        }
    }

    fn create(&mut self) {
        let body = self.customer(None);
        let sent = self.send("POST", CUSTOMERS.to_owned(), body);
        self.report.histories.push(vec![sent]);
    }

    fn erase(&mut self) {
        let Some((index, id)) = self.known() else { return self.create() };
        self.sent += 1;
        let sent = self.send("DELETE", format!("{CUSTOMERS}/{id}"), Value::Null);
        self.report.histories[index].push(sent);
    }

    fn edit(&mut self) {
        let Some((index, id)) = self.known() else { return self.create() };
        let kept = name(&self.report.histories[index].last().expect("not empty").body).to_owned();
        let kept = self.random.percent(50).then_some(kept);
        let mut body = self.customer(kept);
        if self.random.percent(10) {
            body["billingAddress"]["country"] = "x".repeat(151).into();
        }
        let sent = self.send("PUT", format!("{CUSTOMERS}/{id}"), body);
        self.report.histories[index].push(sent);
    }

    fn be_refused(&mut self) {
        let mut body = self.customer(None);
        body["billingAddress"]["country"] = "x".repeat(151).into();
        let mut sent = self.send("POST", CUSTOMERS.to_owned(), body);
        // Unanswered or not, a customer that breaks the rules must never be stored.
        if sent.outcome == Outcome::Unknown {
            sent.outcome = Outcome::Refused;
        }
        self.report.histories.push(vec![sent]);
    }

    fn send_a_taken_name(&mut self) {
        let Some((index, _)) = self.known() else { return self.create() };
        let last = self.report.histories[index].last().expect("not empty");
        if !matches!(last.outcome, Outcome::Acknowledged(_)) {
            return self.create();
        }
        let taken = name(&last.body).to_owned();
        let body = self.customer(Some(taken));
        let sent = self.send("POST", CUSTOMERS.to_owned(), body);
        // If it was accepted, the checker finds two of the name.
        if matches!(sent.outcome, Outcome::Acknowledged(_)) {
            self.report.histories.push(vec![sent]);
        }
    }

    /// One of the customers whose id is known, and whose erasure nobody has asked for.
    fn known(&mut self) -> Option<(usize, u64)> {
        let id = |history: &CustomerHistory| match history[0].outcome {
            Outcome::Acknowledged(id) => Some(id),
            _ => None,
        };
        let histories =
            self.report.histories.iter().enumerate().filter(|(_, history)| !history.iter().any(Sent::erases));
        let known: Vec<_> = histories.filter_map(|(index, history)| Some((index, id(history)?))).collect();
        if known.is_empty() { None } else { Some(*self.random.pick(&known)) }
    }

    /// A customer whose every part tells which request sent it.
    fn customer(&mut self, taken: Option<String>) -> Value {
        self.sent += 1;
        let label = format!("{} {}", self.label, self.sent);
        let mut customer = sample::full(&taken.unwrap_or_else(|| label.clone()), "Acme");
        customer["securityAnswer"] = json!(label);
        customer["contacts"][0]["name"] = json!(label);
        customer["billingAddress"]["city"] = json!(label);
        if self.random.percent(self.load.large) {
            let mut contact = sample::contact(&label);
            contact["email"] = json!("\u{10348}".repeat(320));
            customer["contacts"] = json!([contact, contact, contact, contact]);
        }
        customer
    }

    fn send(&mut self, method: &str, target: String, body: Value) -> Sent {
        let request = format!("{}-{}", self.label.replace(' ', "-"), self.sent);
        let began_late = self.progress.unavailable.load(Ordering::SeqCst);
        let outcome = match self.exchange(method, &target, &request, &body) {
            Some(reply) if reply.status == 200 => {
                self.report.acknowledged += 1;
                if began_late {
                    self.report.acknowledged_late.push(request.clone());
                }
                if !self.progress.marked.load(Ordering::SeqCst) {
                    self.report.acknowledged_early.push(request.clone());
                }
                Outcome::Acknowledged(reply.customer_id())
            }
            Some(reply) if reply.status < 500 => Outcome::Refused,
            Some(_) => {
                self.report.unavailable += 1;
                self.progress.unavailable.store(true, Ordering::SeqCst);
                Outcome::Unknown
            }
            None => {
                self.report.unanswered += 1;
                Outcome::Unknown
            }
        };
        Sent { request, body, outcome }
    }

    fn exchange(&mut self, method: &str, target: &str, request: &str, body: &Value) -> Option<Reply> {
        let message = Request::new(method, target).login(self.login).header("X-Request-Id", request);
        let message = match body {
            Value::Null => message,
            body => message.header("Idempotency-Key", request).json(body),
        };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match Connection::open(self.address) {
                Ok(connection) => connection,
                Err(_) => {
                    self.progress.end();
                    return None;
                }
            },
        };
        let began = Instant::now();
        let reply = connection.exchange(&message).ok()?;
        self.report.latencies.push(began.elapsed());
        self.progress.answered.fetch_add(1, Ordering::Relaxed);
        if reply.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            self.connection = Some(connection);
        }
        Some(reply)
    }
}
