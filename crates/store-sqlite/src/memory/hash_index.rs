//! An index in memory: which rows of a table may have a value, by a keyed hash of the value.
//!
//! An index on disk of values in random order is written page after page, which in a large registry is most of the cost
//! of a create. This index holds a hash for every row instead. The result is exact all the same: a caller that finds a
//! hash here reads the row and compares the value.
//!
//! Changes are kept apart until the transaction ends: an added row is found at once, a removed row until the commit.

use carnelian_domain::{AccountId, UserId};
use hashbrown::HashTable;
use rusqlite::Connection;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The number of tables that share the rows: each grows on its own, so that no growth takes long.
const SHARDS: usize = 256;

/// The bytes of a row number that are kept: enough for three hundred million million rows.
const ROW_BYTES: usize = 6;

/// The bytes of a hash that are kept besides the one that selects the shard. Of ten million rows, two or three in a
/// thousand share them with another row, which is then read in vain.
const HASH_BYTES: usize = 3;

/// The keyed hash of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyedHash(pub(crate) i64);

impl KeyedHash {
    fn shard(self) -> usize {
        (self.0 as u64 >> 56) as usize % SHARDS
    }

    fn kept(self) -> [u8; HASH_BYTES] {
        let [a, b, c, ..] = self.0.to_le_bytes();
        [a, b, c]
    }
}

/// The key of the hashes, so that no client can choose values with equal hashes.
pub(crate) struct HashKey([u8; 16]);

impl HashKey {
    /// Reads the registry's key.
    pub(crate) fn read(connection: &Connection) -> Result<HashKey, rusqlite::Error> {
        let select = "SELECT name_hash_key FROM registry";
        Ok(HashKey(connection.query_row(select, [], |row| row.get(0))?))
    }

    /// The hash of a unique name in an account.
    pub(crate) fn hash_name(&self, account: AccountId, unique_name: &str) -> KeyedHash {
        self.hash(account.0, unique_name)
    }

    /// The hash of a user's idempotency key.
    pub(crate) fn hash_idempotency_key(&self, user: UserId, key: &str) -> KeyedHash {
        self.hash(user.0, key)
    }

    fn hash(&self, owner: u64, text: &str) -> KeyedHash {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u64(owner);
        hasher.write(text.as_bytes());
        KeyedHash(hasher.finish() as i64)
    }
}

/// One row: a part of its hash, and its number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: [u8; HASH_BYTES],
    row: [u8; ROW_BYTES],
}

impl Entry {
    fn new(hash: KeyedHash, row: u64) -> Entry {
        let mut bytes = [0; ROW_BYTES];
        bytes.copy_from_slice(&row.to_le_bytes()[..ROW_BYTES]);
        Entry { hash: hash.kept(), row: bytes }
    }

    fn row(self) -> u64 {
        let mut bytes = [0; 8];
        bytes[..ROW_BYTES].copy_from_slice(&self.row);
        u64::from_le_bytes(bytes)
    }

    /// The hash by which the table stores the entry: all of its bits must depend on the kept bytes.
    fn spread(&self) -> u64 {
        spread(self.hash)
    }
}

fn spread([a, b, c]: [u8; HASH_BYTES]) -> u64 {
    u64::from(u32::from_le_bytes([a, b, c, 0])).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// One change of the index, so that it can be undone.
enum Change {
    Added(KeyedHash, u64),
    Removed(KeyedHash, u64),
}

/// The index.
pub(crate) struct HashIndex {
    shards: Vec<HashTable<Entry>>,
    /// The changes since the last commit.
    changes: Vec<Change>,
}

impl HashIndex {
    /// An empty index with room for this many rows.
    pub(crate) fn with_capacity(rows: usize) -> HashIndex {
        HashIndex {
            shards: (0..SHARDS).map(|_| HashTable::with_capacity(rows / SHARDS)).collect(),
            changes: Vec::new(),
        }
    }

    /// The rows that may have a value: every row that has it, in the last commit or in the open transaction, and rarely
    /// others.
    pub(crate) fn candidates(&self, hash: KeyedHash) -> impl Iterator<Item = u64> {
        let kept = hash.kept();
        let found = self.shards[hash.shard()].iter_hash(spread(kept));
        found.filter(move |entry| entry.hash == kept).map(|entry| entry.row())
    }

    /// Adds a row within the open transaction.
    pub(crate) fn add(&mut self, hash: KeyedHash, row: u64) {
        self.insert_committed(hash, row);
        self.changes.push(Change::Added(hash, row));
    }

    /// Removes a row with the next commit: until then, readers still find it in the database.
    pub(crate) fn remove(&mut self, hash: KeyedHash, row: u64) {
        self.changes.push(Change::Removed(hash, row));
    }

    /// Applies the changes after a commit.
    pub(crate) fn commit(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            if let Change::Removed(hash, row) = change {
                self.take(hash, row);
            }
        }
    }

    /// Reverts the changes after a rollback.
    pub(crate) fn roll_back(&mut self) {
        while let Some(change) = self.changes.pop() {
            if let Change::Added(hash, row) = change {
                self.take(hash, row);
            }
        }
    }

    /// Adds a committed row.
    pub(crate) fn insert_committed(&mut self, hash: KeyedHash, row: u64) {
        let entry = Entry::new(hash, row);
        self.shards[hash.shard()].insert_unique(entry.spread(), entry, Entry::spread);
    }

    fn take(&mut self, hash: KeyedHash, row: u64) {
        let entry = Entry::new(hash, row);
        if let Ok(found) = self.shards[hash.shard()].find_entry(entry.spread(), |other| *other == entry) {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_of_different_owners_have_different_hashes() {
        let key = HashKey([7; 16]);
        assert_eq!(key.hash_name(AccountId(1), "Acme"), key.hash_name(AccountId(1), "Acme"));
        assert_ne!(key.hash_name(AccountId(1), "Acme"), key.hash_name(AccountId(2), "Acme"));
        assert_ne!(key.hash_idempotency_key(UserId(1), "k"), key.hash_idempotency_key(UserId(2), "k"));
        assert_ne!(key.hash_idempotency_key(UserId(1), "k"), HashKey([8; 16]).hash_idempotency_key(UserId(1), "k"));
    }

    fn candidates(index: &HashIndex, hash: KeyedHash) -> Vec<u64> {
        let mut found: Vec<u64> = index.candidates(hash).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_row_with_a_hash_is_a_candidate() {
        let (mut index, hash) = (HashIndex::with_capacity(0), KeyedHash(-7));
        index.add(hash, 1);
        index.add(hash, (1 << 48) - 1);
        index.add(KeyedHash(8), 2);
        assert_eq!(candidates(&index, hash), [1, (1 << 48) - 1]);
    }

    #[test]
    fn a_rollback_reverts_every_change() {
        let (mut index, kept, undone) = (HashIndex::with_capacity(0), KeyedHash(1), KeyedHash(2));
        index.add(kept, 1);
        index.commit();
        index.remove(kept, 1);
        index.add(undone, 1);
        index.add(kept, 2);
        index.roll_back();
        assert_eq!(candidates(&index, kept), [1]);
        assert!(candidates(&index, undone).is_empty());
    }

    #[test]
    fn a_removed_value_is_found_until_the_commit() {
        let (mut index, old, new) = (HashIndex::with_capacity(0), KeyedHash(1), KeyedHash(2));
        index.add(old, 1);
        index.commit();
        index.remove(old, 1);
        index.add(new, 1);
        assert_eq!((candidates(&index, old), candidates(&index, new)), (vec![1], vec![1]));
        index.commit();
        assert_eq!((candidates(&index, old), candidates(&index, new)), (vec![], vec![1]));
    }

    #[test]
    fn a_value_removed_and_added_again_in_one_transaction_is_there_once() {
        let (mut index, value, other) = (HashIndex::with_capacity(0), KeyedHash(1), KeyedHash(2));
        index.add(value, 1);
        index.commit();
        let there_and_back = |index: &mut HashIndex| {
            index.remove(value, 1);
            index.add(other, 1);
            index.remove(other, 1);
            index.add(value, 1);
        };
        there_and_back(&mut index);
        index.roll_back();
        assert_eq!((candidates(&index, value), candidates(&index, other)), (vec![1], vec![]));
        there_and_back(&mut index);
        index.commit();
        assert_eq!((candidates(&index, value), candidates(&index, other)), (vec![1], vec![]));
    }
}
