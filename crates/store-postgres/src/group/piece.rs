//! The writes that groups consist of.

use carnelian_domain::{CustomerId, Origin};
use carnelian_store::{Conflict, EditCustomer, EraseCustomer, IdempotencyKey, ImportStep, NewCustomer, Replace};

/// A customer write.
pub(crate) enum Write {
    /// Creates a customer; `replace` replaces the one that has the name instead.
    Create {
        /// The customer.
        new: NewCustomer,
        /// What replaces the customer that has the name.
        replace: Option<Replace>,
    },
    /// Replaces a customer.
    Edit(EditCustomer),
    /// Erases a customer.
    Erase(EraseCustomer),
}

/// A write of a group.
pub(crate) struct Piece {
    /// The write.
    pub(crate) write: Write,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Makes it take effect once.
    pub(crate) key: Option<IdempotencyKey>,
}

impl Piece {
    /// The customer that it writes.
    pub(crate) fn customer(&self) -> CustomerId {
        match &self.write {
            Write::Create { new, .. } => new.id,
            Write::Edit(edit) => edit.customer.id,
            Write::Erase(erase) => erase.id,
        }
    }
}

/// What is stored of an import together with its customers.
pub(crate) struct ImportPart {
    /// The progress that it makes; `None` for an import that cannot be resumed.
    pub(crate) step: Option<ImportStep>,
    /// The number of each row that is a write of the group.
    pub(crate) numbers: Vec<u64>,
    /// The rows that the caller refuses.
    pub(crate) refused: Vec<(u64, Conflict)>,
}
