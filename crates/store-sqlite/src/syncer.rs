//! Putting committed groups on stable storage, and only then answering.

use crate::{
    error::{CommitError, check_file_system},
    failure::{FailureLatch, PanicAlarm},
    job::Group,
    schema::log_of,
    unsynced::Unsynced,
};
use carnelian_store::{Cause, StoreError};
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
/// What a killed process has left in the log is synced first: it can be read from now on.
pub(crate) fn sync_of(path: &Path) -> io::Result<Sync> {
    let log = File::open(log_of(path))?;
    log.sync_data()?;
    Ok(Box::new(move || log.sync_data()))
}

/// Tells that a sync is over when it is dropped: the writer, which waits for it, must not wait for ever.
struct Over<'a>(&'a dyn Fn());

impl Drop for Over<'_> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Puts committed groups on stable storage.
pub(crate) struct Syncer {
    pub(crate) sync: Sync,
    /// Another file of the directory, through which the file system is asked.
    pub(crate) neighbour: Option<File>,
    pub(crate) failure: Arc<FailureLatch>,
    pub(crate) unsynced: Arc<Unsynced>,
}

impl Syncer {
    /// Syncs and answers groups until there are no more; tells `over` after each sync, be it ended by a panic.
    pub(crate) fn work(&self, committed: &Receiver<Group>, over: &dyn Fn()) {
        while let Ok(group) = committed.recv() {
            let told = Over(over);
            // Heard before the writer goes on.
            let _alarm = PanicAlarm { failure: self.failure.clone(), thread: "syncer" };
            let result = self.sync(&group);
            // The writer commits the next group while this one is answered.
            drop(told);
            group.answer(&result);
        }
    }

    /// Syncs the log; `Ok` means that the group is on stable storage.
    ///
    /// A sync cannot be trusted alone. An ext4 that gives up while new data is on its way out takes no changes from then
    /// on, but forgets that data without a word to whoever waits for it. It has given up before such a sync returns, so
    /// it is asked then, and not with the log: the next sync of that would have to write the change.
    pub(crate) fn sync(&self, group: &Group) -> Result<(), CommitError> {
        let check = || self.neighbour.as_ref().map_or(Ok(()), check_file_system);
        self.judge((self.sync)().and_then(|()| check())).map_err(CommitError::Unknown)?;
        self.unsynced.clear(&group.customers);
        Ok(())
    }

    /// Syncs the log for whoever has read from it what any process may have written just now.
    ///
    /// A file system that takes no writes has nothing that is new.
    pub(crate) fn sync_read(&self) -> Result<(), StoreError> {
        let is_read_only = |error: &io::Error| error.kind() == io::ErrorKind::ReadOnlyFilesystem;
        let synced = (self.sync)().or_else(|error| if is_read_only(&error) { Ok(()) } else { Err(error) });
        self.judge(synced).map_err(StoreError::Unavailable)
    }

    /// Reports a failed sync; says whether nothing has failed so far.
    fn judge(&self, synced: io::Result<()>) -> Result<(), Cause> {
        if let Err(error) = synced {
            self.failure.report(format!("a sync failed: {error}"));
        }
        self.failure.check()
    }
}
