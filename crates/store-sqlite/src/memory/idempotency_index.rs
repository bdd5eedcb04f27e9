//! The index of idempotent writes in memory, and how many of them are remembered for each user.

use crate::memory::hash_index::{HashIndex, KeyedHash};
use carnelian_domain::UserId;
use std::collections::HashMap;

/// The index.
pub(crate) struct IdempotencyIndex {
    rows: HashIndex,
    of_users: HashMap<UserId, usize>,
    /// The changes of the counts in the open transaction, so that they can be undone.
    changes: Vec<(UserId, Change)>,
    /// The most writes that are remembered for a user.
    limit: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Removed,
}

impl IdempotencyIndex {
    /// An empty index with room for this many writes, of which at most `limit` are of one user.
    pub(crate) fn with_capacity(writes: usize, limit: usize) -> IdempotencyIndex {
        let (rows, of_users) = (HashIndex::with_capacity(writes), HashMap::new());
        IdempotencyIndex { rows, of_users, changes: Vec::new(), limit }
    }

    /// The rows that may have a key, as [`HashIndex::candidates`].
    pub(crate) fn candidates(&self, hash: KeyedHash) -> impl Iterator<Item = u64> {
        self.rows.candidates(hash)
    }

    /// Whether as many writes of a user are remembered as may be, those of the open transaction included.
    pub(crate) fn is_full(&self, user: UserId) -> bool {
        self.of_users.get(&user).is_some_and(|count| *count >= self.limit)
    }

    /// Adds a write within the open transaction.
    pub(crate) fn add(&mut self, user: UserId, hash: KeyedHash, row: u64) {
        self.rows.add(hash, row);
        self.count(user, Change::Added);
        self.changes.push((user, Change::Added));
    }

    /// Removes a write with the next commit.
    pub(crate) fn remove(&mut self, user: UserId, hash: KeyedHash, row: u64) {
        self.rows.remove(hash, row);
        self.count(user, Change::Removed);
        self.changes.push((user, Change::Removed));
    }

    /// Adds a committed write.
    pub(crate) fn insert_committed(&mut self, user: UserId, hash: KeyedHash, row: u64) {
        self.rows.insert_committed(hash, row);
        self.count(user, Change::Added);
    }

    /// Applies the changes after a commit.
    pub(crate) fn commit(&mut self) {
        self.rows.commit();
        self.changes.clear();
    }

    /// Reverts the changes after a rollback.
    pub(crate) fn roll_back(&mut self) {
        self.rows.roll_back();
        while let Some((user, change)) = self.changes.pop() {
            self.count(user, if change == Change::Added { Change::Removed } else { Change::Added });
        }
    }

    /// Counts a change; a user without a write is not kept.
    fn count(&mut self, user: UserId, change: Change) {
        let count = self.of_users.entry(user).or_default();
        *count = if change == Change::Added { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            self.of_users.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_s_writes_are_counted_as_they_are_committed_and_rolled_back() {
        let (ann, bob) = (UserId(1), UserId(2));
        let mut index = IdempotencyIndex::with_capacity(0, 2);
        index.insert_committed(ann, KeyedHash(1), 1);
        index.add(ann, KeyedHash(2), 2);
        assert!(index.is_full(ann) && !index.is_full(bob));
        index.roll_back();
        assert!(!index.is_full(ann));
        index.add(ann, KeyedHash(2), 2);
        index.commit();
        index.remove(ann, KeyedHash(1), 1);
        assert!(!index.is_full(ann));
        index.roll_back();
        assert!(index.is_full(ann));
        index.remove(ann, KeyedHash(1), 1);
        index.remove(ann, KeyedHash(2), 2);
        index.commit();
        assert!(index.of_users.is_empty() && index.changes.is_empty());
    }
}
