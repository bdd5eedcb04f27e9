//! How groups and their writes end.

use crate::error::DatabaseError;
use carnelian_store::{StoreError, Written};

/// The outcome of a write.
pub(crate) type Outcome = Result<Written, StoreError>;

/// Why a group was not written.
pub(crate) struct GroupError {
    /// The error of each of its writes.
    pub(crate) error: StoreError,
    /// Whether the values of one of its writes may be the reason.
    pub(crate) is_of_values: bool,
}

/// Why a transaction ended without its commit.
pub(super) enum Ended {
    /// Something was not as expected, or another transaction came in between.
    Again,
    /// A statement failed.
    Database(DatabaseError),
    /// The group is refused as a whole, or its commit failed.
    Store(StoreError),
}

impl From<DatabaseError> for Ended {
    fn from(error: DatabaseError) -> Ended {
        if error.is_of_concurrency() || error.is_of_connection() { Ended::Again } else { Ended::Database(error) }
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Ended {
        Ended::Store(error)
    }
}
