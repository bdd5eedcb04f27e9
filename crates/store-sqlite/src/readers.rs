//! Connections that read without waiting for the writer.

use crate::{error::read_error, schema};
use carnelian_store::StoreError;
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// A pool that grows when it has to and keeps as many connections as it was opened with.
///
/// Reads run on the caller's own thread: looking a row up takes microseconds, handing it to another thread takes more.
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
    /// Whether more may be read; held by every read to its end.
    open: RwLock<bool>,
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
        if self.view.take().is_some() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }
}

impl Readers {
    pub(crate) fn open(path: &Path, keep: usize, sole_writer: bool) -> Result<Readers, rusqlite::Error> {
        let idle = (0..keep).map(|_| Reader::open(path)).collect::<Result<_, _>>()?;
        let (path, idle, open) = (path.to_owned(), Mutex::new(idle), RwLock::new(true));
        let (age, keeps_views) = (AtomicU64::new(0), AtomicBool::new(true));
        Ok(Readers { path, keep, sole_writer, age, keeps_views, idle, open })
    }

    /// Runs one read of what the writer of customers writes: it sees every commit that was made before.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        if !self.sole_writer {
            return self.read_afresh(query);
        }
        self.with_reader(|reader| {
            reader.keep_view(self.age.load(Ordering::SeqCst))?;
            query(&mut reader.connection)
        })
    }

    /// Runs one read of what other processes write as well.
    pub(crate) fn read_afresh<T>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.with_reader(|reader| {
            reader.let_go()?;
            query(&mut reader.connection)
        })
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

    /// Waits for the reads that are under way, and lets no other begin.
    pub(crate) fn close(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        self.lock().clear();
    }

    fn with_reader<T>(&self, read: impl FnOnce(&mut Reader) -> Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if !*open {
            return Err(StoreError::Unavailable("the registry is closed".into()));
        }
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
        if idle.len() < self.keep && (current || reader.let_go().is_ok()) {
            idle.push(reader);
        }
        result.map_err(read_error)
    }

    /// A panic while the lock is held is impossible, so a poisoned one still guards a whole list.
    fn lock(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
