//! One server per data directory, one opener at a time, and nobody beside whoever replaces a registry.

use crate::{OpenError, make_directory, restored};
use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
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
        let file = lock_file(&path).map_err(explain)?;
        match file.try_lock() {
            Ok(()) => Ok(ServingLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.to_owned())),
            Err(TryLockError::Error(source)) => Err(explain(source)),
        }
    }
}

/// Shared by all processes that have a registry open, and held by one alone while it puts another one in its place.
///
/// Whoever changes its share does so within a turn, so nobody comes in between.
pub(crate) struct OpenLock {
    file: File,
    path: PathBuf,
}

impl OpenLock {
    fn share(directory: &Path) -> Result<OpenLock, OpenError> {
        let path = directory.join("open.lock");
        let file = lock_file(&path).map_err(|source| OpenError::Directory { path: path.clone(), source })?;
        let lock = OpenLock { file, path };
        lock.share_again()?;
        Ok(lock)
    }

    /// Holds it alone from now on, if nobody else has the registry open.
    fn try_alone(&self) -> Result<bool, OpenError> {
        self.file.unlock().map_err(|source| self.explain(source))?;
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => self.share_again().map(|()| false),
            Err(TryLockError::Error(source)) => Err(self.explain(source)),
        }
    }

    /// Lets others in again.
    pub(crate) fn share_again(&self) -> Result<(), OpenError> {
        self.file.unlock().and_then(|()| self.file.lock_shared()).map_err(|source| self.explain(source))
    }

    /// Its file, opened once more: without the lock.
    pub(crate) fn file_again(&self) -> Result<File, OpenError> {
        File::open(&self.path).map_err(|source| self.explain(source))
    }

    fn explain(&self, source: io::Error) -> OpenError {
        OpenError::Directory { path: self.path.clone(), source }
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Waits until nobody else is opening the registry of a directory; the turn ends when this is dropped.
///
/// A registry that is half made looks foreign, and SQLite fails at once, without waiting, when two switch a new database
/// to its write-ahead log.
pub(crate) fn take_turn(directory: &Path) -> Result<File, OpenError> {
    let locked = File::open(directory).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| OpenError::Directory { path: directory.to_owned(), source })
}

/// What a process holds as long as it has a registry open.
pub(crate) struct Held {
    /// Of a server, or of another process that is alone if it could be.
    pub(crate) serving: Option<ServingLock>,
    pub(crate) open: OpenLock,
}

/// The right to open the registry of a directory: nobody else opens it meanwhile. If a restored registry waits there,
/// nobody else has the one open either whose place it takes.
pub struct Claim {
    pub(crate) held: Held,
    pub(crate) turn: File,
}

impl Claim {
    /// Waits for whoever is opening the registry, and claims it; whoever `serves` must be the only one who does.
    ///
    /// Where a restored registry waits, that takes its place first. It cannot as long as somebody else has the old one
    /// open, and then there is no claim for anybody: a server takes the restored one over, and others end.
    pub fn take(directory: &Path, serves: bool) -> Result<Claim, OpenError> {
        make_directory(directory)?;
        let turn = take_turn(directory)?;
        let serving = match ServingLock::acquire(directory) {
            Err(OpenError::InUse(_)) if !serves => None,
            lock => Some(lock?),
        };
        let open = OpenLock::share(directory)?;
        if restored::waits(directory) && (serving.is_none() || !open.try_alone()?) {
            return Err(OpenError::RestoreWaits(directory.to_owned()));
        }
        Ok(Claim { held: Held { serving, open }, turn })
    }
}

/// The right to close a registry and to open a restored one in its place, while nobody else has it open or opens it.
pub struct Succession {
    turn: File,
}

impl Succession {
    /// Waits for whoever is opening the registry; there is none as long as somebody else has it open.
    pub(crate) fn ask(directory: &Path, held: &Held) -> Result<Option<Succession>, OpenError> {
        let turn = take_turn(directory)?;
        Ok(held.open.try_alone()?.then_some(Succession { turn }))
    }

    /// The claim to the directory, once the old registry is closed.
    pub(crate) fn claim(self, held: Held) -> Claim {
        Claim { held, turn: self.turn }
    }
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

    #[test]
    fn nobody_is_alone_beside_somebody_else_and_keeps_the_share_then() {
        let directory = tempfile::tempdir().expect("a directory");
        let share = || OpenLock::share(directory.path()).expect("is shared");
        let (one, other) = (share(), share());
        assert!(!one.try_alone().expect("can be asked"));
        assert!(!other.try_alone().expect("can be asked"), "the first one has lost its share");
        drop(other);
        assert!(one.try_alone().expect("can be asked"));
        one.share_again().expect("can be shared");
        share();
    }
}
