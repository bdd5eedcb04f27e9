//! Measures the real binary against a server that stores nothing; see `README.md`.

mod args;
mod control;
mod disk;
mod format;
mod known;
mod load;
mod machine;
mod measure;
mod operations;
mod plot;
mod postgres;
mod process;
mod record;
mod registry;
mod report;
mod soak;
mod suite;
mod summary;

use std::{io, process::ExitCode};

use args::{Arguments, Command};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => suite::run(arguments.suite),
        Some(Command::Control { listen }) => control::run(listen),
        Some(Command::Soak(soak)) => soak::run(&soak),
        Some(Command::Operations(operations)) => operations::run(&operations),
        Some(Command::Postgres(arguments)) => postgres::run(arguments),
        Some(Command::Reader { database, listen }) => postgres::reader::run(&database, listen),
        Some(Command::Load(load)) => measure::alone(load).map(|record| println!("{record}")),
        Some(Command::Report { runs, out }) => {
            record::read(&runs).and_then(|records| report::write_again(&records, &out))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &io::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
