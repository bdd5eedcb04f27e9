//! File locks: one server per data directory, one process opening it at a time, exclusive access during a restore.
//!
//! ```text
//!                        a process that opens the registry        a restore
//! 1  the directory       exclusive, waits; until it is open
//! 2  carnelian.lock      exclusive, fails; while it is open,
//!                        by the one process that writes customers
//! 3  open.lock           shared, fails; while it is open          exclusive, fails; until the end
//! ```
//!
//! Locks are taken in this order. All of them are `flock` locks: the kernel releases them when the process ends,
//! however it ends. So a restore runs only while no process has the registry open, and no process opens it meanwhile.

use crate::{error::OpenError, files::directory::make_directory};
use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The lock of the one process that writes customers: a server or an import.
pub(crate) struct ServingLock {
    _file: File,
}

impl ServingLock {
    /// Takes the lock, or fails if another process holds it.
    pub(crate) fn acquire(directory: &Path) -> Result<ServingLock, OpenError> {
        let (file, _) = try_lock(directory, "carnelian.lock", File::try_lock, OpenError::InUse)?;
        Ok(ServingLock { _file: file })
    }
}

/// The lock of every process that has the registry open, shared among them; exclusive during a restore.
pub(crate) struct OpenLock {
    _file: File,
    path: PathBuf,
}

impl OpenLock {
    /// Takes a share, or fails while a restore runs.
    fn share(directory: &Path) -> Result<OpenLock, OpenError> {
        let (file, path) = try_lock(directory, "open.lock", File::try_lock_shared, OpenError::RestoreRuns)?;
        Ok(OpenLock { _file: file, path })
    }

    /// Takes the lock for a restore, or fails while another process has the registry open.
    pub(crate) fn exclusive(directory: &Path) -> Result<OpenLock, OpenError> {
        let (file, path) = try_lock(directory, "open.lock", File::try_lock, OpenError::Open)?;
        Ok(OpenLock { _file: file, path })
    }

    /// Opens its file once more, without the lock.
    pub(crate) fn file_again(&self) -> Result<File, OpenError> {
        File::open(&self.path).map_err(|source| OpenError::Directory { path: self.path.clone(), source })
    }
}

/// Opens a lock file, makes it if there is none, and locks it; `held` is the error if that would block.
fn try_lock(
    directory: &Path,
    name: &str,
    lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    held: impl FnOnce(PathBuf) -> OpenError,
) -> Result<(File, PathBuf), OpenError> {
    let path = directory.join(name);
    let explain = |source| OpenError::Directory { path: path.clone(), source };
    let file = lock_file(&path).map_err(explain)?;
    match lock(&file) {
        Ok(()) => Ok((file, path)),
        Err(TryLockError::WouldBlock) => Err(held(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(explain(source)),
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Waits until no other process is opening the registry of a directory; the lock is released on drop.
///
/// A half-made registry looks foreign, and SQLite fails at once, without waiting, when two processes switch a new
/// database to its write-ahead log.
fn lock_directory(directory: &Path) -> Result<File, OpenError> {
    let locked = File::open(directory).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| OpenError::Directory { path: directory.to_owned(), source })
}

/// The locks that a process holds while it has a registry open.
pub(crate) struct RegistryLocks {
    /// Held by a server or an import; by another process only while it opens the registry, if no server runs.
    pub(crate) serving: Option<ServingLock>,
    pub(crate) open: OpenLock,
}

/// The right to open the registry of a directory: no other process opens it at the same time.
pub(crate) struct OpenPermit {
    pub(crate) locks: RegistryLocks,
    pub(crate) directory: File,
}

impl OpenPermit {
    /// Waits while another process is opening the registry; with `serves`, fails if another process serves it.
    pub(crate) fn acquire(directory: &Path, serves: bool) -> Result<OpenPermit, OpenError> {
        make_directory(directory)?;
        let locked = lock_directory(directory)?;
        let serving = match ServingLock::acquire(directory) {
            Err(OpenError::InUse(_)) if !serves => None,
            lock => Some(lock?),
        };
        let open = OpenLock::share(directory)?;
        Ok(OpenPermit { locks: RegistryLocks { serving, open }, directory: locked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_serving_lock_is_held_once_and_released_on_drop() {
        let directory = tempfile::tempdir().expect("a directory");
        let held = ServingLock::acquire(directory.path());
        assert!(held.is_ok());
        assert!(matches!(ServingLock::acquire(directory.path()), Err(OpenError::InUse(_))));
        drop(held);
        assert!(ServingLock::acquire(directory.path()).is_ok());
    }

    #[test]
    fn a_restore_excludes_every_process_that_has_the_registry_open() {
        let directory = tempfile::tempdir().expect("a directory");
        let shares = [(), ()].map(|()| OpenLock::share(directory.path()).expect("it is shared"));
        assert!(matches!(OpenLock::exclusive(directory.path()), Err(OpenError::Open(_))));
        drop(shares);
        let restore = OpenLock::exclusive(directory.path()).expect("no process has the registry open");
        assert!(matches!(OpenLock::share(directory.path()), Err(OpenError::RestoreRuns(_))));
        drop(restore);
        assert!(OpenLock::share(directory.path()).is_ok());
    }
}
