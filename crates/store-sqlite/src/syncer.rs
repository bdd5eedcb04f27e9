//! Putting committed groups on stable storage, and only then answering.

use crate::{
    failure::{Failure, Refusal},
    job::Group,
    schema::log_of,
    unsynced::Unsynced,
};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use std::{
    fs::File,
    io,
    path::Path,
    sync::{Arc, mpsc::Receiver},
};

/// Syncs the write-ahead log.
pub(crate) type Sync = Box<dyn Fn() -> io::Result<()> + Send + std::marker::Sync>;

/// Opens the write-ahead log beside SQLite, to sync it; SQLite keeps no locks on this file that closing could free.
/// `neighbour` is another file of the directory.
///
/// What a killed process has left in the log is synced first: it can be read from now on.
pub(crate) fn sync_of(path: &Path, neighbour: File) -> io::Result<Sync> {
    let log = File::open(log_of(path))?;
    log.sync_data()?;
    Ok(Box::new(move || {
        log.sync_data()?;
        // The first one may be what makes an ext4 notice that its journal has ended; it tells the second.
        check_file_system(&neighbour)?;
        check_file_system(&neighbour)
    }))
}

/// Says whether the file system still takes changes; to set the times of a file is one.
///
/// A sync cannot be trusted alone. An ext4 that gives up while new data is on its way out takes no changes from then on,
/// but forgets that data without a word to whoever waits for it. It has given up before such a sync returns.
///
/// The log itself must not be the file: its next sync would have to write that change, too.
fn check_file_system(neighbour: &File) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    match futimens(neighbour, &times).map_err(io::Error::from) {
        // Whoever may not change them learns nothing this way.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// Puts committed groups on stable storage.
pub(crate) struct Syncer {
    pub(crate) sync: Sync,
    pub(crate) failure: Arc<Failure>,
    pub(crate) unsynced: Arc<Unsynced>,
}

impl Syncer {
    /// Syncs and answers groups until there are no more; tells `synced` after each sync.
    pub(crate) fn work(&self, committed: &Receiver<Group>, synced: impl Fn()) {
        while let Ok(group) = committed.recv() {
            let result = self.sync(&group);
            // The writer commits the next group while this one is answered.
            synced();
            group.answer(&result);
        }
    }

    /// Syncs the log; `Ok` means that the group is on stable storage.
    pub(crate) fn sync(&self, group: &Group) -> Result<(), Refusal> {
        if let Err(error) = (self.sync)() {
            self.failure.report(format!("a sync failed: {error}"));
        }
        self.failure.check()?;
        self.unsynced.clear(&group.customers);
        Ok(())
    }
}
