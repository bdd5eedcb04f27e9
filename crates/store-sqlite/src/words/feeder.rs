//! The thread that indexes the words of customers, block by block.
//!
//! ```text
//! feeder   waits until a block is full and some ids beyond it are given
//! writer   begin:   finds the block; from now on, writes of its customers are noted as missed
//! feeder   reads the names of the block, in a snapshot that has every write from before, and sorts their words
//! writer   some thousands of words, and again
//! writer   finish:  corrects the words of the customers that were missed; registry.indexed_to is the end of the block
//! ```
//!
//! Each part runs in a transaction of the writer, together with other writes. A process that ends in between leaves words
//! of a block that is not indexed; they are deleted when the block begins again, and when the registry is opened.

use crate::{
    commit::{
        job::{WorkError, WriteTx},
        writer::WriteQueue,
    },
    error::OpenError,
    memory::{indexed_words::IndexedWords, indexes::Indexes},
    read::readers::Readers,
    words::index::{self, BLOCK},
};
use carnelian_domain::search::indexed_words;
use carnelian_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::{collections::BTreeSet, ops::Range, sync::Arc, thread::JoinHandle, time::Duration};

/// How many words one transaction writes: about a millisecond's work, which other writes wait for.
const PART: usize = 2048;

/// From this number of full blocks on, a block is written in one transaction: an import makes transactions that are as long.
const BEHIND: u64 = 4;

/// How long the thread waits after an error: its cause is likely to be still there at once.
const RETRY_DELAY: Duration = Duration::from_secs(1);

const NAMES: &str = "SELECT id, ifnull(unique_name, name) FROM customer WHERE id >= ?1 AND id < ?2";

/// A word, and a customer that has it.
type Word = (String, u64);

/// The handle to the thread; dropping it ends the thread.
pub(crate) struct WordFeeder {
    indexes: Arc<Indexes>,
    thread: Option<JoinHandle<()>>,
}

impl WordFeeder {
    /// Starts the thread.
    pub(crate) fn start(
        indexes: Arc<Indexes>,
        queue: WriteQueue,
        readers: Arc<Readers>,
    ) -> Result<WordFeeder, OpenError> {
        let feed = Feed { indexes: indexes.clone(), queue, readers };
        let thread = std::thread::Builder::new().name("words".into()).spawn(move || feed.work());
        Ok(WordFeeder { indexes, thread: Some(thread.map_err(OpenError::Thread)?) })
    }
}

impl Drop for WordFeeder {
    fn drop(&mut self) {
        self.indexes.words.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Feed {
    indexes: Arc<Indexes>,
    queue: WriteQueue,
    readers: Arc<Readers>,
}

impl Feed {
    fn work(&self) {
        while let Some(due) = self.indexes.words.wait_for_blocks() {
            if let Err(error) = self.index_block(due) {
                tracing::warn!(%error, "the index of names is behind: a block could not be indexed");
                self.indexes.words.pause(RETRY_DELAY);
            }
        }
    }

    /// Indexes the next block.
    fn index_block(&self, due: u64) -> Result<(), StoreError> {
        let block = self.queue.write_blocking(begin)?;
        let ids = block.clone();
        let mut words = self.readers.read_blocking(move |connection| read_words(connection, ids))?;
        words.sort_unstable();
        let words: Arc<[Word]> = words.into();
        let part = if due < BEHIND { PART } else { usize::MAX };
        let mut from = 0;
        while from < words.len() && !self.indexes.words.is_closed() {
            let (part, words) = (from..from.saturating_add(part).min(words.len()), words.clone());
            from = part.end;
            self.queue.write_blocking(move |tx| {
                words[part].iter().try_for_each(|(word, id)| index::add_word(tx.connection, *id, word))?;
                Ok(())
            })?;
        }
        if self.indexes.words.is_closed() {
            return Ok(());
        }
        self.queue.write_blocking(move |tx| finish(tx, &words, &block))
    }
}

/// Begins the next block that has customers; returns its ids.
fn begin(tx: &mut WriteTx<'_>) -> Result<Range<u64>, WorkError> {
    index::remove_unfinished(tx.connection)?;
    let end = index::indexed_to(tx.connection)?;
    let block = next_block(tx.connection, end)?;
    tx.indexes()?.words.begin(end, block.clone());
    Ok(block)
}

/// The ids of the next block that has customers.
fn next_block(connection: &Connection, end: u64) -> Result<Range<u64>, rusqlite::Error> {
    let next = "SELECT id FROM customer WHERE id >= ?1 ORDER BY id LIMIT 1";
    let next: Option<u64> = connection.prepare_cached(next)?.query_row([end], |row| row.get(0)).optional()?;
    let first = next.unwrap_or(end) / BLOCK * BLOCK;
    Ok(first..first + BLOCK)
}

/// Indexes every full block within a transaction, in a process in which nothing else writes customers and no feeder runs.
pub(crate) fn index_full_blocks(connection: &Connection) -> Result<(), rusqlite::Error> {
    let newest = "SELECT ifnull(max(id), 0) FROM customer";
    let newest: u64 = connection.prepare_cached(newest)?.query_row([], |row| row.get(0))?;
    loop {
        let end = index::indexed_to(connection)?;
        if newest < end + BLOCK {
            return Ok(());
        }
        let block = next_block(connection, end)?;
        let mut words = read_words(connection, block.clone())?;
        words.sort_unstable();
        words.iter().try_for_each(|(word, id)| index::add_word(connection, *id, word))?;
        index::set_indexed_to(connection, block.end)?;
    }
}

fn read_words(connection: &Connection, ids: Range<u64>) -> Result<Vec<Word>, rusqlite::Error> {
    let mut select = connection.prepare_cached(NAMES)?;
    let mut rows = select.query(params![ids.start, ids.end])?;
    let mut words = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        words.extend(indexed_words(row.get_ref(1)?.as_str()?).into_iter().map(|word| (word, id)));
    }
    Ok(words)
}

/// Ends a block whose words are written.
fn finish(tx: &mut WriteTx<'_>, words: &[Word], block: &Range<u64>) -> Result<(), WorkError> {
    let progress: &IndexedWords = &tx.indexes()?.words;
    let missed = progress.missed();
    if !missed.is_empty() {
        correct(tx, words, &missed)?;
    }
    index::set_indexed_to(tx.connection, block.end)?;
    progress.finish();
    Ok(())
}

/// Replaces the words of customers that were written meanwhile. Some may have been erased.
fn correct(tx: &mut WriteTx<'_>, words: &[Word], missed: &BTreeSet<u64>) -> Result<(), WorkError> {
    for (word, id) in words.iter().filter(|(_, id)| missed.contains(id)) {
        index::remove_word(tx.connection, *id, word)?;
    }
    let mut is_one_gone = false;
    for id in missed {
        let names = read_words(tx.connection, *id..*id + 1)?;
        is_one_gone |= names.is_empty();
        names.iter().try_for_each(|(word, id)| index::add_word(tx.connection, *id, word))?;
    }
    if is_one_gone {
        *tx.erased = true;
        tx.add_pending_purge()?;
    }
    Ok(())
}
