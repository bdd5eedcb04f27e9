//! Putting committed groups on stable storage, and only then answering.

use crate::{
    failure::{Failure, Refusal},
    job::Group,
    schema::log_of,
    unsynced::Unsynced,
};
use std::{
    fs::{File, Permissions},
    io,
    path::Path,
    sync::{Arc, mpsc::Receiver},
};

/// Syncs the write-ahead log.
pub(crate) type Sync = Box<dyn Fn() -> io::Result<()> + Send + std::marker::Sync>;

/// Opens the write-ahead log beside SQLite, to sync it; SQLite keeps no locks on this file that closing could free.
///
/// What a killed process has left in the log is synced first: it can be read from now on.
pub(crate) fn sync_of(path: &Path) -> io::Result<Sync> {
    let log = File::open(log_of(path))?;
    log.sync_data()?;
    let permissions = log.metadata()?.permissions();
    Ok(Box::new(move || {
        log.sync_data()?;
        // The first one may be what makes an ext4 notice that its journal has ended; it tells the second.
        check_file_system(&log, permissions.clone())?;
        check_file_system(&log, permissions.clone())
    }))
}

/// Says whether the file system still takes changes; to give the log the permissions that it has is one.
///
/// A sync cannot be trusted alone. An ext4 that gives up while new data is on its way out takes no changes from then on,
/// but forgets that data without a word to whoever waits for it. It has given up before such a sync returns.
fn check_file_system(log: &File, permissions: Permissions) -> io::Result<()> {
    match log.set_permissions(permissions) {
        // Whoever may not change permissions learns nothing this way.
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
