//! The storage port: what every database adapter must do, in the words of the domain.
//!
//! * [`customers`]: create, read, list, edit and erase customers
//! * [`ids`]: blocks of customer ids
//! * [`import`]: many customers at once, and how far an import has come
//! * [`directory`]: accounts, groups, users and keys
//! * [`directory_seal`]: the MAC that shows whether they were altered
//! * [`erasure`]: erasing whole accounts
//! * [`audit`]: the log of all changes
//! * [`audit_search`]: finding its entries
//! * [`registry_id`], [`keys`]: the id of a registry, and the keys that are derived with it
//! * [`partition`]: the unit of order
//! * [`settings`]: which settings have changed
//! * [`backup`]: everything at one moment, out and in
//! * [`engine`]: what the engine is, how it does, and whether it is damaged
//! * [`error`]: what can go wrong, by what a caller can do about it
//! * [`judge`]: the conflicts of customer writes, in the order in which every adapter reports them
//! * `contract` (feature `contract`): the suite that every adapter must pass
//!
//! # Writing an adapter
//!
//! An adapter is a crate that implements [`Store`] for one engine and passes the contract suite. It holds no policy.
//!
//! 1. **One method is one transaction**, unless its documentation says otherwise. A write stores its audit entries in its own
//!    transaction: [`audit`] links them, the adapter stores what comes out. `Ok` means that the write is on stable storage.
//! 2. **Look up, then ask.** For a customer write the adapter reads what the functions of [`judge`] take, inside the
//!    transaction, and fails with the conflict that they return. It never checks before the transaction begins.
//! 3. **Functions may run again.** [`WrapKey`] and [`Replace`] are called inside a transaction that the engine may repeat.
//! 4. **Errors say what happened**: [`StoreError::Busy`] and [`StoreError::Unavailable`] if nothing was done,
//!    [`StoreError::Unknown`] if a write may have happened (a commit or a sync failed, a connection broke after the commit was
//!    sent), [`StoreError::Corrupt`] if what is stored makes no sense. When in doubt, a write is `Unknown`. Absence is `None`.
//! 5. **Reads show only what is on stable storage**: nothing that is shown may be lost later.
//! 6. **The clock is passed in.** The time of a write is that of its transaction.
//! 7. **Order belongs to a partition** ([`partition`]): its audit log and its family of customer ids. An engine that does not
//!    spread its data has one.
//! 8. **Erasures are leased** ([`erasure`]): of many servers one carries an erasure out, and losing the lease is harmless.
//! 9. **Pace is the adapter's**: batch sizes, pauses, retries and pools do not appear in the port.
//! 10. **Keys belong to one registry** ([`keys`]): the adapter makes a random id with a registry and keeps it in its row.
//! 11. **The directory is sealed** ([`directory_seal`]): each change checks the stored seal first, and stores the new one.
//! 12. **A write has the rights that were confirmed**: a write of a customer or a change of the directory whose
//!     [`Origin`](carnelian_domain::Origin) has a version of the directory fails with
//!     [`DirectoryChanged`](Conflict::DirectoryChanged) if the directory had another version when its transaction began.
//!
//! Call `contract_tests!` and `backup_contract_tests!` (feature `contract`) in the adapter's tests; a case runs against an empty registry.

pub mod audit;
pub mod audit_search;
pub mod backup;
#[cfg(feature = "contract")]
pub mod contract;
pub mod customers;
pub mod directory;
pub mod directory_seal;
pub mod engine;
pub mod erasure;
pub mod error;
pub mod ids;
pub mod import;
pub mod judge;
pub mod keys;
pub mod partition;
pub mod registry_id;
pub mod settings;

use carnelian_domain::Timestamp;
use std::time::Duration;

pub use audit::{Audit, AuditChain, AuditEnd, AuditEntry, AuditHead, AuditLog, EndSeal, Link, StoredEntry};
pub use audit_search::{
    AuditFilter, AuditOrder, AuditPage, AuditQuery, AuditSearch, AuditSource, AuditSpan, IndexedBlock,
};
pub use backup::{
    BackupCustomer, BackupErasure, BackupKey, BackupUser, Backups, GivenIds, Ledger, Record, RecordSink, Restores,
    Restoring,
};
pub use customers::{
    CustomerFilter, Customers, EditCustomer, EraseCustomer, IdempotencyKey, ListCustomers, NewCustomer, StoredCustomer,
    Written,
};
pub use directory::{
    AccountRecord, Directory, DirectorySnapshot, GroupRecord, IdOrName, KeyKind, KeyRecord, NewKey, NewUser, Seal,
    UserChanges, UserRecord, WrapKey,
};
pub use directory_seal::{DirectoryError, DirectoryKey};
pub use engine::{Engine, EngineStatus};
pub use erasure::{ErasureRecord, ErasureState, Erasures, Purged, WorkerId};
pub use error::{Cause, Conflict, OnFailure, StoreError};
pub use ids::IdBlock;
pub use import::{
    ImportBatch, ImportProgress, ImportRow, ImportStep, Imported, Imports, Replace, Replacement, RowOutcome,
};
pub use keys::RegistryKeys;
pub use partition::{PartitionId, Partitions};
pub use registry_id::RegistryId;
pub use settings::{ServedSettings, SettingRecord};

/// A whole storage adapter.
pub trait Store:
    Audit
    + AuditSearch
    + Backups
    + Customers
    + Directory
    + Engine
    + Erasures
    + Imports
    + Partitions
    + Restores
    + ServedSettings
{
}

impl<T> Store for T where
    T: Audit
        + AuditSearch
        + Backups
        + Customers
        + Directory
        + Engine
        + Erasures
        + Imports
        + Partitions
        + Restores
        + ServedSettings
{
}

/// A clock. The one that reads the system's time is made where the program is wired together.
pub trait Clock: Send + Sync {
    /// The moment it is now.
    fn now(&self) -> Timestamp;

    /// The time since some moment, for measuring durations: it never goes back.
    fn monotonic(&self) -> Duration;
}
