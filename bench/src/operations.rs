//! Operations on a whole registry: import, export, backup, paging to its end, and the erasure of accounts under load.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    args::OperationsArguments,
    known::Known,
    load::{
        Pace, Plan, Until,
        requests::{Kind, Scenario, Target, Work},
    },
    measure::{RunPosition, measure},
    process::{self, Process},
    record::{Erasure, Journal, Load, Operation, Paging, Record, Subject},
    registry::Registry,
    summary::Spread,
};

/// How many accounts share the customers.
const ACCOUNTS: u64 = 10;

/// Duration of a turn that requests the same page.
const PAGE_TIME: Duration = Duration::from_secs(1);

/// Customers of a page; whole pages are compared, so the last one begins `PAGE_SIZE` × `ACCOUNTS` before the end.
const PAGE_SIZE: u64 = 20;

/// Connections that create customers during an erasure.
const OTHERS: usize = 64;

/// Number of windows in which their answers are timed, before an erasure and during it.
const WINDOWS: usize = 5;

/// Longer than any erasure of a tenth of the customers.
const ERASED_WITHIN: Duration = Duration::from_secs(1_800);

struct Operations<'a> {
    arguments: &'a OperationsArguments,
    registry: Registry,
    directory: TempDir,
    journal: Journal,
    runs: u32,
}

/// Runs them, prints each result, and fails if one fails or is incomplete.
pub fn run(arguments: &OperationsArguments) -> io::Result<()> {
    let directory = TempDir::with_prefix_in("carnelian-bench-", &arguments.run.work)?;
    let binary = arguments.server.canonicalize()?;
    let journal = Journal::of_run(&arguments.run, &binary, "-operations")?;
    let registry = Registry::make(&binary, directory.path())?;
    let mut operations = Operations { arguments, registry, directory, journal, runs: 0 };
    operations.import_and_export()?;
    let server = Process::start(operations.registry.serve(), Path::new("/dev/null"))?;
    operations.page(&server)?;
    (0..arguments.turns).try_for_each(|account| operations.erase(&server, account))
}

impl Operations<'_> {
    /// All customers into the registry, out of it, and everything into a backup.
    fn import_and_export(&mut self) -> io::Result<()> {
        let path = |name: &str| self.directory.path().join(name).to_string_lossy().into_owned();
        let (file, exported, backup) = (path("customers.csv"), path("exported.csv"), path("backup"));
        write_customers(&file, self.arguments.customers)?;
        let dry_run = self.registry.command(&["customer", "import", &file, "--create-accounts", "--dry-run"]);
        self.operate("dry run", dry_run, &file)?;
        let import = self.registry.command(&["customer", "import", &file, "--create-accounts"]);
        self.operate("import", import, &file)?;
        let stored = self.registry.stored()?;
        if stored != self.arguments.customers {
            return Err(io::Error::other(format!("{stored} customers are stored")));
        }
        let export = self.registry.command(&["customer", "export", "--output", &exported]);
        self.operate("export", export, &exported)?;
        let lines = BufReader::new(File::open(&exported)?).lines().count() as u64;
        if lines != stored + 1 {
            return Err(io::Error::other(format!("{lines} lines were exported")));
        }
        let command = self.registry.command(&["backup", &backup]);
        self.operate("backup", command, &backup)
    }

    fn operate(&mut self, name: &str, command: Command, file: &str) -> io::Result<()> {
        let (took, peak_bytes) = process::run(command)?;
        let (seconds, file_bytes) = (took.as_secs_f64(), fs::metadata(file)?.len());
        let (memory, size) = (peak_bytes as f64 / 1e6, file_bytes as f64 / 1e6);
        println!("{name}: {seconds:.1} s, at most {memory:.0} MB resident, a file of {size:.0} MB");
        let customers = self.arguments.customers;
        self.journal.write(Record::Operation(Operation {
            name: name.to_owned(),
            customers,
            seconds,
            peak_bytes,
            file_bytes,
        }))
    }

    /// Alternates a page at the beginning with one at the end: of one account, and of all.
    fn page(&mut self, server: &Process) -> io::Result<()> {
        let operator = self.registry.add_operator()?;
        let last = self.arguments.customers.saturating_sub(PAGE_SIZE * ACCOUNTS);
        for whose in ["accountName=Account%203&", ""] {
            let path = |after| format!("/rws/api/v1/customers?{whose}pageSize={PAGE_SIZE}&after={after}");
            let (mut first, mut end) = (Vec::new(), Vec::new());
            for _ in 0..self.arguments.turns {
                for (after, medians) in [(0, &mut first), (last, &mut end)] {
                    let target = self.target(server, path(after), operator.clone());
                    let until = Until::Elapsed(PAGE_TIME.min(Duration::from_secs_f64(self.arguments.seconds)));
                    medians.push(self.load(server, target, Scenario::Fetch, (1, Pace::Closed), until)?.p50_ms);
                }
            }
            let median = |values: Vec<f64>| Spread::of(values.into_iter()).map_or(0.0, |spread| spread.median);
            let (path, first_ms, last_ms) = (path(last), median(first), median(end));
            println!("GET {path}: {last_ms:.2} ms, the first page {first_ms:.2} ms, ratio {:.2}", last_ms / first_ms);
            self.journal.write(Record::Paging(Paging { path, first_ms, last_ms }))?;
        }
        Ok(())
    }

    /// An account is erased while customers are created in another.
    ///
    /// The effect on others is the median of several windows, and the worst of them: a stall of the disk spoils a window, not
    /// the comparison.
    fn erase(&mut self, server: &Process, account: u64) -> io::Result<()> {
        let before = self.others(server)?;
        let name = format!("Account {account}");
        self.registry.run(&["account", "erasure-grace", "0"])?;
        let id = self.registry.run(&["account", "request-erasure", "--yes", &name])?;
        let started = Instant::now();
        let meanwhile = self.others(server)?;
        while self.registry.run(&["account", "receipt", id.trim()]).is_err() {
            if started.elapsed() > ERASED_WITHIN {
                return Err(io::Error::other(format!("{name} is not erased")));
            }
            thread::sleep(Duration::from_millis(100));
        }
        let erasure = Erasure {
            customers: self.arguments.customers / ACCOUNTS,
            seconds: started.elapsed().as_secs_f64(),
            others_before_ms: before.median,
            others_meanwhile_ms: meanwhile.median,
        };
        println!(
            "erasure of an account with {} customers: {:.1} s; p99 of others {:.2} ms before (at most {:.2}), \
             {:.2} ms meanwhile (at most {:.2}), ratio {:.2}",
            erasure.customers,
            erasure.seconds,
            before.median,
            before.most,
            meanwhile.median,
            meanwhile.most,
            meanwhile.median / before.median,
        );
        self.journal.write(Record::Erasure(erasure))
    }

    /// The 99th percentiles of some windows in which others create customers.
    fn others(&mut self, server: &Process) -> io::Result<Spread> {
        let path = "/rws/api/v1/customers".to_owned();
        let target = self.target(server, path, self.registry.authorization.clone());
        let until = Until::Elapsed(Duration::from_secs_f64(self.arguments.seconds));
        let pace = Pace::Open(self.arguments.rate);
        let windows: Vec<f64> = (0..WINDOWS)
            .map(|_| Ok(self.load(server, target.clone(), Scenario::Create, (OTHERS, pace), until)?.p99_ms))
            .collect::<io::Result<_>>()?;
        Spread::of(windows.into_iter()).ok_or_else(|| io::Error::other("nothing was measured"))
    }

    fn target(&self, server: &Process, path: String, authorization: String) -> Target {
        Target { addresses: vec![server.address], path, authorization, kind: Kind::Server }
    }

    fn load(
        &mut self,
        server: &Process,
        target: Target,
        scenario: Scenario,
        (connections, pace): (usize, Pace),
        until: Until,
    ) -> io::Result<Load> {
        self.runs += 1;
        let work = Arc::new(Work { target, scenario, known: Arc::new(Known::default()) });
        let plan = Plan { work, run: self.runs, connections, pace, until, keep_ids: false };
        let position =
            RunPosition { subject: Subject::Server, turn: None, filled: true, customers: self.arguments.customers };
        let (load, _) = measure(&plan, Some(server), position)?;
        if load.unexpected + load.broken > 0 {
            return Err(io::Error::other(format!("answers were wrong or missing: {:?}", load.samples)));
        }
        self.journal.write(Record::Load(load.clone()))?;
        Ok(load)
    }
}

/// Customers with a contact and an address, with names in an order that does not favour an index.
fn write_customers(path: &str, count: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let contact = "contacts[0].name,contacts[0].email,contacts[0].phone";
    let address =
        ["addressLine1", "city", "state", "country", "postalCode"].map(|part| format!("billingAddress.{part}"));
    let question = "securityQuestion,securityAnswer,shipToBillAddress";
    writeln!(file, "name,accountName,{question},{contact},{}", address.join(","))?;
    for number in 0..count {
        let (mark, account) = ((number as u32).wrapping_mul(2_654_435_761), number % ACCOUNTS);
        write!(file, "Customer {mark:08x},Account {account},FirstConcert,Journey {mark:x},true,")?;
        write!(file, "Ann Example {number},ann{number}@example.com,555-{number:07},")?;
        writeln!(file, "{} Main Street,Anytown,FLA,USA,{:05}", number % 999, 36_301 + number % 999)?;
    }
    file.into_inner().map(drop).map_err(io::IntoInnerError::into_error)
}
