//! Command-line arguments.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::load::requests::Scenario;

/// Measures a carnelian binary against a server that stores nothing.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Something other than a whole run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What a whole run measures.
    #[command(flatten)]
    pub suite: SuiteArguments,
}

/// The parts of a run on their own.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the control server, until it is ended.
    Control {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Runs long at a share of the peak, and shows whether memory and latency stay as they were.
    Soak(SoakArguments),
    /// Measures what an operator does with a whole registry: import, export, backup, paging to the end, erasure.
    Operations(OperationsArguments),
    /// Measures a registry in PostgreSQL: one server and two, beside limits that are measured in the same run.
    Postgres(PostgresArguments),
    /// Runs the least server that reads rows of a database, until it is ended.
    Reader {
        /// The URL of a database with a registry.
        #[arg(long)]
        database: String,
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Puts load on any running server of the same call, and prints one line of JSON.
    Load(LoadArguments),
    /// Writes the report of a run again from its raw records.
    Report {
        /// The raw records.
        runs: PathBuf,
        /// Where to write the report and its plot.
        #[arg(long, default_value = "bench")]
        out: PathBuf,
    },
}

/// A whole run.
#[derive(Args, Clone)]
pub struct SuiteArguments {
    /// The carnelian binary to measure.
    #[arg(long, required = true)]
    pub server: Option<PathBuf>,
    /// Checks the harness in a few seconds; the figures mean nothing.
    #[arg(long)]
    pub smoke: bool,
    /// How often control and server alternate.
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// How long one measurement takes.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// How many connections, one measurement for each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 256])]
    pub connections: Vec<usize>,
    /// Requests to send.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["create", "keyed", "read", "mixed", "duplicate", "invalid"])]
    pub scenarios: Vec<Scenario>,
    /// How many constant rates to try, up to the peak of the closed loop.
    #[arg(long, default_value_t = 10)]
    pub open_steps: usize,
    /// Fills the registry to this many customers and measures again.
    #[arg(long)]
    pub fill: Option<u64>,
    /// Where to write the report and its plot.
    #[arg(long, default_value = "bench")]
    pub out: PathBuf,
    /// Place and records of the measurement.
    #[command(flatten)]
    pub run: RunArguments,
}

/// Place and records of a measurement.
#[derive(Args, Clone)]
pub struct RunArguments {
    /// The date of the run, for the name of its file.
    #[arg(long, default_value = "undated")]
    pub date: String,
    /// The name of this machine; its host name unless given.
    #[arg(long)]
    pub machine: Option<String>,
    /// Where to keep the raw records.
    #[arg(long, default_value = "bench/runs")]
    pub runs: PathBuf,
    /// A place for registries and their files, on the disk to be measured.
    #[arg(long, default_value = "/var/tmp")]
    pub work: PathBuf,
}

/// A long run.
#[derive(Args)]
pub struct SoakArguments {
    /// The carnelian binary.
    #[arg(long)]
    pub server: PathBuf,
    /// How long it takes.
    #[arg(long, default_value_t = 60.0)]
    pub minutes: f64,
    /// Share of the peak rate to offer.
    #[arg(long, default_value_t = 0.7)]
    pub share: f64,
    /// How many customers there are.
    #[arg(long, default_value_t = 100_000)]
    pub customers: u64,
    /// Place and records of the measurement.
    #[command(flatten)]
    pub run: RunArguments,
}

/// What an operator does.
#[derive(Args)]
pub struct OperationsArguments {
    /// The carnelian binary.
    #[arg(long)]
    pub server: PathBuf,
    /// How many customers are imported, into ten accounts.
    #[arg(long, default_value_t = 1_000_000)]
    pub customers: u64,
    /// Number of turns in each comparison; every turn erases an account.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10))]
    pub turns: u64,
    /// How long each window of load takes, before an erasure and during it.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Customers created a second during an erasure.
    #[arg(long, default_value_t = 2_000.0)]
    pub rate: f64,
    /// Place and records of the measurement.
    #[command(flatten)]
    pub run: RunArguments,
}

/// A registry in PostgreSQL.
#[derive(Args)]
pub struct PostgresArguments {
    /// The carnelian binary.
    #[arg(long)]
    pub server: PathBuf,
    /// The URL of a database whose role may create others; each measurement begins with a new one.
    #[arg(long)]
    pub database: String,
    /// Checks the harness in a few seconds; the figures mean nothing.
    #[arg(long)]
    pub smoke: bool,
    /// How often limits and servers alternate.
    #[arg(long, default_value_t = 5)]
    pub turns: usize,
    /// How long one measurement takes.
    #[arg(long, default_value_t = 4.0)]
    pub seconds: f64,
    /// How many connections, one measurement for each.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    pub connections: Vec<usize>,
    /// Where to write the report.
    #[arg(long, default_value = "bench")]
    pub out: PathBuf,
    /// Place and records of the measurement.
    #[command(flatten)]
    pub run: RunArguments,
}

/// Load on its own.
#[derive(Args)]
pub struct LoadArguments {
    /// Where the server listens.
    #[arg(long)]
    pub address: SocketAddr,
    /// The path of the customers.
    #[arg(long, default_value = "/rws/api/v1/customers")]
    pub path: String,
    /// The `Authorization` header; that of the control unless given.
    #[arg(long)]
    pub authorization: Option<String>,
    /// Requests to send: create, or read the ids from 1 to `--ids`.
    #[arg(long, value_enum, default_value = "create")]
    pub scenario: Scenario,
    /// The highest id to read.
    #[arg(long, default_value_t = 1)]
    pub ids: u64,
    /// How many connections share the load.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// How long it takes.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// A constant rate; without one, a request follows an answer.
    #[arg(long)]
    pub rate: Option<f64>,
}
