//! A long run at a share of the peak rate over a registry of constant size: do latency and memory stay constant?

use std::{io, ops::RangeInclusive, path::Path, process::Command, sync::Arc, time::Duration};

use tempfile::TempDir;

use crate::{
    args::SoakArguments,
    known::Known,
    load::{
        Pace, Plan, Until,
        requests::{Kind, Scenario, Target, Work},
        tally::Tally,
    },
    measure::{RunPosition, measure},
    process::Process,
    record::{Journal, Memory, Record, Subject},
    registry::Registry,
};

/// How many connections make the customers, and then share the load.
const CONNECTIONS: usize = 64;

/// Duration of each step of the search for the peak, as a share of the whole.
const LOOK: f64 = 1.0 / 120.0;

/// Where the peak is looked for, from above: in twentieths of the closed loop's rate, down to one.
const TWENTIETHS: RangeInclusive<u32> = 4..=20;

/// The peak is the highest rate of arrivals that is answered within this, in milliseconds, for 99 of 100 requests.
const ANSWERED_MS: f64 = 25.0;

/// Number of parts of the run; memory is sampled after each.
const SLICES: usize = 60;

/// The parts of which the latencies are compared.
const QUARTERS: usize = 4;

struct Soak {
    server: Process,
    registry: Registry,
    /// Dropped after the server that writes to it.
    _directory: TempDir,
    known: Arc<Known>,
    journal: Journal,
    customers: u64,
    runs: u32,
    /// How many answers were wrong or missing.
    wrong: u64,
}

/// Runs it, prints the result, and fails if an answer was wrong or the registry is not as acknowledged.
pub fn run(arguments: &SoakArguments) -> io::Result<()> {
    let mut soak = Soak::begin(arguments)?;
    soak.make_customers(arguments.customers)?;
    let length = Duration::from_secs_f64(arguments.minutes * 60.0);
    let rate = soak.peak(length.mul_f64(LOOK))? * arguments.share;
    eprintln!("now {rate:.0}/s for {:.1} minutes", arguments.minutes);
    let (mut quarters, mut memory) = ([const { None }; QUARTERS], Vec::new());
    for slice in 0..SLICES {
        let tally = soak.load(Pace::Open(rate), length / SLICES as u32)?;
        merge(&mut quarters[slice * QUARTERS / SLICES], tally);
        memory.push(soak.look()?);
    }
    let stored = soak.registry.stored()?;
    if stored != soak.customers {
        return Err(io::Error::other(format!("{stored} customers are stored, {} were acknowledged", soak.customers)));
    }
    println!("{}", summary(rate, arguments.minutes, &quarters, &memory));
    match soak.wrong {
        0 => Ok(()),
        wrong => Err(io::Error::other(format!("{wrong} answers were wrong or missing"))),
    }
}

fn merge(quarter: &mut Option<Tally>, tally: Tally) {
    match quarter {
        Some(quarter) => quarter.merge(tally),
        None => *quarter = Some(tally),
    }
}

impl Soak {
    fn begin(arguments: &SoakArguments) -> io::Result<Self> {
        let directory = TempDir::with_prefix_in("carnelian-bench-", &arguments.run.work)?;
        let binary = arguments.server.canonicalize()?;
        let journal = Journal::of_run(&arguments.run, &binary, "-soak")?;
        let registry = Registry::make(&binary, directory.path())?;
        let serve: Command = registry.serve();
        // A line for every request of an hour would fill the disk, and is written all the same.
        let server = Process::start(serve, Path::new("/dev/null"))?;
        Ok(Self {
            server,
            registry,
            _directory: directory,
            known: Arc::default(),
            journal,
            customers: 0,
            runs: 0,
            wrong: 0,
        })
    }

    fn make_customers(&mut self, count: u64) -> io::Result<()> {
        let (tally, run) = self.carry_out(Scenario::Create, Pace::Closed, Until::Requests(count))?;
        self.customers = tally.created;
        self.known = Arc::new(Known::of(tally.ids, (run, tally.names)));
        self.server.settle()
    }

    /// The highest rate of arrivals that is served in time, in requests a second.
    ///
    /// A closed loop's rate is no such thing where generator and server share their cores: both need more of them for
    /// a request that comes alone than for one of many that wait.
    fn peak(&mut self, look: Duration) -> io::Result<f64> {
        let closed = self.load(Pace::Closed, look)?.rate();
        let mut rate = closed;
        for twentieths in TWENTIETHS.rev() {
            rate = closed * f64::from(twentieths) / 20.0;
            let tally = self.load(Pace::Open(rate), look)?;
            let p99 = tally.quantile_ms(0.99);
            eprintln!("{rate:.0}/s, {twentieths}/20 of the closed loop's: p99 {p99:.1} ms");
            if p99 <= ANSWERED_MS && tally.unserved == 0 {
                return Ok(rate);
            }
        }
        eprintln!("not even that was answered in time");
        Ok(rate)
    }

    fn load(&mut self, pace: Pace, length: Duration) -> io::Result<Tally> {
        let (tally, _) = self.carry_out(Scenario::Steady, pace, Until::Elapsed(length))?;
        self.wrong += tally.unexpected + tally.broken;
        Ok(tally)
    }

    fn carry_out(&mut self, scenario: Scenario, pace: Pace, until: Until) -> io::Result<(Tally, u32)> {
        self.runs += 1;
        let target = Target {
            addresses: vec![self.server.address],
            path: "/rws/api/v1/customers".to_owned(),
            authorization: self.registry.authorization.clone(),
            kind: Kind::Server,
        };
        let work = Arc::new(Work { target, scenario, known: Arc::clone(&self.known) });
        let keep_ids = scenario == Scenario::Create;
        let plan = Plan { work, run: self.runs, connections: CONNECTIONS, pace, until, keep_ids };
        let position = RunPosition { subject: Subject::Server, turn: None, filled: false, customers: self.customers };
        let (load, tally) = measure(&plan, Some(&self.server), position)?;
        self.journal.write(Record::Load(load))?;
        Ok((tally, self.runs))
    }

    /// The resident memory, in bytes.
    fn look(&mut self) -> io::Result<f64> {
        let usage = self.server.usage()?;
        self.journal.write(Record::Memory(Memory {
            customers: self.customers,
            resident_bytes: usage.resident,
            peak_bytes: usage.peak,
            disk_bytes: self.registry.size()?,
        }))?;
        Ok(usage.resident as f64)
    }
}

fn summary(rate: f64, minutes: f64, quarters: &[Option<Tally>], memory: &[f64]) -> String {
    let p99: Vec<_> = quarters.iter().flatten().map(|tally| tally.quantile_ms(0.99)).collect();
    let shown: Vec<_> = p99.iter().map(|p99| format!("{p99:.2}")).collect();
    let (first, last) = (p99.first().copied().unwrap_or_default(), p99.last().copied().unwrap_or_default());
    // The server has reached its working size after the first quarter.
    let settled = &memory[memory.len() / QUARTERS..];
    let an_hour = slope(settled) * memory.len() as f64 * 60.0 / minutes;
    let mean = settled.iter().sum::<f64>() / settled.len() as f64;
    format!(
        "{rate:.0} requests a second for {minutes:.1} minutes\n\
         p99 of the quarters: {} ms; the last to the first: {:.2}\n\
         resident memory: {:.1} MB, growing by {:.2} % an hour after the first quarter",
        shown.join(", "),
        last / first,
        mean / 1e6,
        an_hour / mean * 100.0,
    )
}

/// How much a value grows from one look to the next: the slope of the straight line that fits best.
fn slope(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let pairs = || values.iter().enumerate().map(|(at, value)| (at as f64 - middle, value - mean));
    let spread: f64 = pairs().map(|(at, _)| at * at).sum();
    if spread == 0.0 { 0.0 } else { pairs().map(|(at, value)| at * value).sum::<f64>() / spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line() {
        assert_eq!(slope(&[1.0, 3.0, 5.0, 7.0]), 2.0);
        assert_eq!(slope(&[4.0, 4.0, 4.0]), 0.0);
        assert_eq!(slope(&[4.0]), 0.0);
    }

    #[test]
    fn growth_is_told_by_the_hour() {
        let memory: Vec<_> = (0..SLICES).map(|slice| 100e6 + slice as f64 * 1e6).collect();
        let text = summary(1.0, 60.0, &[], &memory);
        // One megabyte a minute on a mean of 137.
        assert!(text.contains("growing by 43.80 % an hour"), "{text}");
    }
}
