//! Connections for reading, which never wait for the writer.
//!
//! As long as the system can keep the database in memory, a read runs on the caller's thread: to look a row up takes
//! microseconds, and to hand the read to another thread takes as long again. Reads of a larger database wait for the disk
//! and would delay every other request of the caller's thread, so they run on threads of their own ([`BlockingPool`]).
//!
//! To begin and end a transaction costs more than to look a row up. So a connection keeps its snapshot of the database
//! until something is committed:
//!
//! ```text
//! writer           COMMIT ─ generation += 1 ─ reply                    (or reply after the sync)
//! read             take a connection
//!                  its snapshot is of this generation? use it : COMMIT, BEGIN a new one
//!                  query
//!                  its snapshot is still current and may be kept? keep it : COMMIT
//!                  put the connection back
//! checkpoint       Copying:  generation += 1, end the snapshots of idle connections
//!                  TailLeft: the same, and keep none until the log is copied
//! ```
//!
//! The generation changes after the commit and before its reply, so a read that begins after a reply sees the write.
//! A read whose snapshot became old while it ran ends it before the connection is put back, because a checkpoint ends the
//! snapshots of idle connections only. Only this process counts generations, so data that other processes write
//! (the directory, the audit log) is always read in a new snapshot ([`Readers::read_fresh`]).
//!
//! The list of idle connections is locked to take one out and to put one back, never while a query runs.

use crate::{
    error::{OpenError, read_error},
    files::schema,
    read::{
        blocking_pool::{BlockingPool, POOL_THREADS},
        system_memory,
    },
};
use carnelian_store::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many threads of the blocking pool read for scans; the others are left to reads of single rows.
const SCAN_THREADS: u32 = POOL_THREADS as u32 / 2;

/// A pool of connections. It grows on demand; a fixed number of connections is kept.
pub(crate) struct Readers {
    path: PathBuf,
    keep: usize,
    /// Whether only this process writes customers, so that the generation shows whether a snapshot is current.
    sole_writer: bool,
    /// Counts the commits of this process, and the times that snapshots were ended.
    generation: AtomicU64,
    /// Whether snapshots are kept at all.
    keeps_snapshots: AtomicBool,
    idle: Mutex<Vec<Reader>>,
    blocking_pool: BlockingPool,
    /// One permit per step of a scan that may run on the blocking pool.
    scan_turns: Semaphore,
    /// Whether the system can keep the database in memory.
    is_cached: AtomicBool,
}

struct Reader {
    connection: Connection,
    /// The generation of the snapshot that it keeps; `None` without one.
    snapshot: Option<u64>,
}

impl Reader {
    fn open(path: &Path) -> Result<Reader, rusqlite::Error> {
        Ok(Reader { connection: schema::open_for_reading(path)?, snapshot: None })
    }

    /// Uses the snapshot that is kept if it is of this generation, else begins a new one.
    fn use_snapshot(&mut self, generation: u64) -> Result<(), rusqlite::Error> {
        if self.snapshot != Some(generation) {
            self.end_snapshot()?;
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.snapshot = Some(generation);
        }
        Ok(())
    }

    fn end_snapshot(&mut self) -> Result<(), rusqlite::Error> {
        // After some errors SQLite has ended the transaction itself.
        if self.snapshot.take().is_some() && !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }
}

impl Readers {
    /// The database.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens `keep` connections to the database, which must exist.
    pub(crate) fn open(path: &Path, keep: usize, sole_writer: bool) -> Result<Readers, OpenError> {
        let idle = (0..keep).map(|_| Reader::open(path)).collect::<Result<_, _>>()?;
        Ok(Readers {
            path: path.to_owned(),
            keep,
            sole_writer,
            generation: AtomicU64::new(0),
            keeps_snapshots: AtomicBool::new(true),
            idle: Mutex::new(idle),
            blocking_pool: BlockingPool::new()?,
            scan_turns: Semaphore::new(SCAN_THREADS as usize),
            is_cached: AtomicBool::new(system_memory::can_cache(path)),
        })
    }

    /// Reads data that only this process writes. Sees every commit that this process made before.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        if !self.sole_writer {
            return self.read_fresh(query).await;
        }
        self.run(|readers| {
            readers.with_reader(|reader| {
                reader.use_snapshot(readers.generation.load(Ordering::SeqCst))?;
                query(&mut reader.connection)
            })
        })
        .await
    }

    /// Reads data that other processes write too, in a new snapshot.
    pub(crate) async fn read_fresh<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(|readers| readers.read_blocking(query)).await
    }

    /// The same as [`Readers::read_fresh`], always on the caller's thread.
    pub(crate) fn read_blocking<T>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.with_reader(|reader| {
            reader.end_snapshot()?;
            query(&mut reader.connection)
        })
    }

    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Readers) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.is_cached() {
            return read(self);
        }
        let readers = self.clone();
        self.run_blocking(move || read(&readers)).await
    }

    /// Runs work that waits for the disk on a thread of the pool.
    pub(crate) async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.blocking_pool.run(work).await?
    }

    /// Waits for a turn for one step of a scan, first come, first served.
    ///
    /// While reads run on the threads that serve requests, one step runs at a time. Steps that wait for the disk overlap.
    pub(crate) async fn scan_turn(&self) -> Option<SemaphorePermit<'_>> {
        let permits = if self.is_cached() { SCAN_THREADS } else { 1 };
        // Fails only if the semaphore is closed, which it never is.
        self.scan_turns.acquire_many(permits).await.ok()
    }

    /// Compares the size of the database with the memory again. Called at checkpoints, since the database grows there.
    pub(crate) fn check_size(&self) {
        self.is_cached.store(system_memory::can_cache(&self.path), Ordering::Relaxed);
    }

    fn is_cached(&self) -> bool {
        self.is_cached.load(Ordering::Relaxed)
    }

    /// Makes every snapshot outdated. Called after each commit, before its replies.
    pub(crate) fn outdate_snapshots(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends the snapshots of idle connections, so that a checkpoint can copy what they still need in the log.
    pub(crate) fn release_snapshots(&self) {
        self.outdate_snapshots();
        // A connection whose snapshot cannot be ended is closed, which ends it.
        self.idle.lock().retain_mut(|reader| reader.end_snapshot().is_ok());
    }

    /// Runs `work` while no connection keeps a snapshot for longer than a read: a snapshot would keep the log from
    /// restarting at its beginning.
    pub(crate) fn without_snapshots<T>(&self, work: impl FnOnce() -> T) -> T {
        self.keeps_snapshots.store(false, Ordering::SeqCst);
        self.release_snapshots();
        let done = work();
        self.keeps_snapshots.store(true, Ordering::SeqCst);
        done
    }

    fn with_reader<T>(&self, read: impl FnOnce(&mut Reader) -> Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path).map_err(read_error)?,
        };
        let result = read(&mut reader);
        let mut idle = self.idle.lock();
        // Compared under the lock, so that `release_snapshots` either ends this snapshot or has changed the generation.
        let is_current = |snapshot| {
            self.keeps_snapshots.load(Ordering::SeqCst) && snapshot == self.generation.load(Ordering::SeqCst)
        };
        let may_keep = reader.snapshot.is_none_or(is_current);
        let keep = if self.is_cached() { self.keep } else { self.keep + POOL_THREADS };
        idle.truncate(keep);
        if idle.len() < keep && (may_keep || reader.end_snapshot().is_ok()) {
            idle.push(reader);
        }
        result.map_err(read_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_store::contract::TestKeys;
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
        thread,
    };

    #[tokio::test]
    async fn scans_take_turns_and_leave_threads_to_other_reads() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let _writer = schema::open_for_writing(&path, true, &TestKeys).expect("opens");
        let readers = Readers::open(&path, 1, true).expect("opens");
        for (is_cached, at_once) in [(true, 1), (false, POOL_THREADS / 2)] {
            readers.is_cached.store(is_cached, Ordering::Relaxed);
            let mut context = Context::from_waker(Waker::noop());
            let mut turns = Vec::new();
            for _ in 0..at_once {
                let Poll::Ready(turn) = pin!(readers.scan_turn()).poll(&mut context) else {
                    panic!("{at_once} at once")
                };
                turns.push(turn);
            }
            let mut next = pin!(readers.scan_turn());
            assert!(next.as_mut().poll(&mut context).is_pending(), "more than {at_once} at once");
            turns.pop();
            assert!(next.as_mut().poll(&mut context).is_ready());
        }
    }

    #[tokio::test]
    async fn only_reads_of_a_database_that_memory_cannot_hold_run_on_another_thread() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let _writer = schema::open_for_writing(&path, true, &TestKeys).expect("opens");
        let readers = Arc::new(Readers::open(&path, 1, true).expect("opens"));
        for is_cached in [true, false] {
            readers.is_cached.store(is_cached, Ordering::Relaxed);
            let thread = readers.read(|_| Ok(thread::current().id())).await.expect("is read");
            assert_eq!(thread == thread::current().id(), is_cached);
        }
    }
}
