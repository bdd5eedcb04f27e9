//! Putting committed groups on stable storage, and only then answering.

use crate::{
    error::check_file_system,
    failure::{Failure, Refusal},
    job::Group,
    schema::log_of,
    unsynced::Unsynced,
};
use std::{
    fs::File,
    io,
    path::Path,
    sync::{Arc, mpsc::Receiver},
};

/// Syncs the write-ahead log.
pub(crate) type Sync = Box<dyn Fn() -> io::Result<()> + Send + std::marker::Sync>;

/// Opens the write-ahead log beside SQLite, to sync it; SQLite keeps no locks on this file that closing could free.
///
/// A sync cannot be trusted alone. An ext4 that gives up while new data is on its way out takes no changes from then on,
/// but forgets that data without a word to whoever waits for it. It has given up before such a sync returns, so it is
/// asked then, with `neighbour`, another file of the directory: the next sync of the log would have to write the change.
///
/// What a killed process has left in the log is synced first: it can be read from now on.
pub(crate) fn sync_of(path: &Path, neighbour: File) -> io::Result<Sync> {
    let log = File::open(log_of(path))?;
    log.sync_data()?;
    Ok(Box::new(move || {
        log.sync_data()?;
        check_file_system(&neighbour)
    }))
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
