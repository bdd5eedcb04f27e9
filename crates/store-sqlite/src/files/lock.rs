//! File locks: one server per data directory, one process opening it at a time, exclusive access during a restore.
//!
//! ```text
//!                        a process that opens the registry        a restore
//! 1  opening.lock        exclusive, waits; until it is open
//! 2  carnelian.lock      exclusive, fails; while it is open,
//!                        by the one process that writes customers
//! 3  open.lock           shared, fails; while it is open          exclusive, fails; until the end
//! ```
//!
//! Locks are taken in this order. All of them are `flock` locks: the kernel releases them when the process ends,
//! however it ends. So a restore runs only while no process has the registry open, and no process opens it meanwhile.
//!
//! Only the owner can open the files, so that no other user can hold a lock. A process whose lock file is removed or replaced
//! has lost the lock and ends ([`Presence`]).

use crate::{
    error::OpenError,
    files::{
        directory::{has_registry, make_directory},
        presence::Presence,
    },
};
use std::{
    fs::{File, Permissions, TryLockError},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// How long to wait for another process that is opening the registry. It takes seconds if the registry is large.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait without a word.
const SILENCE: Duration = Duration::from_secs(1);

/// Called with a message if opening a registry has to wait for another process.
pub type OnWait = fn(&str);

/// The lock of the one process that writes customers: a server or an import.
pub(crate) struct ServingLock {
    file: File,
    path: PathBuf,
}

impl ServingLock {
    /// Takes the lock, or fails if another process holds it.
    pub(crate) fn acquire(directory: &Path) -> Result<ServingLock, OpenError> {
        let (file, path) = try_lock(directory, SERVING, File::try_lock, OpenError::InUse)?;
        Ok(ServingLock { file, path })
    }
}

/// The file of the serving lock.
const SERVING: &str = "carnelian.lock";

/// The lock of every process that has the registry open, shared among them; exclusive during a restore.
pub(crate) struct OpenLock {
    file: File,
    path: PathBuf,
}

impl OpenLock {
    /// Takes a share, or fails while a restore runs.
    fn share(directory: &Path) -> Result<OpenLock, OpenError> {
        let (file, path) = try_lock(directory, "open.lock", File::try_lock_shared, OpenError::RestoreRuns)?;
        Ok(OpenLock { file, path })
    }

    /// Takes the lock for a restore, or fails while another process has the registry open.
    pub(crate) fn exclusive(directory: &Path) -> Result<OpenLock, OpenError> {
        let (file, path) = try_lock(directory, "open.lock", File::try_lock, OpenError::Open)?;
        Ok(OpenLock { file, path })
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

/// Opens a lock file that only its owner can open; makes it if there is none.
fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o7777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Waits until no other process is opening the registry of a directory; the lock is released on drop.
///
/// A half-made registry looks foreign, and SQLite fails at once, without waiting, when two processes switch a new
/// database to its write-ahead log.
fn lock_opening(directory: &Path, on_wait: OnWait) -> Result<File, OpenError> {
    let path = directory.join("opening.lock");
    let explain = |source| OpenError::Directory { path: path.clone(), source };
    let file = lock_file(&path).map_err(explain)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => return Err(explain(source)),
    }
    let (locked, outcome) = channel();
    // If it is given up, the thread ends with the process, or when it gets the lock, which it then releases.
    let wait = move || drop(locked.send(file.lock().map(|()| file)));
    thread::Builder::new().name("lock".into()).spawn(wait).map_err(OpenError::Thread)?;
    let outcome = outcome.recv_timeout(SILENCE).or_else(|_| {
        on_wait(&format!("waiting for another process that is opening the registry and has locked {}", path.display()));
        outcome.recv_timeout(PATIENCE)
    });
    match outcome {
        Ok(locked) => locked.map_err(explain),
        Err(RecvTimeoutError::Timeout) => Err(OpenError::StillOpening { path, seconds: PATIENCE.as_secs() }),
        Err(RecvTimeoutError::Disconnected) => Err(explain(io::Error::other("the lock cannot be waited for"))),
    }
}

/// Whether a directory holds a registry. Fails if it does not and is being served: then the database was removed.
pub(crate) fn exists(directory: &Path, on_wait: OnWait) -> Result<bool, OpenError> {
    let explain = |source| OpenError::Directory { path: directory.to_owned(), source };
    let exists = || has_registry(directory).map_err(explain);
    if exists()? || !directory.join(SERVING).try_exists().map_err(explain)? {
        return exists();
    }
    let _opening = lock_opening(directory, on_wait)?;
    if exists()? {
        return Ok(true);
    }
    match ServingLock::acquire(directory) {
        Ok(_) => Ok(false),
        Err(OpenError::InUse(_)) => Err(OpenError::Removed(directory.to_owned())),
        Err(error) => Err(error),
    }
}

/// The locks that a process holds while it has a registry open.
pub(crate) struct RegistryLocks {
    /// Held by a server or an import; by another process only while it opens the registry, if no server runs.
    pub(crate) serving: Option<ServingLock>,
    pub(crate) open: OpenLock,
}

impl RegistryLocks {
    /// Adds the lock files to those that must stay in the directory.
    pub(crate) fn watch(&self, presence: &mut Presence) -> io::Result<()> {
        presence.add(&self.open.path, &self.open.file)?;
        self.serving.as_ref().map_or(Ok(()), |serving| presence.add(&serving.path, &serving.file))
    }
}

/// The right to open the registry of a directory: no other process opens it at the same time.
pub(crate) struct OpenPermit {
    pub(crate) locks: RegistryLocks,
    pub(crate) opening: File,
}

impl OpenPermit {
    /// Waits while another process is opening the registry; with `serves`, fails if another process serves it.
    pub(crate) fn acquire(directory: &Path, serves: bool, on_wait: OnWait) -> Result<OpenPermit, OpenError> {
        make_directory(directory)?;
        let opening = lock_opening(directory, on_wait)?;
        let serving = match ServingLock::acquire(directory) {
            Err(OpenError::InUse(_)) if !serves => None,
            lock => Some(lock?),
        };
        let open = OpenLock::share(directory)?;
        let permit = OpenPermit { locks: RegistryLocks { serving, open }, opening };
        // A registry may only be made where none is served: the one that is has lost its database.
        let explain = |source| OpenError::Directory { path: directory.to_owned(), source };
        if permit.locks.serving.is_none() && !has_registry(directory).map_err(explain)? {
            return Err(OpenError::Removed(directory.to_owned()));
        }
        Ok(permit)
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
