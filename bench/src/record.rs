//! Raw records: one measurement is one line of JSON, and a report is made of nothing else.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{args::RunArguments, load::requests::Scenario, machine, machine::Machine};

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub enum Record {
    Machine(Machine),
    Start(Start),
    Load(Load),
    Sync(Sync),
    Memory(Memory),
    Stored(Stored),
    Fill(Fill),
    Operation(Operation),
    Paging(Paging),
    Erasure(Erasure),
    Limit(Limit),
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    Control,
    Server,
    Peer,
    /// Two servers of one registry.
    Servers,
    /// A minimal server that reads a row of a database.
    Reader,
}

/// A start of the server, and its memory before any load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    pub customers: u64,
    pub ready_ms: f64,
    pub resident_bytes: u64,
}

/// One run of load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    pub subject: Subject,
    pub scenario: Scenario,
    pub connections: usize,
    /// Control and server with the same number took turns; warm-ups and fills have none, and are in no table.
    pub turn: Option<usize>,
    /// Whether the registry had been filled before.
    pub filled: bool,
    /// Customers in the registry at the start.
    pub customers: u64,
    /// Arrivals a second of an open loop.
    pub offered: Option<f64>,
    pub seconds: f64,
    pub answers: u64,
    pub rate: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    pub cpu_us_per_answer: f64,
    pub generator_cpu_us_per_answer: f64,
    pub unserved: u64,
    pub unexpected: u64,
    pub broken: u64,
    pub samples: Vec<String>,
    /// What else the machine had to do.
    pub load_average: f64,
}

/// A measurement of the disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sync {
    pub turn: usize,
    pub per_second: f64,
}

/// The server's memory after load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    pub customers: u64,
    pub resident_bytes: u64,
    pub peak_bytes: u64,
    pub disk_bytes: u64,
}

/// What was stored, and what had been acknowledged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored {
    pub after: String,
    pub stored: u64,
    pub acknowledged: u64,
    /// Ids that were given twice.
    pub repeated_ids: u64,
}

/// How fast the registry was filled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fill {
    pub customers: u64,
    pub seconds: f64,
    pub rate: f64,
}

/// Something that an operator had done with all customers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    pub name: String,
    pub customers: u64,
    pub seconds: f64,
    pub peak_bytes: u64,
    pub file_bytes: u64,
}

/// Medians of a page near the beginning and of one near the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paging {
    pub path: String,
    pub first_ms: f64,
    pub last_ms: f64,
}

/// The erasure of an account, and the 99th percentile of what others did before and meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasure {
    pub customers: u64,
    pub seconds: f64,
    pub others_before_ms: f64,
    pub others_meanwhile_ms: f64,
}

/// How fast a database stores customers in groups, without a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limit {
    pub turn: usize,
    /// The connections of the load that was measured next.
    pub connections: usize,
    /// Customers a second.
    pub rate: f64,
    pub load_average: f64,
}

/// A file of records that is being written.
pub struct Journal {
    file: File,
    /// Where it is.
    pub path: PathBuf,
    /// What was written so far.
    pub records: Vec<Record>,
}

impl Journal {
    /// Begins the file of a run, whose name ends with what kind of run it is, with the machine and the binary.
    pub fn of_run(arguments: &RunArguments, server: &Path, kind: &str) -> io::Result<Self> {
        let machine = machine::describe(arguments.machine.as_deref(), &arguments.date, server)?;
        let mut journal = Self::begin(&arguments.runs, &format!("{}-{}{kind}", machine.date, machine.name))?;
        journal.write(Record::Machine(machine))?;
        Ok(journal)
    }

    /// Begins a new file; an earlier run of the same day is kept.
    fn begin(directory: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        for name in std::iter::once(name.to_owned()).chain(numbered) {
            let path = directory.join(name + ".jsonl");
            match File::create_new(&path) {
                Ok(file) => return Ok(Self { file, path, records: Vec::new() }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("numbers do not end")
    }

    /// Writes a record at once, so that a run that is ended early leaves what it measured.
    pub fn write(&mut self, record: Record) -> io::Result<()> {
        self.file.write_all((serde_json::to_string(&record)? + "\n").as_bytes())?;
        self.records.push(record);
        Ok(())
    }
}

/// Reads the records of a run.
pub fn read(path: &Path) -> io::Result<Vec<Record>> {
    fs::read_to_string(path)?.lines().map(|line| serde_json::from_str(line).map_err(io::Error::other)).collect()
}
