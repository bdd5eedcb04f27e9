//! `carnelian customer`, as it can be typed.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Customer {
    /// Import customers from a file, by the rules of the API; needs the registry to itself
    ///
    /// Run again after an interruption, the same command goes on behind the last row that was stored.
    Import(Import),
    /// Write every customer out, in the order in which they were created
    Export(Export),
}

/// What is imported, and how.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// CSV or JSON Lines; - for stdin, which cannot be gone on with after an interruption
    pub(crate) file: PathBuf,
    /// The format; without it the file's name decides, and then its first character
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The account of rows that name none
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Create accounts that do not exist
    #[arg(long)]
    pub(crate) create_accounts: bool,
    /// What becomes of a row whose name is taken in its account
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub(crate) on_duplicate: OnDuplicate,
    /// Write the rejected rows here, in the same format and with the reason, to be mended and imported
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Check every row and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What is exported, and where to.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The customers of this account alone
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// The format; without it the output's name decides, and then it is CSV
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The file to write; without it, or with -, stdout
    #[arg(long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) output: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    pub(crate) replace: bool,
}

/// How customers look in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A header and a row for each customer
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// What becomes of a row whose name is taken in its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnDuplicate {
    /// It is passed over
    Skip,
    /// It replaces the customer
    Update,
    /// It is rejected
    Fail,
}
