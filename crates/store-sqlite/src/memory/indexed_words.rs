//! How far the names of customers are indexed by their words, and which writes a running feeder has missed.

use crate::words::index;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use std::{collections::BTreeSet, ops::Range, time::Duration};

/// How many ids beyond a full block are given before it is indexed: customers are not created quite in the order of their
/// ids, and one that comes late is indexed by itself.
const LATE: u64 = 1024;

/// The progress of the index of words in the process that writes customers.
pub(crate) struct IndexedWords {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Customers with lower ids are indexed.
    end: u64,
    /// The highest id that was written.
    newest: u64,
    /// The ids of the block that is being indexed.
    feeding: Range<u64>,
    /// The customers of that block that were written since it is.
    missed: BTreeSet<u64>,
    is_closed: bool,
}

impl State {
    /// How many blocks are to be indexed.
    fn due(&self) -> u64 {
        (self.newest + 1).saturating_sub(self.end + LATE) / index::BLOCK
    }
}

impl IndexedWords {
    /// Reads how far the index comes, and removes what is left of a block that was not finished.
    pub(crate) fn load(connection: &Connection) -> Result<IndexedWords, rusqlite::Error> {
        index::remove_unfinished(connection)?;
        let newest = connection.query_row("SELECT ifnull(max(id), 0) FROM customer", [], |row| row.get(0))?;
        let end = index::indexed_to(connection)?;
        let state = State { end, newest, feeding: 0..0, missed: BTreeSet::new(), is_closed: false };
        Ok(IndexedWords { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Notes a write of a customer in an open transaction; returns whether the transaction must write its words as well.
    pub(crate) fn note_write(&self, id: u64) -> bool {
        let mut state = self.state.lock();
        if state.feeding.contains(&id) {
            state.missed.insert(id);
        }
        if id > state.newest {
            state.newest = id;
            if state.due() > 0 {
                self.changed.notify_one();
            }
        }
        id < state.end
    }

    /// Waits until blocks are to be indexed, and returns how many; `None` if the store is closed.
    pub(crate) fn wait_for_blocks(&self) -> Option<u64> {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| !state.is_closed && state.due() == 0);
        (!state.is_closed).then(|| state.due())
    }

    /// Waits before another try; ends early if the store is closed.
    pub(crate) fn pause(&self, duration: Duration) {
        self.changed.wait_while_for(&mut self.state.lock(), |state| !state.is_closed, duration);
    }

    /// Whether the store is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// Ends the waiting for ever.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Begins to index a block: from now on, writes of its customers are noted. `end` is what the database says.
    pub(crate) fn begin(&self, end: u64, block: Range<u64>) {
        let mut state = self.state.lock();
        *state =
            State { end, newest: state.newest, feeding: block, missed: BTreeSet::new(), is_closed: state.is_closed };
    }

    /// The customers of the block that were written since it is being indexed.
    pub(crate) fn missed(&self) -> BTreeSet<u64> {
        self.state.lock().missed.clone()
    }

    /// Ends the block: its customers are indexed, in a transaction that is still open. If it is rolled back, more words are
    /// written than must be until the block begins again.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock();
        state.end = state.feeding.end;
        state.feeding = 0..0;
    }
}
