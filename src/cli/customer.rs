//! The arguments of `carnelian customer`.

use super::{named_file, parse_account_name};
use carnelian_app::transfer::{self, FileFormat};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Customer {
    /// Import customers from a CSV or JSON Lines file, validated like API requests
    ///
    /// While a server is running, the server runs the import as a job. If an import is interrupted, run the same command again
    /// to resume it.
    Import(Import),
    /// Export customers, ordered by id
    Export(Export),
}

/// The arguments of an import.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The file to import, or - for stdin; an import from stdin cannot be resumed
    pub(crate) file: PathBuf,
    /// The file format [default: from the file name, else from the first character]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The account of rows without an account name
    #[arg(long, value_name = "NAME", value_parser = parse_account_name)]
    pub(crate) account: Option<String>,
    /// Create missing accounts
    #[arg(long)]
    pub(crate) create_accounts: bool,
    /// How to handle a row whose customer name exists in its account
    #[arg(long, value_name = "ACTION", default_value = "fail")]
    pub(crate) on_duplicate: OnDuplicate,
    /// Write rejected rows to this file, in the format of the input and with the reason
    #[arg(long, value_name = "FILE", value_parser = named_file("rejected rows are completed at the end"))]
    pub(crate) rejects: Option<PathBuf>,
    /// Check all rows without importing them
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The arguments of an export.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Export only customers of this account
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// The file format [default: from the file name, else csv]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The file to write, or - for stdout [default: -]
    #[arg(long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) output: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub(crate) replace: bool,
}

/// A file format for customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A header line, and one row per customer
    Csv,
    /// JSON Lines: one JSON object per line
    Jsonl,
}

/// How an import handles a row whose customer name exists in its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnDuplicate {
    /// Skip the row
    Skip,
    /// Replace the existing customer
    Update,
    /// Reject the row
    Fail,
}

impl From<Format> for FileFormat {
    fn from(format: Format) -> FileFormat {
        match format {
            Format::Csv => FileFormat::Csv,
            Format::Jsonl => FileFormat::Jsonl,
        }
    }
}

impl From<OnDuplicate> for transfer::OnDuplicate {
    fn from(case: OnDuplicate) -> transfer::OnDuplicate {
        match case {
            OnDuplicate::Skip => transfer::OnDuplicate::Skip,
            OnDuplicate::Update => transfer::OnDuplicate::Update,
            OnDuplicate::Fail => transfer::OnDuplicate::Fail,
        }
    }
}
