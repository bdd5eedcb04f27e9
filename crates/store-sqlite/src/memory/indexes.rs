//! The indexes in memory of the process that writes customers: which names are taken, and which idempotency keys were used.
//!
//! A server loads both when it starts, from what the database holds in order: `customer_of_account`, an index that is
//! written in the order of ids, and the rows of `idempotent_write`.

use crate::{
    error::OpenError,
    memory::{
        hash_index::{HashIndex, HashKey},
        loading,
    },
};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use std::path::Path;

/// The indexes, shared by the writer and by readers. Each lock is held for a single look-up or change.
pub(crate) struct Indexes {
    /// The key of the hashes in both indexes.
    pub(crate) hash_key: HashKey,
    names: Mutex<HashIndex>,
    idempotent_writes: Mutex<HashIndex>,
}

impl Indexes {
    /// Loads the indexes from the database, to which no other process writes customers meanwhile.
    pub(crate) fn load(path: &Path, connection: &Connection) -> Result<Indexes, OpenError> {
        let hash_key = HashKey::read(connection)?;
        let names = Mutex::new(loading::load_names(path, connection)?);
        let idempotent_writes = Mutex::new(loading::load_idempotent_writes(connection, &hash_key)?);
        Ok(Indexes { hash_key, names, idempotent_writes })
    }

    /// The ids of customers by the hashes of their names.
    pub(crate) fn names(&self) -> MutexGuard<'_, HashIndex> {
        self.names.lock()
    }

    /// The row numbers of idempotent writes by the hashes of their keys.
    pub(crate) fn idempotent_writes(&self) -> MutexGuard<'_, HashIndex> {
        self.idempotent_writes.lock()
    }

    /// Applies the changes after a commit.
    pub(crate) fn commit(&self) {
        self.names().commit();
        self.idempotent_writes().commit();
    }

    /// Reverts the changes after a rollback.
    pub(crate) fn roll_back(&self) {
        self.names().roll_back();
        self.idempotent_writes().roll_back();
    }
}
