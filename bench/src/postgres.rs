//! A registry in PostgreSQL: one server and two of them, beside limits that are measured in the same run.
//!
//! * [`database`]: the databases, and what pgbench does in them
//! * [`reader`]: a minimal server that reads a row

mod database;
pub mod reader;

use std::{env, io, process::Command, sync::Arc, time::Duration};

use database::{Database, GROUP};
use tempfile::TempDir;

use crate::{
    args::PostgresArguments,
    control,
    known::Known,
    load::{
        Pace, Plan, Until,
        requests::{Kind, Scenario, Target, Work},
        tally::Tally,
    },
    machine,
    measure::{RunPosition, measure},
    process::Process,
    record::{Journal, Limit, Record, Stored, Subject},
    registry::Registry,
    report,
};

struct Run {
    arguments: PostgresArguments,
    directory: TempDir,
    journal: Journal,
    /// How many runs of load there were.
    runs: u32,
}

/// Measures, writes the report, and fails if anything was lost or answered wrongly.
pub fn run(mut arguments: PostgresArguments) -> io::Result<()> {
    let directory = TempDir::with_prefix_in("carnelian-bench-", &arguments.run.work)?;
    if arguments.smoke {
        arguments.turns = 1;
        arguments.seconds = 1.0;
        arguments.connections = vec![8];
        arguments.out = directory.path().join("out");
        arguments.run.runs = directory.path().join("runs");
    }
    arguments.server = arguments.server.canonicalize()?;
    let journal = Journal::of_run(&arguments.run, &arguments.server, "-postgres")?;
    let mut run = Run { arguments, directory, journal, runs: 0 };
    let ended = run.measure_all();
    let records = &run.journal.records;
    report::write_postgres(records, &run.arguments.out)?;
    ended?;
    match report::faults(records).as_slice() {
        [] => Ok(()),
        faults => Err(io::Error::other(faults.join("\n"))),
    }
}

impl Run {
    fn measure_all(&mut self) -> io::Result<()> {
        for turn in 0..self.arguments.turns {
            for connections in self.arguments.connections.clone() {
                self.limit(turn, connections)?;
                self.servers(turn, connections, Subject::Server)?;
                self.servers(turn, connections, Subject::Servers)?;
            }
        }
        Ok(())
    }

    /// An empty registry in a database of its own.
    fn registry(&self) -> io::Result<(Database, Registry)> {
        let database = Database::create(&self.arguments.database)?;
        let registry = Registry::make_in(&self.arguments.server, self.directory.path(), &database.url)?;
        Ok((database, registry))
    }

    /// The rate at which PostgreSQL stores customers in groups, without a server.
    fn limit(&mut self, turn: usize, connections: usize) -> io::Result<()> {
        let (database, _registry) = self.registry()?;
        let rate = database.groups_per_second(self.directory.path(), self.length())? * GROUP as f64;
        eprintln!("limit {rate:.0}/s");
        self.journal.write(Record::Limit(Limit { turn, connections, rate, load_average: machine::load_average() }))
    }

    /// Creates customers through one server or two, and reads them from one.
    fn servers(&mut self, turn: usize, connections: usize, subject: Subject) -> io::Result<()> {
        let (database, registry) = self.registry()?;
        let count = if subject == Subject::Servers { 2 } else { 1 };
        let servers: Vec<Process> =
            (0..count).map(|_| Process::start(registry.serve(), &registry.log())).collect::<io::Result<_>>()?;
        let target = Target {
            addresses: servers.iter().map(|server| server.address).collect(),
            path: "/rws/api/v1/customers".to_owned(),
            authorization: registry.authorization.clone(),
            kind: Kind::Server,
        };
        let mut known = Known::default();
        for (turn, length) in [(None, self.length() / 5), (Some(turn), self.length())] {
            let work = Work { target: target.clone(), scenario: Scenario::Create, known: Arc::default() };
            let tally = self.load(work, connections, &servers[0], subject, turn, length)?;
            known.add(tally.ids, (self.runs, tally.names));
        }
        self.journal.write(Record::Stored(Stored {
            after: format!("creates at {connections} connections to {count} servers"),
            stored: database.customers()?,
            acknowledged: known.count(),
            repeated_ids: known.repeated_ids(),
        }))?;
        if subject == Subject::Server {
            self.reads(turn, connections, (&servers[0], target), &database, known)
        } else {
            Ok(())
        }
    }

    /// Reads customers by id, alternating between the server and the minimal one.
    fn reads(
        &mut self,
        turn: usize,
        connections: usize,
        (server, target): (&Process, Target),
        database: &Database,
        known: Known,
    ) -> io::Result<()> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["reader", "--database", &database.url]);
        let reader = Process::start(command, &self.directory.path().join("reader.log"))?;
        let addresses = vec![reader.address];
        let minimal =
            Target { addresses, authorization: control::authorization(), kind: Kind::Control, ..target.clone() };
        let known = Arc::new(known);
        let mut subjects = [(Subject::Server, server, target), (Subject::Reader, &reader, minimal)];
        // The first of a pair may find the machine in another state, so the order alternates.
        subjects.rotate_left(turn % 2);
        for (subject, process, target) in subjects {
            for (turn, length) in [(None, self.length() / 5), (Some(turn), self.length())] {
                let work = Work { target: target.clone(), scenario: Scenario::Read, known: Arc::clone(&known) };
                self.load(work, connections, process, subject, turn, length)?;
            }
        }
        Ok(())
    }

    fn load(
        &mut self,
        work: Work,
        connections: usize,
        process: &Process,
        subject: Subject,
        turn: Option<usize>,
        length: Duration,
    ) -> io::Result<Tally> {
        self.runs += 1;
        let (work, keep_ids) = (Arc::new(work), true);
        let plan =
            Plan { work, run: self.runs, connections, pace: Pace::Closed, until: Until::Elapsed(length), keep_ids };
        let position = RunPosition { subject, turn, filled: false, customers: 0 };
        let (load, tally) = measure(&plan, Some(process), position)?;
        eprintln!(
            "{subject:?} {:?} c={connections} {:.0}/s p50 {:.2} p99 {:.2} max {:.1} ms, load average {}",
            load.scenario, load.rate, load.p50_ms, load.p99_ms, load.max_ms, load.load_average
        );
        self.journal.write(Record::Load(load))?;
        Ok(tally)
    }

    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.arguments.seconds)
    }
}
