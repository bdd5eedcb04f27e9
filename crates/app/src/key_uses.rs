//! The last uses of keys: recorded in memory on every request, and written to the store once a minute.
//!
//! If the process is killed, uses since the last write are lost. Nothing depends on them.

use crate::App;
use carnelian_domain::Timestamp;
use carnelian_store::StoreError;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// The minimum time between two recorded uses, in milliseconds, so that most uses only read shared memory.
const GRAIN: i64 = 1000;

/// The last use of one key. Relaxed ordering is enough, because no other data depends on it.
#[derive(Debug, Default)]
pub(crate) struct LastUse {
    /// The time in milliseconds; 0 if there was no use since the process started.
    noted: AtomicI64,
    /// The time that was last written to the store.
    written: AtomicI64,
}

impl LastUse {
    /// Records a use.
    pub(crate) fn note(&self, now: Timestamp) {
        if now.0 >= self.noted.load(Ordering::Relaxed) + GRAIN {
            self.noted.store(now.0, Ordering::Relaxed);
        }
    }

    /// The last use since the process started.
    pub(crate) fn noted(&self) -> Option<Timestamp> {
        Some(Timestamp(self.noted.load(Ordering::Relaxed))).filter(|noted| noted.0 > 0)
    }

    fn unwritten(&self) -> Option<Timestamp> {
        self.noted().filter(|noted| noted.0 > self.written.load(Ordering::Relaxed))
    }
}

/// The last uses of all keys. They outlive the directory in memory, which is replaced as a whole.
#[derive(Default)]
pub(crate) struct KeyUses {
    by_key: Mutex<HashMap<String, Arc<LastUse>>>,
}

impl KeyUses {
    /// The last use of a key.
    pub(crate) fn get(&self, key_id: &str) -> Arc<LastUse> {
        let mut by_key = self.by_key.lock();
        by_key.entry(key_id.to_owned()).or_default().clone()
    }

    /// Forgets all but these keys.
    pub(crate) fn keep_only(&self, keys: &HashSet<&str>) {
        self.by_key.lock().retain(|key_id, _| keys.contains(key_id.as_str()));
    }

    fn unwritten(&self) -> Vec<(String, Timestamp)> {
        let by_key = self.by_key.lock();
        by_key.iter().filter_map(|(key_id, last)| Some((key_id.clone(), last.unwritten()?))).collect()
    }
}

impl App {
    /// Writes the last uses since the previous call to the store, in one transaction.
    pub async fn write_key_uses(&self) -> Result<(), StoreError> {
        let uses = self.directory.key_uses.unwritten();
        if uses.is_empty() {
            return Ok(());
        }
        self.store.note_key_uses(uses.clone()).await?;
        for (key_id, at) in uses {
            if let Some(last) = self.directory.key_uses.by_key.lock().get(&key_id) {
                last.written.fetch_max(at.0, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_use_of_a_key_that_is_gone_is_forgotten_and_the_others_stay() {
        let uses = KeyUses::default();
        for key in ["kept", "gone"] {
            uses.get(key).note(Timestamp(5000));
        }
        uses.keep_only(&HashSet::from(["kept", "unused"]));
        assert_eq!(uses.unwritten(), [("kept".to_owned(), Timestamp(5000))]);
        assert_eq!(uses.by_key.lock().len(), 1);
    }

    #[test]
    fn a_use_is_noted_once_a_second_and_is_unwritten_until_it_is_written() {
        let uses = KeyUses::default();
        assert!(uses.get("k").noted().is_none() && uses.unwritten().is_empty());
        for (now, noted) in [(5000, 5000), (5999, 5000), (6000, 6000), (4000, 6000)] {
            uses.get("k").note(Timestamp(now));
            assert_eq!(uses.get("k").noted(), Some(Timestamp(noted)));
        }
        assert_eq!(uses.unwritten(), [("k".to_owned(), Timestamp(6000))]);
        uses.get("k").written.store(6000, Ordering::Relaxed);
        assert!(uses.unwritten().is_empty());
    }
}
