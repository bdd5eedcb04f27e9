//! The storage port: what every database adapter must do, in the words of the domain.
//!
//! * [`customers`]: create, read, list, edit and erase customers
//! * [`ids`]: blocks of customer ids
//! * [`import`]: many customers at once, and how far an import has come
//! * [`directory`]: accounts, groups, users and keys
//! * [`erasure`]: erasing whole accounts
//! * [`audit`]: who changed what
//! * [`partition`]: the unit of order
//! * [`settings`]: which settings have changed
//! * [`backup`]: everything at one moment, out and in
//! * [`error`]: what can go wrong, by what a caller can do about it
//! * [`judge`]: the conflicts of customer writes, in the order in which every adapter reports them
//! * `contract` (feature `contract`): the suite that every adapter must pass
//!
//! One method is one transaction, unless it says else. What is not there is `None`. A write that returned `Ok` is on stable storage.

pub mod audit;
pub mod backup;
#[cfg(feature = "contract")]
pub mod contract;
pub mod customers;
pub mod directory;
pub mod erasure;
pub mod error;
pub mod ids;
pub mod import;
pub mod judge;
pub mod partition;
pub mod settings;

use carnelian_domain::Timestamp;
use std::time::Duration;

pub use audit::{Audit, AuditChain, AuditEnd, AuditEntry, AuditHead, Link, StoredEntry};
pub use backup::{
    BackupCustomer, BackupErasure, BackupKey, BackupUser, Backups, Ledger, Record, RecordSink, Restores, Restoring,
};
pub use customers::{
    CustomerFilter, Customers, EditCustomer, EraseCustomer, IdempotencyKey, ListCustomers, NewCustomer, StoredCustomer,
    Written,
};
pub use directory::{
    AccountRecord, Directory, DirectorySnapshot, GroupRecord, IdOrName, KeyKind, KeyRecord, NewKey, NewUser,
    UserChanges, UserRecord, WrapKey,
};
pub use erasure::{ErasureRecord, ErasureState, Erasures, Purged, WorkerId};
pub use error::{Cause, Conflict, StoreError};
pub use ids::IdBlock;
pub use import::{
    ImportBatch, ImportProgress, ImportRow, ImportStep, Imported, Imports, Replace, Replacement, RowOutcome,
};
pub use partition::{PartitionId, Partitions};
pub use settings::{SettingRecord, Settings};

/// A whole storage adapter.
pub trait Store:
    Audit + Backups + Customers + Directory + Erasures + Imports + Partitions + Restores + Settings
{
}

impl<T: Audit + Backups + Customers + Directory + Erasures + Imports + Partitions + Restores + Settings> Store for T {}

/// Tells the time; the one that reads the system's clock is made where the program is wired together.
pub trait Clock: Send + Sync {
    /// The moment it is now.
    fn now(&self) -> Timestamp;

    /// The time since some moment, for measuring durations: it never goes back.
    fn monotonic(&self) -> Duration;
}
