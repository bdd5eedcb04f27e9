//! Jobs: work that runs within a transaction of the writer, and the caller that waits for its outcome.

use crate::{commit::audit_tail::AuditTail, error::DatabaseError, memory::indexes::Indexes};
use carnelian_domain::{CustomerId, Timestamp};
use carnelian_store::{Conflict, DirectoryError, StoreError};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The transaction that a job runs in.
pub(crate) struct WriteTx<'a> {
    /// The connection, within the transaction.
    pub(crate) connection: &'a Connection,
    /// When the transaction began.
    pub(crate) now: Timestamp,
    /// The indexes in memory; `None` in a process that may not write customers.
    pub(crate) indexes: Option<&'a Indexes>,
    /// The end of the audit log.
    pub(crate) audit: &'a mut AuditTail,
    /// The customers that the transaction has written.
    pub(crate) written: &'a mut Vec<CustomerId>,
    /// Whether it erases data, which must not stay in the write-ahead log.
    pub(crate) erased: &'a mut bool,
    /// The version of the directory when the transaction began, once a job has asked for it.
    pub(crate) directory_version: &'a mut Option<u64>,
}

impl<'a> WriteTx<'a> {
    /// The indexes in memory; fails in a process that may not write customers.
    pub(crate) fn indexes(&self) -> Result<&'a Indexes, WorkError> {
        self.indexes.ok_or(WorkError::NotAllowed)
    }

    /// Checks that the directory is the one with which the rights to a write were confirmed. Other processes change it, too,
    /// while a write waits in the queue.
    ///
    /// It is read once for a group, and so changes in the group itself do not count: its writes are committed together.
    pub(crate) fn check_rights(&mut self, confirmed: Option<u64>) -> Result<(), WorkError> {
        let Some(confirmed) = confirmed else { return Ok(()) };
        let version = match *self.directory_version {
            Some(version) => version,
            None => {
                let mut select = self.connection.prepare_cached("SELECT directory_version FROM registry")?;
                *self.directory_version.insert(select.query_row([], |row| row.get(0))?)
            }
        };
        if version == confirmed { Ok(()) } else { Err(Conflict::DirectoryChanged.into()) }
    }

    /// Counts an erasure that may have left copies in the files.
    pub(crate) fn add_pending_purge(&self) -> Result<(), WorkError> {
        let count = "UPDATE registry SET pending_purges = pending_purges + 1";
        Ok(self.connection.prepare_cached(count)?.execute([]).map(drop)?)
    }

    /// Writes an entry of the audit log.
    pub(crate) fn record(&mut self, entry: &str) -> Result<(), WorkError> {
        Ok(self.audit.append(self.connection, self.now, entry)?)
    }
}

/// Why a job failed.
pub(crate) enum WorkError {
    /// The write is refused. The job must not have written anything: its group continues and is committed.
    Conflict(Conflict),
    /// This process may not write customers. Likewise, the job must not have written anything.
    NotAllowed,
    /// The directory is not what was sealed last. Likewise, the job must not have written anything.
    Directory(DirectoryError),
    /// The database failed: the whole group is rolled back.
    Database(DatabaseError),
}

impl From<Conflict> for WorkError {
    fn from(conflict: Conflict) -> WorkError {
        WorkError::Conflict(conflict)
    }
}

impl From<DatabaseError> for WorkError {
    fn from(error: DatabaseError) -> WorkError {
        WorkError::Database(error)
    }
}

impl From<rusqlite::Error> for WorkError {
    fn from(error: rusqlite::Error) -> WorkError {
        WorkError::Database(error.into())
    }
}

/// A job of any type, as the writer sees it.
pub(crate) trait Job: Send {
    /// Runs the job; an error rolls the whole group back.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> Result<(), DatabaseError>;

    /// Replies to the caller with the outcome: the job's own, or the error of its group.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

/// A job with the channel to its caller.
pub(crate) struct PendingJob<W, T> {
    /// Taken when the job runs.
    work: Option<W>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    /// Its place in the queue.
    place: OwnedSemaphorePermit,
}

impl<W, T> PendingJob<W, T> {
    pub(crate) fn new(
        work: W,
        reply: oneshot::Sender<Result<T, StoreError>>,
        place: OwnedSemaphorePermit,
    ) -> PendingJob<W, T> {
        PendingJob { work: Some(work), outcome: None, reply, place }
    }
}

impl<T: Send, W: FnOnce(&mut WriteTx<'_>) -> Result<T, WorkError> + Send> Job for PendingJob<W, T> {
    fn run(&mut self, tx: &mut WriteTx<'_>) -> Result<(), DatabaseError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let before = tx.connection.total_changes();
        let done = work(tx);
        let refused = matches!(done, Err(WorkError::Conflict(_) | WorkError::NotAllowed | WorkError::Directory(_)));
        debug_assert!(!refused || tx.connection.total_changes() == before, "a refused job has written");
        self.outcome = match done {
            Ok(done) => Some(Ok(done)),
            Err(WorkError::Conflict(conflict)) => Some(Err(conflict.into())),
            Err(WorkError::NotAllowed) => Some(Err(StoreError::unavailable("this process may not write customers"))),
            Err(WorkError::Directory(error)) => Some(Err(StoreError::corrupt(error))),
            Err(WorkError::Database(error)) => return Err(error),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let answer = match (group, self.outcome) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::unavailable("the job was never run")),
        };
        // Released first, so that the caller can use the place for its next write.
        drop(self.place);
        // The caller may have stopped waiting; the write stays.
        let _ = self.reply.send(answer);
    }
}
