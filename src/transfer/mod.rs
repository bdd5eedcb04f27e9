//! Customers in files.
//!
//! * [`csv`], [`jsonl`]: the formats
//! * [`records`]: what bounds a row of CSV
//! * [`source`]: where rows come from, read and checked ahead of the import
//! * [`import`]: the way of the rows into the registry
//! * [`report`], [`rejects`], [`progress`]: what is told of it
//! * [`export`]: the way out

pub mod csv;
pub(crate) mod export;
pub(crate) mod import;
pub mod jsonl;
pub(crate) mod progress;
mod records;
pub(crate) mod rejects;
pub(crate) mod report;
pub(crate) mod source;

use crate::{CliError, cli::Format};
use carnelian_app::Failure;
use carnelian_domain::{CustomerDraft, Problem, RawCustomer, RawText, Rules, Violation};
use std::{fmt, path::Path};

/// The column, or the key, that a file of rejected rows says why in.
pub(crate) const REASON: &str = "rejectReason";

/// How many bytes a row must be shorter than.
const LONGEST: u64 = 1 << 20;

/// A row of a file.
pub struct Row {
    /// Its number: the header of a CSV file is row 1, empty lines count, and in JSON Lines it is the line.
    pub number: u64,
    /// As it stands in the file.
    pub raw: Raw,
    /// What it says, if it keeps to the rules.
    pub checked: Result<CustomerDraft, Vec<Fault>>,
}

/// A row as it stands in the file.
pub enum Raw {
    /// The cells of a CSV file.
    Record(::csv::ByteRecord),
    /// A line of JSON.
    Line(Vec<u8>),
}

/// What is wrong with a row.
#[derive(Debug)]
pub struct Fault {
    /// The field, by the path that the API names it by; empty for the whole row.
    pub field: String,
    /// The code that the API answers, where it has one.
    pub code: Option<&'static str>,
    /// What is wrong.
    pub message: String,
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Fault {
        // What the registry says of a row is about one field.
        let field = match problem {
            Problem::AccountNotFound | Problem::ErasureInProgress => "accountName",
            Problem::DuplicateCustomerName => "name",
            _ => "",
        };
        Violation::new(field, problem).into()
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Fault {
        let Violation { field, problem, limit } = violation;
        let mut message = problem.message().to_owned();
        // Some messages name another limit than the one in force.
        let names = |limit: &usize| message.split(|c: char| !c.is_ascii_digit()).any(|part| part == limit.to_string());
        if let Some(limit) = limit.filter(|limit| !names(limit)) {
            message += &format!(" (the limit is {limit})");
        }
        Fault { field, code: problem.code(), message }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { field, code, message } = self;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        match code {
            Some(code) => write!(f, "{code} {message}"),
            None => f.write_str(message),
        }
    }
}

/// All that is wrong with a row, in one line.
pub(crate) fn all_of(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// Holds a row against the rules; `account` stands in where it names none.
fn check<'a>(rules: &Rules, mut raw: RawCustomer<'a>, account: Option<&'a str>) -> Result<CustomerDraft, Vec<Fault>> {
    if matches!(raw.account_name, RawText::Absent | RawText::Text("")) {
        raw.account_name = account.map_or(raw.account_name, RawText::Text);
    }
    rules.check(&raw).map_err(|violations| violations.into_iter().map(Fault::from).collect())
}

/// The format that a file's name tells.
fn format_of_name(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
        _ => None,
    }
}

/// Whether a path stands for stdin or stdout.
fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What went wrong with a file.
fn of_file(path: &Path) -> impl Fn(std::io::Error) -> CliError {
    move |error| CliError::failed(format!("{}: {error}", path.display()))
}

/// What stopped an import or an export.
fn of_failure(failure: Failure) -> CliError {
    match failure {
        Failure::Unavailable(detail) | Failure::Internal(detail) => CliError::failed(detail.for_log()),
        other => CliError::failed(all_of(&[other.problem().into()])),
    }
}
