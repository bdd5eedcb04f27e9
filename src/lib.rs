//! Carnelian: a self-hosted customer registry that speaks the `rws` REST API.
//!
//! * [`cli`]: what can be typed
//! * [`config`]: every setting, in one table
//! * [`wiring`]: where clock, randomness, store and application meet
//! * [`master_key`]: the file that holds the master key
//! * [`logging`]: where log events go
//! * [`transfer`]: the formats of import and export, and the way through them
//! * [`seconds`]: spans of time as people write them
//! * [`whole_file`]: files that are there whole or not at all
//! * [`sandbox`]: registries that are made from a seed, as often as asked for
//! * [`watching`]: what a server does besides serving: noticing what other processes change, and erasing
//! * [`open_files`]: how many connections the system leaves room for
//! * [`commands`]: one file per command
//!
//! It is a library only so that what reads text can be fuzzed; the program is `main.rs`.

pub mod cli;
mod commands;
pub mod config;
mod logging;
pub mod master_key;
mod open_files;
mod sandbox;
mod seconds;
pub mod transfer;
mod watching;
mod whole_file;
mod wiring;

pub use commands::settings;

use clap::Parser;
use std::process::ExitCode;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Refusal {
    /// The command was understood and cannot be carried out: exit code 1.
    Refused(String),
    /// The command or a setting is wrong: exit code 2.
    Usage(String),
}

impl Refusal {
    /// A command that cannot be carried out.
    pub(crate) fn refused(why: impl ToString) -> Refusal {
        Refusal::Refused(why.to_string())
    }

    /// Why.
    pub(crate) fn why(&self) -> &str {
        match self {
            Refusal::Refused(why) | Refusal::Usage(why) => why,
        }
    }

    /// A command or a setting that is wrong.
    pub(crate) fn usage(why: impl ToString) -> Refusal {
        Refusal::Usage(why.to_string())
    }
}

/// Runs the command that was typed.
#[expect(clippy::print_stderr, reason = "words go to stderr, and a refusal may come before there is a log")]
pub fn run() -> ExitCode {
    let (why, code) = match commands::run(cli::Cli::parse()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Refusal::Refused(why)) => (why, 1),
        Err(Refusal::Usage(why)) => (why, 2),
    };
    eprintln!("error: {why}");
    ExitCode::from(code)
}
