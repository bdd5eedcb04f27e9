//! Too much of everything: connections, patience, open files, memory, wrong keys, writes.

mod idle;
mod memory;
mod open_files;
mod overload;
mod sign_ins;
mod slow;

use std::net::SocketAddr;
use std::time::Duration;

use chaos::{Load, Progress, Random, Scene, gaps, process, seed};

/// How much longer 99 of 100 answers may take beside others, where that is asked for.
const SLOWER: f64 = 2.0;

/// How long 99 of 100 answers take while nobody else is there, and beside others; a measurement of each in every round.
#[derive(Default)]
struct Slowdown {
    alone: Vec<Duration>,
    beside: Vec<Duration>,
}

/// Customers of a registry, who notice nothing of what others do to it.
struct Regulars {
    random: Random,
    rounds: usize,
}

/// Settings of a server that cuts nobody off, however long a busy machine takes over a test.
const PATIENT: &str = "[timeouts]\nheader_seconds = 600\nbody_seconds = 600\n";

/// How many open files a test has beside its connections, and then some.
const OTHER_FILES: usize = 500;

/// How many of `wanted` connections this process may have; loud if those are fewer.
fn allowed_connections(wanted: usize) -> usize {
    let allowed = process::allow_open_files(wanted + OTHER_FILES).saturating_sub(OTHER_FILES).min(wanted);
    if allowed < wanted {
        gaps::report(&format!("{wanted} connections: the system's limit of open files permits {allowed}"));
    }
    allowed
}

impl Slowdown {
    /// Prints how much longer answers take beside `others`; a machine that may be busy decides nothing.
    #[track_caller]
    fn must_be_small(mut self, others: &str) {
        let rounds = self.beside.len();
        let [alone, beside] = [&mut self.alone, &mut self.beside].map(|measured| {
            measured.sort_unstable();
            measured[rounds / 2]
        });
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        eprintln!("p99 {beside:?} beside {others}, {alone:?} alone: {ratio:.2}");
        assert!(!seed::is_watched() || ratio < SLOWER, "answers take {ratio:.2} times as long beside {others}");
    }
}

impl Regulars {
    fn of_test(name: &str) -> Self {
        Self { random: Random::of_test(name), rounds: 0 }
    }

    /// Each sends so many requests, unless `meanwhile` ends them before; all must be answered. How long 99 of 100 took.
    #[track_caller]
    fn work(
        &mut self,
        scene: &mut Scene,
        address: SocketAddr,
        requests: usize,
        meanwhile: impl FnOnce(&Progress),
    ) -> Duration {
        self.rounds += 1;
        let load = Load { prefix: format!("R{}", self.rounds), workers: 4, requests, large: 5 };
        let report = load.run(address, &scene.ada, &mut self.random, meanwhile);
        report.must_be_undisturbed(&format!("round {}", self.rounds));
        let p99 = report.p99();
        scene.note(report);
        p99
    }
}
