//! A whole run: control and server alternate at every level, and what is stored is compared with what was acknowledged.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    args::SuiteArguments,
    control, disk,
    known::Known,
    load::{
        Pace, Plan, Until,
        requests::{Kind, Scenario, Target, Work},
    },
    measure::{RunPosition, measure},
    process::Process,
    record::{Fill, Journal, Load, Memory, Record, Start, Stored, Subject, Sync},
    registry::Registry,
    report, summary,
};

/// Customers for the scenarios that need some when creates are not measured.
const SEED: u64 = 20_000;

/// Connections that fill a registry.
const FILL_CONNECTIONS: usize = 256;

/// The processes come first, because fields are dropped in this order, and what they write to must outlive them.
struct Suite {
    control: Process,
    server: Process,
    registry: Registry,
    directory: TempDir,
    arguments: SuiteArguments,
    binary: PathBuf,
    journal: Journal,
    known: Arc<Known>,
    acknowledged: u64,
    filled: bool,
    run: u32,
}

/// Measures, writes the report, and fails if anything was lost, refused or answered wrongly.
pub fn run(mut arguments: SuiteArguments) -> io::Result<()> {
    let scratch = TempDir::with_prefix_in("carnelian-bench-", &arguments.run.work)?;
    if arguments.smoke {
        shorten(&mut arguments, scratch.path());
    }
    let out = arguments.out.clone();
    let mut suite = Suite::begin(arguments, scratch)?;
    let ended = suite.measure_all();
    report::write(&suite.journal.records, &out)?;
    eprintln!("records in {}, report in {}", suite.journal.path.display(), out.display());
    ended?;
    report::verify(&suite.journal.path, &out)?;
    match report::faults(&suite.journal.records).as_slice() {
        [] => Ok(()),
        faults => Err(io::Error::other(faults.join("\n"))),
    }
}

/// A little of everything, enough to show that the harness works.
fn shorten(arguments: &mut SuiteArguments, scratch: &Path) {
    arguments.repeats = 1;
    arguments.seconds = 0.15;
    arguments.connections = vec![1, 8];
    arguments.open_steps = 2;
    arguments.fill = Some(5_000);
    arguments.out = scratch.join("out");
    arguments.run.runs = scratch.join("runs");
}

/// One run of load.
#[derive(Clone, Copy)]
struct Step {
    scenario: Scenario,
    connections: usize,
    pace: Pace,
    until: Until,
    /// Number of the current turn; warm-ups and fills have none.
    turn: Option<usize>,
}

impl Suite {
    fn begin(arguments: SuiteArguments, directory: TempDir) -> io::Result<Self> {
        let binary = arguments.server.clone().ok_or_else(|| io::Error::other("--server is missing"))?;
        // Absolute, because a path without a slash would be searched in PATH.
        let binary =
            binary.canonicalize().map_err(|error| io::Error::other(format!("{}: {error}", binary.display())))?;
        let journal = Journal::of_run(&arguments.run, &binary, "")?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("control");
        let control = Process::start(command, &directory.path().join("control.log"))?;
        let registry = Registry::make(&binary, directory.path())?;
        let server = Process::start(registry.serve(), &registry.log())?;
        let mut suite = Self {
            control,
            server,
            registry,
            directory,
            arguments,
            binary,
            journal,
            known: Arc::default(),
            acknowledged: 0,
            filled: false,
            run: 0,
        };
        suite.started()?;
        Ok(suite)
    }

    fn measure_all(&mut self) -> io::Result<()> {
        let mut scenarios = self.arguments.scenarios.clone();
        // Creates come first: the other scenarios read what they leave.
        scenarios.sort_unstable();
        for scenario in scenarios {
            for connections in self.arguments.connections.clone() {
                if scenario.begins_empty() {
                    self.renew()?;
                }
                self.compare(scenario, connections)?;
                if scenario.creates() {
                    self.inspect(&format!("{scenario:?} at {connections} connections"))?;
                }
            }
        }
        self.open_loop()?;
        self.inspect("the open loop")?;
        if let Some(customers) = self.arguments.fill {
            self.fill(customers)?;
        }
        Ok(())
    }

    /// Starts with an empty registry, so that no level pays for the customers of the last one.
    fn renew(&mut self) -> io::Result<()> {
        self.server.stop()?;
        self.registry = Registry::make(&self.binary, self.directory.path())?;
        self.known = Arc::default();
        self.acknowledged = 0;
        self.start()
    }

    fn start(&mut self) -> io::Result<()> {
        self.server = Process::start(self.registry.serve(), &self.registry.log())?;
        self.started()
    }

    fn started(&mut self) -> io::Result<()> {
        let ready_ms = self.server.ready_after.as_secs_f64() * 1e3;
        eprintln!("ready after {ready_ms:.0} ms with {} customers", self.acknowledged);
        let resident_bytes = self.server.usage()?.resident;
        self.journal.write(Record::Start(Start { customers: self.acknowledged, ready_ms, resident_bytes }))
    }

    /// Alternates control and server at one scenario and one number of connections.
    fn compare(&mut self, scenario: Scenario, connections: usize) -> io::Result<()> {
        if !scenario.begins_empty() && self.known.count() == 0 {
            self.make_customers(SEED)?;
        }
        let until = Until::Elapsed(self.length() / 5);
        for subject in [Subject::Control, Subject::Server] {
            self.load(subject, Step { scenario, connections, pace: Pace::Closed, until, turn: None })?;
        }
        for turn in 0..self.arguments.repeats {
            if scenario == Scenario::Create && connections == 1 {
                let per_second = disk::sync_rate(self.directory.path(), self.length() / 2)?;
                self.journal.write(Record::Sync(Sync { turn, per_second }))?;
            }
            self.take_turns(turn, scenario, connections, Pace::Closed)?;
        }
        Ok(())
    }

    /// Tries constant rates up to the peak of the closed loop.
    fn open_loop(&mut self) -> io::Result<()> {
        let creates = |load: &&Load| load.subject == Subject::Server && load.scenario == Scenario::Create;
        let closed = summary::loads(&self.journal.records).filter(creates);
        let Some(peak) = closed.max_by(|a, b| a.rate.total_cmp(&b.rate)) else {
            return Ok(());
        };
        let (connections, peak, steps) = (peak.connections, peak.rate, self.arguments.open_steps);
        for step in 1..=steps {
            let rate = peak * step as f64 / steps as f64;
            self.take_turns(step, Scenario::Create, connections, Pace::Open(rate))?;
        }
        Ok(())
    }

    fn fill(&mut self, customers: u64) -> io::Result<()> {
        let load = self.make_customers(customers.saturating_sub(self.acknowledged))?;
        let (seconds, rate) = (load.seconds, load.rate);
        self.journal.write(Record::Fill(Fill { customers: self.acknowledged, seconds, rate }))?;
        self.filled = true;
        self.server.settle()?;
        self.inspect("the fill")?;
        self.server.stop()?;
        self.start()?;
        for scenario in [Scenario::Create, Scenario::Read] {
            for connections in self.arguments.connections.clone() {
                self.compare(scenario, connections)?;
            }
        }
        self.inspect("load on the filled registry")
    }

    fn make_customers(&mut self, count: u64) -> io::Result<Load> {
        let until = Until::Requests(count);
        let (scenario, connections) = (Scenario::Create, FILL_CONNECTIONS);
        self.load(Subject::Server, Step { scenario, connections, pace: Pace::Closed, until, turn: None })
    }

    fn take_turns(&mut self, turn: usize, scenario: Scenario, connections: usize, pace: Pace) -> io::Result<()> {
        // The first of a pair may find the machine in another state, so the order alternates.
        let order = if turn.is_multiple_of(2) {
            [Subject::Control, Subject::Server]
        } else {
            [Subject::Server, Subject::Control]
        };
        for subject in order {
            self.server.settle()?;
            let until = Until::Elapsed(self.length());
            let load = self.load(subject, Step { scenario, connections, pace, until, turn: Some(turn) })?;
            eprintln!(
                "{subject:?} {scenario:?} c={connections} {:.0}/s p50 {:.2} p99 {:.2} p99.9 {:.2} max {:.1} ms, {:.1} µs",
                load.rate, load.p50_ms, load.p99_ms, load.p999_ms, load.max_ms, load.cpu_us_per_answer
            );
        }
        Ok(())
    }

    fn load(&mut self, subject: Subject, step: Step) -> io::Result<Load> {
        let Step { scenario, connections, pace, until, turn } = step;
        self.run += 1;
        let work = Arc::new(Work { target: self.target(subject), scenario, known: Arc::clone(&self.known) });
        let keep_ids = subject == Subject::Server;
        let plan = Plan { work, run: self.run, connections, pace, until, keep_ids };
        let position = RunPosition { subject, turn, filled: self.filled, customers: self.acknowledged };
        let process = if subject == Subject::Server { &self.server } else { &self.control };
        let (load, tally) = measure(&plan, Some(process), position)?;
        drop(plan);
        if subject == Subject::Server {
            self.acknowledged += tally.created;
            let known = Arc::get_mut(&mut self.known).expect("the plan was its only other holder");
            known.add(tally.ids, (self.run, tally.names));
        }
        self.journal.write(Record::Load(load.clone()))?;
        Ok(load)
    }

    /// Records what is stored, and the memory and disk that it takes.
    fn inspect(&mut self, after: &str) -> io::Result<()> {
        let usage = self.server.usage()?;
        self.journal.write(Record::Memory(Memory {
            customers: self.acknowledged,
            resident_bytes: usage.resident,
            peak_bytes: usage.peak,
            disk_bytes: self.registry.size()?,
        }))?;
        let known = Arc::get_mut(&mut self.known).expect("no load is running");
        let stored = Stored {
            after: after.to_owned(),
            stored: self.registry.stored()?,
            acknowledged: self.acknowledged,
            repeated_ids: known.repeated_ids(),
        };
        eprintln!("after {after}: {} stored, {} acknowledged", stored.stored, stored.acknowledged);
        self.journal.write(Record::Stored(stored))
    }

    fn target(&self, subject: Subject) -> Target {
        let (address, authorization, kind) = match subject {
            Subject::Server => (self.server.address, self.registry.authorization.clone(), Kind::Server),
            _ => (self.control.address, control::authorization(), Kind::Control),
        };
        Target { addresses: vec![address], path: "/rws/api/v1/customers".to_owned(), authorization, kind }
    }

    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.arguments.seconds)
    }
}
