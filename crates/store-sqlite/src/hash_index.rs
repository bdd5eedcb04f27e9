//! An index in memory: which rows of a table may have a value, by a keyed hash of it.
//!
//! An index on disk over values in random order is written page after page, and in a large registry that is most of the
//! cost of a create. This one holds a hash for every row instead. It is exact all the same: whoever finds a hash in it
//! looks the row up and compares.

use hashbrown::HashTable;

/// How many tables share the rows: each grows on its own, so that none takes long to.
const SHARDS: usize = 256;

/// The bytes of a row's number that are kept; enough for three hundred million million rows.
const ROW_BYTES: usize = 6;

/// The bytes of a hash that are kept besides the shard that it leads to: of ten million rows two or three in a thousand
/// share them with another one, which is then looked up for nothing.
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

/// One row: a part of the hash, and its number.
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

    /// What the table sorts the entry by: all bits of it must depend on the hash.
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
    /// What was changed since the last commit.
    changes: Vec<Change>,
}

impl HashIndex {
    /// An empty one with room for so many rows.
    pub(crate) fn with_capacity(rows: usize) -> HashIndex {
        HashIndex {
            shards: (0..SHARDS).map(|_| HashTable::with_capacity(rows / SHARDS)).collect(),
            changes: Vec::new(),
        }
    }

    /// The rows that may have a value: every one that has it, in the last commit or in what is being written, and seldom
    /// another.
    pub(crate) fn candidates(&self, hash: KeyedHash) -> impl Iterator<Item = u64> {
        let kept = hash.kept();
        let found = self.shards[hash.shard()].iter_hash(spread(kept));
        found.filter(move |entry| entry.hash == kept).map(|entry| entry.row())
    }

    /// Notes a row, until the next commit or undoing.
    pub(crate) fn add(&mut self, hash: KeyedHash, row: u64) {
        self.put(hash, row);
        self.changes.push(Change::Added(hash, row));
    }

    /// Forgets a row with the next commit: until then, others still read it in the database.
    pub(crate) fn remove(&mut self, hash: KeyedHash, row: u64) {
        self.changes.push(Change::Removed(hash, row));
    }

    /// The changes are committed.
    pub(crate) fn keep_changes(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            if let Change::Removed(hash, row) = change {
                self.take(hash, row);
            }
        }
    }

    /// The changes were not committed.
    pub(crate) fn undo_changes(&mut self) {
        while let Some(change) = self.changes.pop() {
            if let Change::Added(hash, row) = change {
                self.take(hash, row);
            }
        }
    }

    /// Notes a row that is committed.
    pub(crate) fn put(&mut self, hash: KeyedHash, row: u64) {
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
    fn what_is_not_committed_is_undone() {
        let (mut index, kept, undone) = (HashIndex::with_capacity(0), KeyedHash(1), KeyedHash(2));
        index.add(kept, 1);
        index.keep_changes();
        index.remove(kept, 1);
        index.add(undone, 1);
        index.add(kept, 2);
        index.undo_changes();
        assert_eq!(candidates(&index, kept), [1]);
        assert!(candidates(&index, undone).is_empty());
    }

    #[test]
    fn a_value_is_found_until_the_commit_that_gives_it_up() {
        let (mut index, old, new) = (HashIndex::with_capacity(0), KeyedHash(1), KeyedHash(2));
        index.add(old, 1);
        index.keep_changes();
        index.remove(old, 1);
        index.add(new, 1);
        assert_eq!((candidates(&index, old), candidates(&index, new)), (vec![1], vec![1]));
        index.keep_changes();
        assert_eq!((candidates(&index, old), candidates(&index, new)), (vec![], vec![1]));
    }

    #[test]
    fn a_value_that_is_given_up_and_taken_back_within_a_commit_is_there_once() {
        let (mut index, value, other) = (HashIndex::with_capacity(0), KeyedHash(1), KeyedHash(2));
        index.add(value, 1);
        index.keep_changes();
        let there_and_back = |index: &mut HashIndex| {
            index.remove(value, 1);
            index.add(other, 1);
            index.remove(other, 1);
            index.add(value, 1);
        };
        there_and_back(&mut index);
        index.undo_changes();
        assert_eq!((candidates(&index, value), candidates(&index, other)), (vec![1], vec![]));
        there_and_back(&mut index);
        index.keep_changes();
        assert_eq!((candidates(&index, value), candidates(&index, other)), (vec![1], vec![]));
    }
}
