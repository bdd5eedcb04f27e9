//! Overload: many connections, slow clients, few open files, little memory, wrong keys, more writes than the disk takes.

mod idle;
mod memory;
mod open_files;
mod overload;
mod sign_ins;
mod slow;

use std::net::SocketAddr;
use std::time::Duration;

use chaos::{Load, Progress, Random, TestRegistry, gaps, process, seed};

/// The largest permitted ratio of the 99th percentile under load to that without, where it is judged.
const SLOWER: f64 = 2.0;

/// The 99th percentile of latency without and under load, one measurement of each per round.
#[derive(Default)]
struct Slowdown {
    alone: Vec<Duration>,
    under_load: Vec<Duration>,
}

/// Clients with an ordinary load, which must not be affected by the overload.
struct OrdinaryLoad {
    random: Random,
    rounds: usize,
}

/// Settings with timeouts that no client exceeds, even on a busy machine.
const LONG_TIMEOUTS: &str = "[timeouts]\nheader_seconds = 600\nbody_seconds = 600\n";

/// An upper bound for the open files of a test other than its connections.
const OTHER_FILES: usize = 500;

/// How many of `wanted` connections this process may open; fewer are reported as a gap.
fn allowed_connections(wanted: usize) -> usize {
    let allowed = process::allow_open_files(wanted + OTHER_FILES).saturating_sub(OTHER_FILES).min(wanted);
    if allowed < wanted {
        gaps::report(&format!("{wanted} connections: the system's limit of open files permits {allowed}"));
    }
    allowed
}

impl Slowdown {
    /// Prints how much longer responses take under the load `others`; asserts the ratio on an idle machine only.
    #[track_caller]
    fn must_be_small(mut self, others: &str) {
        let rounds = self.under_load.len();
        let [alone, under_load] = [&mut self.alone, &mut self.under_load].map(|measured| {
            measured.sort_unstable();
            measured[rounds / 2]
        });
        let ratio = under_load.as_secs_f64() / alone.as_secs_f64();
        eprintln!("p99 {under_load:?} with {others}, {alone:?} without: {ratio:.2}");
        assert!(!seed::is_watched() || ratio < SLOWER, "responses take {ratio:.2} times as long with {others}");
    }
}

impl OrdinaryLoad {
    fn of_test(name: &str) -> Self {
        Self { random: Random::of_test(name), rounds: 0 }
    }

    /// Each client sends `requests` requests, unless `meanwhile` ends the load before; all must succeed. Returns the 99th
    /// percentile of latency.
    #[track_caller]
    fn run(
        &mut self,
        registry: &mut TestRegistry,
        address: SocketAddr,
        requests: usize,
        meanwhile: impl FnOnce(&Progress),
    ) -> Duration {
        self.rounds += 1;
        let load = Load { prefix: format!("R{}", self.rounds), workers: 4, requests, large: 5 };
        let report = load.run(address, &registry.ada, &mut self.random, meanwhile);
        report.must_be_undisturbed(&format!("round {}", self.rounds));
        let p99 = report.p99();
        registry.note(report);
        p99
    }
}
