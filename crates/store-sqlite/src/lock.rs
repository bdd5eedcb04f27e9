//! One server per data directory, and one opener at a time.

use crate::OpenError;
use std::{
    fs::{File, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Held by the one server of a data directory; the system lets go of it when the process ends, however it ends.
pub(crate) struct ServingLock {
    _file: File,
}

impl ServingLock {
    /// Takes the lock, unless another process holds it.
    pub(crate) fn acquire(directory: &Path) -> Result<ServingLock, OpenError> {
        let path = directory.join("carnelian.lock");
        let explain = |source| OpenError::Directory { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(explain)?;
        match file.try_lock() {
            Ok(()) => Ok(ServingLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.to_owned())),
            Err(TryLockError::Error(source)) => Err(explain(source)),
        }
    }
}

/// Waits until nobody else is opening the registry of a directory; the turn ends when this is dropped.
///
/// A registry that is half made looks foreign, and SQLite fails at once, without waiting, when two switch a new database
/// to its write-ahead log.
pub(crate) fn take_turn(directory: &Path) -> Result<File, OpenError> {
    let locked = File::open(directory).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| OpenError::Directory { path: directory.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_held_once_and_freed_when_dropped() {
        let directory = tempfile::tempdir().expect("a directory");
        let held = ServingLock::acquire(directory.path());
        assert!(held.is_ok());
        assert!(matches!(ServingLock::acquire(directory.path()), Err(OpenError::InUse(_))));
        drop(held);
        assert!(ServingLock::acquire(directory.path()).is_ok());
    }
}
