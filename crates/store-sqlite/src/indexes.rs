//! What the one who writes customers keeps in memory: which names are taken, and which writes were made under a key.
//!
//! When a server starts, both indexes are made from what the database holds in order: `customer_of_account`, an index
//! that is written in the order of ids, and the rows of `idempotent_write`.

use crate::{
    error::OpenError,
    hash_index::{HashIndex, KeyedHash},
    idempotency, loading,
};
use carnelian_domain::{AccountId, UserId};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use siphasher::sip::SipHasher13;
use std::{hash::Hasher, path::Path};

/// The indexes, shared by the writer and by reads. Each lock is held for a single look-up or change.
pub(crate) struct Indexes {
    /// Hashes what is looked up in them.
    pub(crate) hash_key: HashKey,
    names: Mutex<HashIndex>,
    idempotent_writes: Mutex<HashIndex>,
}

impl Indexes {
    /// Makes the indexes from the database.
    pub(crate) fn load(path: &Path, connection: &Connection) -> Result<Indexes, OpenError> {
        let hash_key = HashKey::read(connection)?;
        let names = Mutex::new(loading::load_names(path, connection)?);
        let idempotent_writes = Mutex::new(idempotency::load(connection, &hash_key)?);
        Ok(Indexes { hash_key, names, idempotent_writes })
    }

    /// The customers by the hashes of their names.
    pub(crate) fn names(&self) -> MutexGuard<'_, HashIndex> {
        self.names.lock()
    }

    /// The writes that are remembered, by the hashes of their keys.
    pub(crate) fn idempotent_writes(&self) -> MutexGuard<'_, HashIndex> {
        self.idempotent_writes.lock()
    }

    /// What was changed is committed.
    pub(crate) fn keep_changes(&self) {
        self.names().keep_changes();
        self.idempotent_writes().keep_changes();
    }

    /// What was changed was not committed.
    pub(crate) fn undo_changes(&self) {
        self.names().undo_changes();
        self.idempotent_writes().undo_changes();
    }
}

/// The key of the hashes, so that nobody can choose values that all hash alike.
pub(crate) struct HashKey([u8; 16]);

impl HashKey {
    fn read(connection: &Connection) -> Result<HashKey, rusqlite::Error> {
        let select = "SELECT name_hash_key FROM registry";
        Ok(HashKey(connection.query_row(select, [], |row| row.get(0))?))
    }

    /// The hash of a unique name within an account.
    pub(crate) fn of_name(&self, account: AccountId, unique_name: &str) -> KeyedHash {
        self.hash(account.0, unique_name)
    }

    /// The hash of a user's idempotency key.
    pub(crate) fn of_key(&self, user: UserId, key: &str) -> KeyedHash {
        self.hash(user.0, key)
    }

    fn hash(&self, owner: u64, text: &str) -> KeyedHash {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u64(owner);
        hasher.write(text.as_bytes());
        KeyedHash(hasher.finish() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_others_hashes_otherwise() {
        let key = HashKey([7; 16]);
        assert_eq!(key.of_name(AccountId(1), "Acme"), key.of_name(AccountId(1), "Acme"));
        assert_ne!(key.of_name(AccountId(1), "Acme"), key.of_name(AccountId(2), "Acme"));
        assert_ne!(key.of_key(UserId(1), "k"), key.of_key(UserId(2), "k"));
        assert_ne!(key.of_key(UserId(1), "k"), HashKey([8; 16]).of_key(UserId(1), "k"));
    }
}
