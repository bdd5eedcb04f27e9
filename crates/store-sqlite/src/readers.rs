//! Connections that read without waiting for the writer.

use crate::{error::read_error, schema};
use carnelian_store::StoreError;
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

/// A pool that grows when it has to and keeps as many connections as it was opened with.
///
/// Reads run on the caller's own thread: looking a row up takes microseconds, handing it to another thread takes more.
pub(crate) struct Readers {
    path: PathBuf,
    keep: usize,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn open(path: &Path, keep: usize) -> Result<Readers, rusqlite::Error> {
        let idle = (0..keep).map(|_| schema::open_for_reading(path)).collect::<Result<_, _>>()?;
        Ok(Readers { path: path.to_owned(), keep, idle: Mutex::new(idle) })
    }

    /// Runs one read.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let idle = self.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => schema::open_for_reading(&self.path).map_err(read_error)?,
        };
        let result = query(&mut connection).map_err(read_error);
        let mut idle = self.lock();
        if idle.len() < self.keep {
            idle.push(connection);
        }
        result
    }

    /// A panic while the lock is held is impossible, so a poisoned one still guards a whole list.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
