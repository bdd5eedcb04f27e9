//! Syncs committed groups and then replies to their callers.

use crate::{
    commit::{
        durability_barrier::DurabilityBarrier,
        failure::{FailureLatch, PanicAlarm},
        group::Group,
    },
    error::CommitError,
    files::{
        file_system::{check_file_system, log_of},
        presence::Presence,
    },
};
use carnelian_store::{Cause, Clock, StoreError};
use parking_lot::Mutex;
use std::{
    fs::File,
    io,
    path::Path,
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

/// Puts everything that is in the write-ahead log on stable storage.
pub(crate) type SyncFn = Box<dyn Fn() -> io::Result<()> + Send + Sync>;

/// The sync of a database's log. SQLite has no locks on the log's file that closing ours could release.
///
/// What a killed process has left in the log is synced at once, since from now on it can be read.
pub(crate) fn log_sync(path: &Path) -> io::Result<SyncFn> {
    let log = File::open(log_of(path))?;
    log.sync_data()?;
    Ok(Box::new(move || log.sync_data()))
}

/// Calls a function when it is dropped, also during a panic: the writer waits for the end of every sync.
struct OnDrop<'a>(&'a dyn Fn());

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What the syncing thread works with.
pub(crate) struct Syncer {
    pub(crate) sync: SyncFn,
    /// A file of the data directory through which the file system is probed after a sync; `None` skips that.
    pub(crate) probe_file: Option<File>,
    /// The files that must still be in their directory after a sync; `None` skips looking for them.
    pub(crate) presence: Option<Arc<Presence>>,
    pub(crate) failure: Arc<FailureLatch>,
    pub(crate) barrier: Arc<DurabilityBarrier>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long the sync of the newest group took.
    pub(crate) last_sync: Mutex<Option<Duration>>,
}

impl Syncer {
    /// Syncs groups and replies to them until the writer ends; calls `synced` after each sync, also after a panic.
    pub(crate) fn work(&self, committed: &Receiver<Group>, synced: &dyn Fn()) {
        while let Ok(group) = committed.recv() {
            let notify = OnDrop(synced);
            // Dropped before `notify`, so that a panic is reported before the writer commits the next group.
            let _alarm = PanicAlarm { failure: self.failure.clone(), thread: "syncer" };
            let result = self.sync(&group);
            // The writer commits the next group while the replies of this one are sent.
            drop(notify);
            group.answer(&result);
        }
    }

    /// Syncs the log. `Ok` means that the group is on stable storage.
    ///
    /// A sync alone cannot be trusted: when ext4 aborts its journal while data is being written out, it drops that data,
    /// refuses changes from then on, and can still report the sync as successful. The journal is aborted before the
    /// sync returns, so the file system is probed after it. The probe changes a file other than the log: a change of the
    /// log would have to be written by the next sync, which took 0.36 instead of 0.21 ms on XFS.
    pub(crate) fn sync(&self, group: &Group) -> Result<(), CommitError> {
        let begun = self.clock.monotonic();
        let probe = || self.probe_file.as_ref().map_or(Ok(()), check_file_system);
        let synced = (self.sync)().and_then(|()| probe());
        if let Some(Err(why)) = self.presence.as_ref().map(|presence| presence.check()) {
            self.failure.report(why);
        }
        self.judge(synced).map_err(CommitError::Unknown)?;
        *self.last_sync.lock() = Some(self.clock.monotonic().saturating_sub(begun));
        self.barrier.complete(&group.customers);
        Ok(())
    }

    /// Syncs the log for a reader that may have read another process's commit before that process has synced it.
    ///
    /// On a read-only file system there are no new commits, so nothing needs to be synced.
    pub(crate) fn sync_read(&self) -> Result<(), StoreError> {
        let is_read_only = |error: &io::Error| error.kind() == io::ErrorKind::ReadOnlyFilesystem;
        let synced = (self.sync)().or_else(|error| if is_read_only(&error) { Ok(()) } else { Err(error) });
        self.judge(synced).map_err(StoreError::Unavailable)
    }

    /// Reports a failed sync, and fails if there has been any fatal failure so far.
    fn judge(&self, synced: io::Result<()>) -> Result<(), Cause> {
        if let Err(error) = synced {
            self.failure.report(format!("a sync failed: {error}"));
        }
        self.failure.check()
    }
}
