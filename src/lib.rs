//! Carnelian: a self-hosted customer registry that speaks the `rws` REST API.
//!
//! * [`cli`]: the command-line definitions
//! * [`administration`]: administration by this process, or by a server over HTTP
//! * [`config`]: all settings, in one table
//! * [`wiring`]: constructs the application with its clock, randomness and store
//! * [`backend`]: the storage engine
//! * [`master_key`]: the master key file
//! * [`logging`]: asynchronous log output
//! * [`seconds`]: durations such as `90d`
//! * [`file_errors`]: errors about the files that a command reads and writes
//! * [`registry_files`]: what the files of a registry are called, and who owns them
//! * [`sandbox`]: registries created from a seed file
//! * [`job_thread`]: the thread that runs a server's jobs
//! * [`watching`]: a server's background tasks: changes by other processes, and erasures
//! * [`machine`]: processors, the limit of open files, and free space
//! * [`doctor`]: checks of a registry and its surroundings
//! * [`listener`]: the address that a server listens on
//! * [`host`]: what a process reports about itself and its machine
//! * [`tls_files`]: the server's certificate, and the files that it comes from
//! * [`commands`]: one file per command
//!
//! This is a library so that its parsers can be fuzzed; the program is `main.rs`.

mod administration;
mod backend;
pub mod cli;
mod commands;
pub mod config;
mod doctor;
mod file_errors;
mod host;
mod job_thread;
mod listener;
mod logging;
mod machine;
pub mod master_key;
mod registry_files;
mod sandbox;
mod seconds;
mod signals;
mod tls_files;
mod watching;
mod wiring;

pub use commands::settings;

use clap::Parser;
use commands::output;
use std::process::ExitCode;

/// The error of a command, with the message for stderr.
#[derive(Debug)]
pub enum CliError {
    /// The command failed: exit code 1.
    Failed(String),
    /// A command-line argument or a setting is invalid: exit code 2.
    Usage(String),
    /// The reader of stdout has closed the pipe, because it needs no more: exit code 0, without a message.
    StdoutClosed,
}

impl CliError {
    /// An error of the command itself.
    pub(crate) fn failed(message: impl ToString) -> CliError {
        CliError::Failed(message.to_string())
    }

    /// An invalid argument or setting.
    pub(crate) fn usage(message: impl ToString) -> CliError {
        CliError::Usage(message.to_string())
    }

    /// The message.
    pub(crate) fn message(&self) -> &str {
        match self {
            CliError::Failed(message) | CliError::Usage(message) => message,
            CliError::StdoutClosed => "stdout was closed",
        }
    }
}

/// Parses the command line and runs the command.
pub fn run() -> ExitCode {
    let outcome = match cli::Cli::try_parse() {
        Ok(cli) => commands::run(cli),
        Err(error) if error.use_stderr() => {
            output::print_message(error.to_string().trim_end());
            return ExitCode::from(2);
        }
        // Help and version are results.
        Err(help) => help.print().map_err(output::stdout_error),
    };
    let (message, code) = match outcome {
        Ok(()) | Err(CliError::StdoutClosed) => return ExitCode::SUCCESS,
        Err(CliError::Failed(message)) => (message, 1),
        Err(CliError::Usage(message)) => (message, 2),
    };
    output::print_message(format_args!("error: {message}"));
    ExitCode::from(code)
}
