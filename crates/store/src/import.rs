//! Imports: many customers in one transaction, and how far they have come.
//!
//! What is stored of an import's progress changes in the transaction that stores the customers. So an import that was cut
//! short, however it was, goes on behind the last row that was stored.

use crate::{Conflict, NewCustomer, StoreError, StoredCustomer};
use carnelian_domain::{CustomerId, Origin};
use std::sync::Arc;

/// What a customer that has the name already is replaced by.
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
        /// What becomes of the customer of the account that has the name already; without it, the row is refused.
        replace: Option<Replace>,
    },
    /// A row that is refused before it comes to the store, but not by anything that the row itself shows.
    Refused(Conflict),
}

/// Which import a batch belongs to.
#[derive(Clone, Debug)]
pub struct ImportStep {
    /// What tells the import from any other one.
    pub import: Vec<u8>,
    /// How many rows were done before the batch, by what the caller knows.
    pub from: u64,
    /// How many rows are done with it.
    pub to: u64,
}

/// Rows that are stored together.
pub struct ImportBatch {
    /// The rows with their numbers, in the order in which they are stored.
    pub rows: Vec<(u64, ImportRow)>,
    /// How far the import comes with them; `None` for one that cannot go on later.
    pub step: Option<ImportStep>,
}

/// What became of a row that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// A customer was created.
    Created(CustomerId),
    /// The customer that had the name was replaced.
    Replaced(CustomerId),
}

/// What became of a row.
pub type RowOutcome = Result<Imported, Conflict>;

/// How far an import has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// How many rows are done.
    pub rows: u64,
    /// The rows that were refused, in their order.
    pub refused: Vec<(u64, Conflict)>,
}

impl ImportProgress {
    /// For how long it is kept at least if nobody goes on with the import.
    pub const KEPT_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;
}

/// Imports of customers.
#[async_trait::async_trait]
pub trait Imports: Send + Sync {
    /// Creates or replaces the customers of a batch, and notes how far the import has come with it.
    ///
    /// A row that is refused changes nothing, and the others are stored all the same. If the import is not where the
    /// caller takes it to be, the whole batch is refused.
    async fn import_customers(&self, batch: ImportBatch, origin: &Origin) -> Result<Vec<RowOutcome>, StoreError>;

    /// How far an import has come; `None` for one that is unknown or finished, or that nobody has gone on with for long.
    async fn import_progress(&self, import: &[u8]) -> Result<Option<ImportProgress>, StoreError>;

    /// Forgets how far an import has come.
    async fn finish_import(&self, import: &[u8]) -> Result<(), StoreError>;
}
