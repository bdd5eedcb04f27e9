//! A row of a file, and the errors in it.

use carnelian_domain::{CustomerDraft, Problem, RawCustomer, RawText, Rules, Violation};
use std::fmt;

/// The column or key for the reason in a file of rejected rows.
pub(super) const REASON: &str = "rejectReason";

/// The length limit of a row in bytes, exclusive.
pub(super) const MAX_ROW: u64 = 1 << 20;

/// A row of a file.
pub struct Row {
    /// Its number. In CSV the header is row 1 and empty lines count; in JSON Lines it is the line number.
    pub number: u64,
    /// Its unparsed content.
    pub raw: Raw,
    /// The customer, or the broken rules.
    pub checked: Result<CustomerDraft, Vec<RowError>>,
}

/// The unparsed content of a row.
pub enum Raw {
    /// The cells of a CSV file.
    Record(::csv::ByteRecord),
    /// A line of JSON.
    Line(Vec<u8>),
}

/// An error in a row.
#[derive(Debug)]
pub struct RowError {
    /// The path of the field, as in the API; empty if the error concerns the whole row.
    pub field: String,
    /// The error code of the API, if it has one.
    pub code: Option<&'static str>,
    /// The error message.
    pub message: String,
}

impl From<Problem> for RowError {
    fn from(problem: Problem) -> RowError {
        // The store rejects a row because of one field.
        let field = match problem {
            Problem::AccountNotFound | Problem::ErasureInProgress => "accountName",
            Problem::DuplicateCustomerName => "name",
            _ => "",
        };
        Violation::new(field, problem).into()
    }
}

impl From<Violation> for RowError {
    fn from(violation: Violation) -> RowError {
        let Violation { field, problem, limit } = violation;
        let mut message = problem.message().to_owned();
        // Some messages of the API name a limit that differs from the one in force.
        let names = |limit: &usize| message.split(|c: char| !c.is_ascii_digit()).any(|part| part == limit.to_string());
        if let Some(limit) = limit.filter(|limit| !names(limit)) {
            message += &format!(" (the limit is {limit})");
        }
        RowError { field, code: problem.code(), message }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowError { field, code, message } = self;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        match code {
            Some(code) => write!(f, "{code} {message}"),
            None => f.write_str(message),
        }
    }
}

/// All errors of a row, in one line.
pub(super) fn joined(errors: &[RowError]) -> String {
    errors.iter().map(RowError::to_string).collect::<Vec<_>>().join("; ")
}

/// Checks a row. `account` is the default for rows without an account name.
pub(super) fn check<'a>(
    rules: &Rules,
    mut raw: RawCustomer<'a>,
    account: Option<&'a str>,
) -> Result<CustomerDraft, Vec<RowError>> {
    if matches!(raw.account_name, RawText::Absent | RawText::Text("")) {
        raw.account_name = account.map_or(raw.account_name, RawText::Text);
    }
    rules.check(&raw).map_err(|violations| violations.into_iter().map(RowError::from).collect())
}
