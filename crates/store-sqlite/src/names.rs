//! Which names are taken: a table in memory, kept by the one who writes.
//!
//! An index over names is written in random order, and in a large registry that is most of the cost of a create. This
//! table holds a keyed hash for every customer instead. It is exact all the same: whoever finds a hash in it looks the
//! customer up and compares. When a server starts it is made from `customer_of_account`, an index that is written in order.

use carnelian_domain::{AccountId, CustomerId};
use hashbrown::HashTable;
use rusqlite::Connection;
use siphasher::sip::SipHasher13;
use std::{
    hash::Hasher,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many tables share the names: each grows on its own, so that none takes long to.
const SHARDS: usize = 256;

/// The bytes of an id that are kept; enough for three hundred million million customers.
const ID_BYTES: usize = 6;

/// The bytes of a hash that are kept besides the shard that it leads to: of ten million customers two or three in a
/// thousand share them with another one, which is then looked up for nothing.
const HASH_BYTES: usize = 3;

/// One customer: a part of the hash, and the id.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: [u8; HASH_BYTES],
    id: [u8; ID_BYTES],
}

impl Entry {
    fn new(hash: NameHash, id: CustomerId) -> Entry {
        let mut bytes = [0; ID_BYTES];
        bytes.copy_from_slice(&id.0.to_le_bytes()[..ID_BYTES]);
        Entry { hash: hash.kept(), id: bytes }
    }

    fn id(self) -> CustomerId {
        let mut bytes = [0; 8];
        bytes[..ID_BYTES].copy_from_slice(&self.id);
        CustomerId(u64::from_le_bytes(bytes))
    }

    /// What the table sorts the entry by: all bits of it must depend on the hash.
    fn spread(&self) -> u64 {
        spread(self.hash)
    }
}

fn spread([a, b, c]: [u8; HASH_BYTES]) -> u64 {
    u64::from(u32::from_le_bytes([a, b, c, 0])).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The keyed hash of an account and a unique name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameHash(pub(crate) i64);

impl NameHash {
    fn shard(self) -> usize {
        (self.0 as u64 >> 56) as usize % SHARDS
    }

    fn kept(self) -> [u8; HASH_BYTES] {
        let [a, b, c, ..] = self.0.to_le_bytes();
        [a, b, c]
    }
}

/// The key of the hash, so that nobody can choose names that all hash alike.
pub(crate) struct NameHashKey([u8; 16]);

impl NameHashKey {
    pub(crate) fn read(connection: &Connection) -> Result<NameHashKey, rusqlite::Error> {
        let select = "SELECT name_hash_key FROM registry";
        Ok(NameHashKey(connection.query_row(select, [], |row| row.get(0))?))
    }

    pub(crate) fn hash(&self, account: AccountId, unique_name: &str) -> NameHash {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u64(account.0);
        hasher.write(unique_name.as_bytes());
        NameHash(hasher.finish() as i64)
    }
}

/// One change of the table, so that it can be undone.
enum Change {
    Added(NameHash, CustomerId),
    Removed(NameHash, CustomerId),
}

/// The table of names, as the writer and those who look names up share it.
#[derive(Clone)]
pub(crate) struct SharedNames(Arc<Mutex<Names>>);

impl SharedNames {
    /// Makes the table from the database.
    pub(crate) fn load(connection: &Connection) -> Result<SharedNames, rusqlite::Error> {
        Ok(SharedNames(Arc::new(Mutex::new(Names::load(connection)?))))
    }

    /// Held for single steps only: nobody waits long for anybody. After a panic the process ends.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table of names.
pub(crate) struct Names {
    shards: Vec<HashTable<Entry>>,
    /// What was changed since the last commit.
    changes: Vec<Change>,
}

impl Names {
    fn load(connection: &Connection) -> Result<Names, rusqlite::Error> {
        let mut names = Names { shards: (0..SHARDS).map(|_| HashTable::new()).collect(), changes: Vec::new() };
        let count: usize = connection.query_row("SELECT count(*) FROM customer", [], |row| row.get(0))?;
        for shard in &mut names.shards {
            shard.reserve(count / SHARDS, Entry::spread);
        }
        let mut select = connection.prepare("SELECT name_hash, id FROM customer INDEXED BY customer_of_account")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            names.put(NameHash(row.get(0)?), CustomerId(row.get(1)?));
        }
        Ok(names)
    }

    /// The customers that may have a name: every one that has it, in the last commit or in what is being written, and
    /// seldom another.
    pub(crate) fn candidates(&self, hash: NameHash) -> impl Iterator<Item = CustomerId> {
        let kept = hash.kept();
        let found = self.shards[hash.shard()].iter_hash(spread(kept));
        found.filter(move |entry| entry.hash == kept).map(|entry| entry.id())
    }

    /// Notes a customer's name, until the next commit or undoing.
    pub(crate) fn add(&mut self, hash: NameHash, id: CustomerId) {
        self.put(hash, id);
        self.changes.push(Change::Added(hash, id));
    }

    /// Forgets a customer's name with the next commit: until then, others still read it in the database.
    pub(crate) fn remove(&mut self, hash: NameHash, id: CustomerId) {
        self.changes.push(Change::Removed(hash, id));
    }

    /// The changes are committed.
    pub(crate) fn keep_changes(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            if let Change::Removed(hash, id) = change {
                self.take(hash, id);
            }
        }
    }

    /// The changes were not committed.
    pub(crate) fn undo_changes(&mut self) {
        while let Some(change) = self.changes.pop() {
            if let Change::Added(hash, id) = change {
                self.take(hash, id);
            }
        }
    }

    fn put(&mut self, hash: NameHash, id: CustomerId) {
        let entry = Entry::new(hash, id);
        self.shards[hash.shard()].insert_unique(entry.spread(), entry, Entry::spread);
    }

    fn take(&mut self, hash: NameHash, id: CustomerId) {
        let entry = Entry::new(hash, id);
        if let Ok(found) = self.shards[hash.shard()].find_entry(entry.spread(), |other| *other == entry) {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names { shards: (0..SHARDS).map(|_| HashTable::new()).collect(), changes: Vec::new() }
    }

    fn candidates(names: &Names, hash: NameHash) -> Vec<u64> {
        let mut found: Vec<u64> = names.candidates(hash).map(|id| id.0).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_customer_with_a_hash_is_a_candidate() {
        let (mut names, hash) = (names(), NameHash(-7));
        names.add(hash, CustomerId(1));
        names.add(hash, CustomerId((1 << 48) - 1));
        names.add(NameHash(8), CustomerId(2));
        assert_eq!(candidates(&names, hash), [1, (1 << 48) - 1]);
    }

    #[test]
    fn what_is_not_committed_is_undone() {
        let (mut names, kept, undone) = (names(), NameHash(1), NameHash(2));
        names.add(kept, CustomerId(1));
        names.keep_changes();
        names.remove(kept, CustomerId(1));
        names.add(undone, CustomerId(1));
        names.add(kept, CustomerId(2));
        names.undo_changes();
        assert_eq!(candidates(&names, kept), [1]);
        assert!(candidates(&names, undone).is_empty());
    }

    #[test]
    fn a_name_is_found_until_the_commit_that_gives_it_up() {
        let (mut names, old, new) = (names(), NameHash(1), NameHash(2));
        names.add(old, CustomerId(1));
        names.keep_changes();
        names.remove(old, CustomerId(1));
        names.add(new, CustomerId(1));
        assert_eq!((candidates(&names, old), candidates(&names, new)), (vec![1], vec![1]));
        names.keep_changes();
        assert_eq!((candidates(&names, old), candidates(&names, new)), (vec![], vec![1]));
    }

    #[test]
    fn a_name_that_is_given_up_and_taken_back_within_a_commit_is_there_once() {
        let (mut names, name, other) = (names(), NameHash(1), NameHash(2));
        names.add(name, CustomerId(1));
        names.keep_changes();
        let there_and_back = |names: &mut Names| {
            names.remove(name, CustomerId(1));
            names.add(other, CustomerId(1));
            names.remove(other, CustomerId(1));
            names.add(name, CustomerId(1));
        };
        there_and_back(&mut names);
        names.undo_changes();
        assert_eq!((candidates(&names, name), candidates(&names, other)), (vec![1], vec![]));
        there_and_back(&mut names);
        names.keep_changes();
        assert_eq!((candidates(&names, name), candidates(&names, other)), (vec![1], vec![]));
    }

    #[test]
    fn an_account_s_names_are_its_own() {
        let key = NameHashKey([7; 16]);
        assert_eq!(key.hash(AccountId(1), "Acme"), key.hash(AccountId(1), "Acme"));
        assert_ne!(key.hash(AccountId(1), "Acme"), key.hash(AccountId(2), "Acme"));
        assert_ne!(key.hash(AccountId(1), "Acme"), NameHashKey([8; 16]).hash(AccountId(1), "Acme"));
    }
}
