//! Imports: many customers in one transaction, and the progress of each import.
//!
//! The progress is stored in the transaction that stores the customers, so an interrupted import resumes after the last row that
//! was stored.

use crate::{Conflict, NewCustomer, StoreError, StoredCustomer};
use carnelian_domain::{CustomerId, Origin};
use std::sync::Arc;

/// The new values of a customer that already has the name.
pub struct Replacement {
    /// Everything personal but the name, sealed for that customer.
    pub sealed: Vec<u8>,
    /// The names of the fields that are other than before, for the audit log.
    pub changed_fields: Vec<&'static str>,
}

/// Makes the replacement of a customer that has just been found. It may be called more than once: an engine may run a
/// transaction again.
pub type Replace = Arc<dyn Fn(CustomerId, &StoredCustomer) -> Replacement + Send + Sync>;

/// A row of an import.
pub enum ImportRow {
    /// A customer to be created.
    Customer {
        /// The customer.
        new: NewCustomer,
        /// Replaces the customer of the account that already has the name; without it, the row is refused.
        replace: Option<Replace>,
    },
    /// A row that the caller refuses, for a reason that is not in the row itself.
    Refused(Conflict),
}

/// The import that a batch belongs to, and its position.
#[derive(Clone, Debug)]
pub struct ImportStep {
    /// The identity of the import.
    pub import: Vec<u8>,
    /// Number of rows done before the batch, as the caller believes.
    pub from: u64,
    /// Number of rows done after the batch.
    pub to: u64,
}

/// Rows that are stored together.
pub struct ImportBatch {
    /// The rows with their numbers, in the order in which they are stored.
    pub rows: Vec<(u64, ImportRow)>,
    /// The progress that they make; `None` for an import that cannot be resumed.
    pub step: Option<ImportStep>,
}

/// The result of a row that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// A customer was created.
    Created(CustomerId),
    /// The customer that had the name was replaced.
    Replaced(CustomerId),
}

/// The outcome of a row.
pub type RowOutcome = Result<Imported, Conflict>;

/// The progress of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Number of rows done.
    pub rows: u64,
    /// The rows that were refused, in their order.
    pub refused: Vec<(u64, Conflict)>,
}

impl ImportProgress {
    /// How long the progress of an import that is not resumed is kept at least, in milliseconds.
    pub const KEPT_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;
}

/// Imports of customers.
#[async_trait::async_trait]
pub trait Imports: Send + Sync {
    /// Creates or replaces the customers of a batch, and stores the progress of its import.
    ///
    /// A refused row changes nothing, and the others are stored. The whole batch fails with `ImportMovedOn` if the import is at
    /// another row than the caller believes, and with `Busy`, `Unavailable`, `Unknown` or `Corrupt`.
    async fn import_customers(&self, batch: ImportBatch, origin: &Origin) -> Result<Vec<RowOutcome>, StoreError>;

    /// The progress of an import; `None` if it is unknown, finished or expired. Fails with `Busy`, `Unavailable` or `Corrupt`.
    async fn import_progress(&self, import: &[u8]) -> Result<Option<ImportProgress>, StoreError>;

    /// Deletes the progress of an import. Fails with `Busy`, `Unavailable` or `Unknown`.
    async fn finish_import(&self, import: &[u8]) -> Result<(), StoreError>;
}
