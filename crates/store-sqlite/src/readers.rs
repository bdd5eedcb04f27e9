//! Connections that read without waiting for the writer.

use crate::{
    blocking_pool::{BlockingPool, POOL_THREADS},
    error::{OpenError, read_error},
    schema, system_memory,
};
use carnelian_store::StoreError;
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// A pool that grows when it has to, and then keeps as many connections as it was opened with.
///
/// As long as the system can keep the database in memory, reads run on the caller's thread: to look a row up takes
/// microseconds, and to hand the read to another thread takes as long again. Reads of a larger database wait for the disk,
/// and would delay every other request of the caller's thread. They run on threads of their own ([`BlockingPool`]).
///
/// To begin and end a transaction costs more than to look a row up, too. So a connection keeps the view that it has of
/// the database for as long as nothing was committed.
pub(crate) struct Readers {
    path: PathBuf,
    keep: usize,
    /// Whether customers are written by this process alone, which then knows when a view has become old.
    sole_writer: bool,
    /// Counts what makes views old.
    age: AtomicU64,
    /// Whether views are kept at all.
    keeps_views: AtomicBool,
    idle: Mutex<Vec<Reader>>,
    blocking_pool: BlockingPool,
    /// Whether the system can keep the database in memory.
    is_cached: AtomicBool,
}

struct Reader {
    connection: Connection,
    /// The age of the view that it keeps; `None` without one.
    view: Option<u64>,
}

impl Reader {
    fn open(path: &Path) -> Result<Reader, rusqlite::Error> {
        Ok(Reader { connection: schema::open_for_reading(path)?, view: None })
    }

    fn keep_view(&mut self, age: u64) -> Result<(), rusqlite::Error> {
        if self.view != Some(age) {
            self.let_go()?;
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.view = Some(age);
        }
        Ok(())
    }

    fn let_go(&mut self) -> Result<(), rusqlite::Error> {
        // SQLite itself ends a view in which some errors come up.
        if self.view.take().is_some() && !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }
}

impl Readers {
    pub(crate) fn open(path: &Path, keep: usize, sole_writer: bool) -> Result<Readers, OpenError> {
        let idle = (0..keep).map(|_| Reader::open(path)).collect::<Result<_, _>>()?;
        let (path, idle) = (path.to_owned(), Mutex::new(idle));
        let (age, keeps_views) = (AtomicU64::new(0), AtomicBool::new(true));
        let (blocking_pool, is_cached) = (BlockingPool::new()?, AtomicBool::new(system_memory::can_cache(&path)));
        Ok(Readers { path, keep, sole_writer, age, keeps_views, idle, blocking_pool, is_cached })
    }

    /// Runs one read of what the writer of customers writes: it sees every commit that was made before.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        if !self.sole_writer {
            return self.read_afresh(query).await;
        }
        self.run(|readers| {
            readers.with_reader(|reader| {
                reader.keep_view(readers.age.load(Ordering::SeqCst))?;
                query(&mut reader.connection)
            })
        })
        .await
    }

    /// Runs one read of what other processes write as well.
    pub(crate) async fn read_afresh<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(|readers| readers.read_in_place(query)).await
    }

    /// The same on the caller's own thread, whatever it waits for.
    pub(crate) fn read_in_place<T>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.with_reader(|reader| {
            reader.let_go()?;
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

    /// Compares the size of the database with the memory again. Called at checkpoints, since the database grows there.
    pub(crate) fn check_size(&self) {
        self.is_cached.store(system_memory::can_cache(&self.path), Ordering::Relaxed);
    }

    fn is_cached(&self) -> bool {
        self.is_cached.load(Ordering::Relaxed)
    }

    /// Called after every commit, before anybody hears of it.
    pub(crate) fn outdate_views(&self) {
        self.age.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives up every view, so that what is in the write-ahead log can be copied.
    pub(crate) fn give_up_views(&self) {
        self.outdate_views();
        // One whose view cannot be ended is closed, which ends it.
        self.lock().retain_mut(|reader| reader.let_go().is_ok());
    }

    /// Gives up every view, and keeps none for longer than a read while something is done: whoever looks into a
    /// write-ahead log that is copied whole keeps it from starting again at its beginning.
    pub(crate) fn without_views<T>(&self, work: impl FnOnce() -> T) -> T {
        self.keeps_views.store(false, Ordering::SeqCst);
        self.give_up_views();
        let done = work();
        self.keeps_views.store(true, Ordering::SeqCst);
        done
    }

    fn with_reader<T>(&self, read: impl FnOnce(&mut Reader) -> Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        let idle = self.lock().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path).map_err(read_error)?,
        };
        let result = read(&mut reader);
        let mut idle = self.lock();
        // What became old meanwhile must not be kept: whoever gave all views up has not seen this one.
        let is_current = |age| self.keeps_views.load(Ordering::SeqCst) && age == self.age.load(Ordering::SeqCst);
        let current = reader.view.is_none_or(is_current);
        let keep = if self.is_cached() { self.keep } else { self.keep + POOL_THREADS };
        idle.truncate(keep);
        if idle.len() < keep && (current || reader.let_go().is_ok()) {
            idle.push(reader);
        }
        result.map_err(read_error)
    }

    /// A panic while the lock is held is impossible, so a poisoned one still guards a whole list.
    fn lock(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_store::contract::KeylessChain;
    use std::thread;

    #[tokio::test]
    async fn only_reads_of_a_database_that_memory_cannot_hold_run_on_another_thread() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let _writer = schema::open_for_writing(&path, true, &KeylessChain).expect("opens");
        let readers = Arc::new(Readers::open(&path, 1, true).expect("opens"));
        for is_cached in [true, false] {
            readers.is_cached.store(is_cached, Ordering::Relaxed);
            let thread = readers.read(|_| Ok(thread::current().id())).await.expect("is read");
            assert_eq!(thread == thread::current().id(), is_cached);
        }
    }
}
