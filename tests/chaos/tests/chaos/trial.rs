//! A server whose disk refuses writes for a while.

use std::time::{Duration, Instant};

use blackbox::{Launch, Server, sample, wait};
use chaos::model::Sent;
use chaos::{Load, Model, Outcome, Progress, Random, TestRegistry, seed};

use crate::mounts::Mount;

/// How soon a write must be refused, where it is judged.
const REFUSED: Duration = Duration::from_secs(1);

/// How soon writes must succeed once the disk takes them again, where it is judged.
const RECOVERED: Duration = Duration::from_secs(5);

/// A registry, its server, and a customer that was there before the disk refused anything.
pub(crate) struct Trial<'a> {
    name: &'a str,
    known: u64,
    random: Random,
    // These go in this order.
    pub(crate) server: Server,
    pub(crate) mount: Option<Mount>,
    pub(crate) registry: TestRegistry,
}

/// How many requests were acknowledged and refused.
pub(crate) struct Answers {
    pub(crate) acknowledged: usize,
    pub(crate) unavailable: usize,
}

impl<'a> Trial<'a> {
    /// Starts a server on a registry, which may lie on a file system of its own.
    pub(crate) fn start(
        name: &'a str,
        random: Random,
        mut registry: TestRegistry,
        mount: Option<Mount>,
        launch: Launch,
    ) -> Self {
        let server = launch.start();
        let body = sample::minimal("Known", "Acme");
        let known = server.client_of(&registry.ada).create(&body).customer_id();
        registry.histories.push(vec![Sent { request: String::new(), body, outcome: Outcome::Acknowledged(known) }]);
        Self { name, known, random, server, mount, registry }
    }

    /// Lets `fail` make the disk refuse writes in the middle of a load, and `mend` make it take them again.
    pub(crate) fn survive(mut self, cycles: usize, fail: impl Fn(&Server), mend: impl Fn(&Server)) {
        let cycles = seed::rounds(cycles);
        for cycle in 0..cycles {
            let load = Load { prefix: format!("C{cycle}"), workers: 4, requests: 20, large: 50 };
            self.load(&load, |server, _| fail(server));
            self.must_refuse_and_read();
            mend(&self.server);
            self.must_recover();
        }
        eprintln!("{cycles} cycles");
        self.end();
    }

    /// Runs clients, and `meanwhile` concurrently.
    pub(crate) fn load(&mut self, load: &Load, meanwhile: impl FnOnce(&Server, &Progress)) -> Answers {
        let (server, ada) = (&self.server, &self.registry.ada);
        let report = load.run(server.address(), ada, &mut self.random, |progress| meanwhile(server, progress));
        let answers = Answers { acknowledged: report.acknowledged, unavailable: report.unavailable };
        self.registry.note(report);
        answers
    }

    /// A create under an unused name.
    pub(crate) fn try_once(&mut self, large: u64) -> Answers {
        let prefix = format!("T{:x}", self.random.number());
        self.load(&Load { prefix, workers: 1, requests: 1, large }, |_, _| {})
    }

    /// Asserts that writes are refused soon, that reads succeed, and that the server keeps running.
    pub(crate) fn must_refuse_and_read(&mut self) {
        // A first write may still fit into what the files have already.
        let refused = wait::until("a write is refused", wait::PATIENCE, || {
            assert!(self.server.is_running(), "the server has stopped");
            let started = Instant::now();
            (self.try_once(100).unavailable > 0).then(|| started.elapsed())
        });
        seed::judge_time("the refusal of a write", refused, REFUSED);
        let client = self.server.client_of(&self.registry.ada);
        client.read(self.known).must_succeed("a read while the disk refuses writes");
        let prefix = format!("R{:x}", self.random.number());
        self.load(&Load { prefix, workers: 4, requests: 10, large: 50 }, |_, _| {});
        assert!(self.server.is_running(), "the server has stopped");
    }

    /// Asserts that writes succeed again soon.
    pub(crate) fn must_recover(&mut self) {
        let started = Instant::now();
        wait::until("writes succeed again", wait::PATIENCE, || (self.try_once(0).acknowledged > 0).then_some(()));
        seed::judge_time("the recovery of writes", started.elapsed(), RECOVERED);
    }

    /// Stops the server, unless it has stopped by itself; its exit code.
    pub(crate) fn stop(&mut self) -> i32 {
        if self.server.is_running() {
            self.server.signal("TERM");
        }
        self.server.wait()
    }

    /// Asserts that what is stored agrees with the clients' answers, once the server has ended.
    pub(crate) fn must_hold(mut self) {
        self.registry.must_hold(self.name, &mut self.random);
        eprintln!("{} acknowledged customers are there", Model::of(&self.registry.histories).certain());
    }

    /// Stops the server cleanly, and asserts that what is stored agrees with the clients' answers.
    pub(crate) fn end(mut self) {
        assert_eq!(self.stop(), 0, "the server did not shut down cleanly");
        self.must_hold();
    }
}
