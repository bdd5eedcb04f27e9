//! What an import or an export shows while it runs.

use crate::error::TransferError;
use std::fmt::Display;

/// The rows of an import or an export so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferCounts {
    /// All of them.
    pub rows: u64,
    /// Those that were stored before an interruption.
    pub stored_before: u64,
    /// Those that have created a customer.
    pub created: u64,
    /// Those that have replaced a customer.
    pub updated: u64,
    /// Those that were passed over, since their name exists.
    pub skipped: u64,
    /// Those that were rejected.
    pub rejected: u64,
}

/// Watches an import or an export.
pub trait Observer: Send {
    /// It begins to read a file of so many bytes, if their number is known.
    fn begin(&mut self, bytes: Option<u64>);

    /// It has come so far: these rows, and so many bytes of the file. Fails if it is to stop.
    fn progress(&mut self, counts: &TransferCounts, bytes: u64) -> Result<(), TransferError>;

    /// A message about it or about a row.
    fn message(&mut self, text: &dyn Display);
}
