//! Work that waits to be done within a transaction, and whoever waits for it.

use crate::{
    audit::AuditTail,
    error::{CommitError, DatabaseError},
    indexes::Indexes,
    reply::ReplySender,
};
use carnelian_domain::{CustomerId, Timestamp};
use carnelian_store::{Conflict, StoreError};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What a piece of work sees of the transaction that it runs in.
pub(crate) struct Writing<'a> {
    /// The connection, within the transaction.
    pub(crate) connection: &'a Connection,
    /// When the transaction began.
    pub(crate) now: Timestamp,
    /// What is kept in memory; `None` in a process that may not write customers.
    pub(crate) indexes: Option<&'a Indexes>,
    /// Where the audit log ends.
    pub(crate) audit: &'a mut AuditTail,
    /// The customers that the transaction writes.
    pub(crate) written: &'a mut Vec<CustomerId>,
    /// Whether it erases something that must not stay in the log.
    pub(crate) erased: &'a mut bool,
}

impl<'a> Writing<'a> {
    /// What is kept in memory by a process that may write customers.
    pub(crate) fn indexes(&self) -> Result<&'a Indexes, WorkError> {
        self.indexes.ok_or(WorkError::NotAllowed)
    }

    /// Writes an entry of the audit log.
    pub(crate) fn record(&mut self, entry: &str) -> Result<(), WorkError> {
        Ok(self.audit.append(self.connection, self.now, entry)?)
    }
}

/// Why a piece of work did not succeed.
pub(crate) enum WorkError {
    /// It cannot be carried out. It must not have written anything: its group goes on and is committed.
    Conflict(Conflict),
    /// This process may not do it; likewise.
    NotAllowed,
    /// The database failed: the whole group is undone.
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

/// A piece of work and whoever waits for it.
pub(crate) trait Job: Send {
    /// Does the work; an error undoes the whole group.
    fn run(&mut self, writing: &mut Writing<'_>) -> Result<(), DatabaseError>;

    /// Answers, once the fate of the group is known.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

/// Work whose outcome goes to whoever asked for it.
pub(crate) struct Waiting<W, T> {
    /// Taken when it is run.
    work: Option<W>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    /// Its place among those who wait.
    place: OwnedSemaphorePermit,
}

impl<W, T> Waiting<W, T> {
    pub(crate) fn new(
        work: W,
        reply: oneshot::Sender<Result<T, StoreError>>,
        place: OwnedSemaphorePermit,
    ) -> Waiting<W, T> {
        Waiting { work: Some(work), outcome: None, reply, place }
    }
}

impl<T: Send, W: FnOnce(&mut Writing<'_>) -> Result<T, WorkError> + Send> Job for Waiting<W, T> {
    fn run(&mut self, writing: &mut Writing<'_>) -> Result<(), DatabaseError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let before = writing.connection.total_changes();
        let done = work(writing);
        let refused = matches!(done, Err(WorkError::Conflict(_) | WorkError::NotAllowed));
        debug_assert!(!refused || writing.connection.total_changes() == before, "what was refused has written");
        self.outcome = match done {
            Ok(done) => Some(Ok(done)),
            Err(WorkError::Conflict(conflict)) => Some(Err(conflict.into())),
            Err(WorkError::NotAllowed) => Some(Err(StoreError::unavailable("this process may not write customers"))),
            Err(WorkError::Database(error)) => return Err(error),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let answer = match (group, self.outcome) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::unavailable("the work was never run")),
        };
        // Whoever is answered may take the place at once.
        drop(self.place);
        // Whoever waited may be gone; the write stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// A piece of work on its way, and the thread that asked for it.
pub(crate) struct Asked {
    pub(crate) job: Box<dyn Job>,
    pub(crate) reply_to: ReplySender,
}

/// Work that shares a transaction, the customers that it writes, and whether it erases something.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) asked: Vec<Asked>,
    pub(crate) customers: Vec<CustomerId>,
    pub(crate) erased: bool,
}

impl Group {
    /// Tells everyone the fate of the group.
    pub(crate) fn answer(self, result: &Result<(), CommitError>) {
        for asked in self.asked {
            asked.reply_to.send(asked.job, result.clone());
        }
    }
}
