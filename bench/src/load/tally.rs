//! What a run of load counted.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is counted; longer ones count as this.
const LONGEST: Duration = Duration::from_secs(120);

/// How many wrong answers are kept to be shown.
const SAMPLES: usize = 3;

/// Counts and latencies of one run.
pub struct Tally {
    /// Nanoseconds from the intended start of a request to its answer.
    pub latencies: Histogram<u64>,
    /// Requests that were answered as expected.
    pub answers: u64,
    /// Customers that were acknowledged as created.
    pub created: u64,
    /// The ids of those customers, if the plan keeps them.
    pub ids: Vec<u64>,
    /// How many new names each thread has used.
    pub names: Vec<u32>,
    /// Arrivals of an open loop that were never sent, because no connection was free in time.
    pub unserved: u64,
    /// Requests that were answered otherwise than expected.
    pub unexpected: u64,
    /// Requests that were not answered, because the connection broke or nothing came.
    pub broken: u64,
    /// The first few things that went wrong.
    pub samples: Vec<String>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).expect("two minutes fit");
        Self {
            latencies: Histogram::new_with_bounds(1_000, longest, 3).expect("the bounds are in order"),
            answers: 0,
            created: 0,
            ids: Vec::new(),
            names: Vec::new(),
            unserved: 0,
            unexpected: 0,
            broken: 0,
            samples: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// Counts a latency.
    pub fn latency(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Keeps what went wrong, if little has yet.
    pub fn sample(&mut self, sample: impl FnOnce() -> String) {
        if self.samples.len() < SAMPLES {
            self.samples.push(sample());
        }
    }

    /// Adds what another thread counted at the same time.
    pub fn merge(&mut self, other: Self) {
        self.latencies.add(&other.latencies).expect("all histograms have the same bounds");
        self.answers += other.answers;
        self.created += other.created;
        self.ids.extend(other.ids);
        self.names.extend(other.names);
        self.unserved += other.unserved;
        self.unexpected += other.unexpected;
        self.broken += other.broken;
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES);
        self.elapsed = self.elapsed.max(other.elapsed);
    }

    /// Expected answers a second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency in milliseconds that this share of the requests did not exceed.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.latencies.value_at_quantile(share) as f64 / 1e6
    }
}
