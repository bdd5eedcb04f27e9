//! The indexes in memory of the process that writes customers: which names are taken, and which idempotency keys were used.
//!
//! A server loads both when it starts, from what the database holds in order: `customer_of_account`, an index that is
//! written in the order of ids, and the rows of `idempotent_write`.

use crate::{
    error::OpenError,
    memory::{
        change_zones::ChangeZones,
        hash_index::{HashIndex, HashKey},
        idempotency_index::IdempotencyIndex,
        indexed_words::IndexedWords,
        loading,
    },
};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use std::path::Path;

/// The most idempotent writes that are remembered for a user. Each takes about 30 bytes of memory for a day.
const KEYS_PER_USER: usize = 5_000_000;

/// The indexes, shared by the writer and by readers. Each lock is held for a single look-up or change.
pub(crate) struct Indexes {
    /// The key of the hashes in both indexes.
    pub(crate) hash_key: HashKey,
    names: Mutex<HashIndex>,
    idempotent_writes: Mutex<IdempotencyIndex>,
    change_zones: Mutex<ChangeZones>,
    /// How far the index of words on disk comes.
    pub(crate) words: IndexedWords,
}

impl Indexes {
    /// Loads the indexes from the database, to which no other process writes customers meanwhile.
    pub(crate) fn load(path: &Path, connection: &Connection) -> Result<Indexes, OpenError> {
        Indexes::load_limited(path, connection, KEYS_PER_USER)
    }

    /// The same; at most `keys_per_user` idempotent writes are remembered for a user.
    pub(crate) fn load_limited(
        path: &Path,
        connection: &Connection,
        keys_per_user: usize,
    ) -> Result<Indexes, OpenError> {
        let hash_key = HashKey::read(connection)?;
        let (names, zones) = loading::load_names(path, connection)?;
        let (names, change_zones) = (Mutex::new(names), Mutex::new(zones));
        let idempotent_writes = Mutex::new(loading::load_idempotent_writes(connection, &hash_key, keys_per_user)?);
        let words = IndexedWords::load(connection)?;
        Ok(Indexes { hash_key, names, idempotent_writes, change_zones, words })
    }

    /// The ids of customers by the hashes of their names.
    pub(crate) fn names(&self) -> MutexGuard<'_, HashIndex> {
        self.names.lock()
    }

    /// The row numbers of idempotent writes by the hashes of their keys.
    pub(crate) fn idempotent_writes(&self) -> MutexGuard<'_, IdempotencyIndex> {
        self.idempotent_writes.lock()
    }

    /// When customers were last written.
    pub(crate) fn change_zones(&self) -> MutexGuard<'_, ChangeZones> {
        self.change_zones.lock()
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
