//! The writing thread: runs queued jobs in groups, commits each group and hands it to the syncer.

use crate::{
    commit::{
        audit_tail::AuditTail,
        checkpoint::{Checkpointer, Phase, WalTruncation},
        durability_barrier::DurabilityBarrier,
        failure::{FailureLatch, PanicAlarm},
        group::{Group, QueuedJob},
        job::WriteTx,
        syncer::{SyncFn, Syncer},
    },
    error::{CommitError, DatabaseError, OpenError},
    files::presence::Presence,
    memory::indexes::Indexes,
    read::readers::Readers,
};
use carnelian_domain::Timestamp;
use carnelian_store::{Clock, OnFailure};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How many writes may wait, to be run or to be synced, before further ones fail as busy.
pub(super) const QUEUE: usize = 4096;

/// How many writes share a commit at most. While a sync runs the group has no limit but the queue's, since its commit
/// has to wait for that sync anyway.
pub(super) const GROUP: usize = 1024;

/// How often a writer without writes looks whether the registry's files are still in their directory.
const PRESENCE_INTERVAL: Duration = Duration::from_secs(1);

/// What the queue holds.
pub(super) enum Message {
    /// A job to run.
    Job(QueuedJob),
    /// The sync of the group that was handed over has ended, whether it succeeded or not.
    Synced,
    /// The checkpoint thread has done its part.
    CheckpointPhase(Phase),
    /// The store is closed: no job follows.
    Close,
}

/// What the writing thread works with.
pub(crate) struct WriterParts {
    pub(crate) connection: Connection,
    pub(crate) indexes: Option<Arc<Indexes>>,
    pub(crate) audit: AuditTail,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) on_failure: OnFailure,
    pub(crate) readers: Arc<Readers>,
    pub(crate) barrier: Arc<DurabilityBarrier>,
    pub(crate) wal_truncation: Arc<WalTruncation>,
    pub(crate) sync: SyncFn,
    /// A file of the data directory through which the file system is probed; `None` skips that.
    pub(crate) probe_file: Option<File>,
    /// The files that must stay in their directory; `None` skips looking for them.
    pub(crate) presence: Option<Arc<Presence>>,
    /// The database's own file, to sync what checkpoints copy into it.
    pub(crate) database: Arc<File>,
}

/// What the writing thread has.
pub(super) struct WriterThread {
    connection: Connection,
    indexes: Option<Arc<Indexes>>,
    audit: AuditTail,
    clock: Arc<dyn Clock>,
    checkpointer: Checkpointer,
    wal_truncation: Arc<WalTruncation>,
    failure: Arc<FailureLatch>,
    readers: Arc<Readers>,
    barrier: Arc<DurabilityBarrier>,
    pub(super) syncer: Arc<Syncer>,
    to_sync: Sender<Group>,
    presence: Option<Arc<Presence>>,
    /// Whether the syncer has a group.
    syncing: bool,
    /// Whether the store is closed.
    closing: bool,
    /// The jobs that have run in the open transaction. A transaction is open exactly if there is one.
    group: Group,
    /// When that transaction began.
    now: Timestamp,
}

impl WriterThread {
    /// Starts the syncer and the checkpoint thread, which reply through `queue`.
    pub(super) fn new(mut parts: WriterParts, path: &Path, queue: Sender<Message>) -> Result<WriterThread, OpenError> {
        let failure = Arc::new(FailureLatch::new(parts.on_failure, parts.barrier.clone()));
        let phases = queue.clone();
        let checkpointer = Checkpointer::start(
            &mut parts.connection,
            (path, parts.database),
            failure.clone(),
            parts.readers.clone(),
            parts.wal_truncation.clone(),
            move |phase| drop(phases.send(Message::CheckpointPhase(phase))),
        )?;
        let (to_sync, committed) = channel();
        let syncer = Arc::new(Syncer {
            sync: parts.sync,
            probe_file: parts.probe_file,
            presence: parts.presence.clone(),
            failure: failure.clone(),
            barrier: parts.barrier.clone(),
            clock: parts.clock.clone(),
            last_sync: Mutex::default(),
        });
        let of_thread = syncer.clone();
        spawn("syncer", move || of_thread.work(&committed, &|| drop(queue.send(Message::Synced))))?;
        Ok(WriterThread {
            connection: parts.connection,
            indexes: parts.indexes,
            audit: parts.audit,
            clock: parts.clock,
            checkpointer,
            wal_truncation: parts.wal_truncation,
            failure,
            readers: parts.readers,
            barrier: parts.barrier,
            syncer,
            to_sync,
            presence: parts.presence,
            syncing: false,
            closing: false,
            group: Group::default(),
            now: Timestamp(0),
        })
    }

    /// Handles messages until the store is closed.
    pub(super) fn work(&mut self, messages: &Receiver<Message>) {
        let _alarm = PanicAlarm { failure: self.failure.clone(), thread: "writer" };
        loop {
            let message = match messages.recv_timeout(PRESENCE_INTERVAL) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    self.check_presence(Presence::look_up);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut next = Some(message);
            while let Some(message) = next {
                if let Some(queued) = self.handle(message) {
                    self.run(queued, messages);
                }
                if self.closing {
                    return self.close(messages);
                }
                next = self.next(messages);
            }
            if !self.syncing {
                self.commit();
            }
        }
    }

    /// Handles a message; returns the job if it is one.
    fn handle(&mut self, message: Message) -> Option<QueuedJob> {
        match message {
            Message::Job(queued) => return Some(queued),
            Message::Synced => self.syncing = false,
            Message::CheckpointPhase(phase) => self.checkpointer.enter(phase),
            Message::Close => self.closing = true,
        }
        None
    }

    /// The next message to handle before the open transaction is committed.
    fn next(&self, messages: &Receiver<Message>) -> Option<Message> {
        if !self.syncing && self.group.jobs.len() >= GROUP {
            return None;
        }
        messages.try_recv().ok()
    }

    /// Waits for the running sync, commits the last group and syncs it.
    fn close(&mut self, messages: &Receiver<Message>) {
        while self.syncing {
            self.syncing = !matches!(messages.recv(), Ok(Message::Synced) | Err(_));
        }
        if let Some(group) = self.commit_group() {
            self.sync(group);
        }
    }

    /// Runs a job within the open transaction, or begins one.
    fn run(&mut self, queued: QueuedJob, messages: &Receiver<Message>) {
        if self.group.jobs.is_empty()
            && let Err(error) = self.begin()
        {
            return self.fail_queued(queued, messages, &error);
        }
        self.group.jobs.push(queued);
        if let Err(error) = self.run_last() {
            let error = self.failed_before_commit(error);
            self.roll_back(&error);
        }
    }

    fn begin(&mut self) -> Result<(), CommitError> {
        self.failure.check().map_err(CommitError::Unavailable)?;
        let begun = self.connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
        self.now = self.clock.now();
        begun.map(drop).map_err(|error| self.failed_before_commit(error.into()))
    }

    fn run_last(&mut self) -> Result<(), DatabaseError> {
        let Some(queued) = self.group.jobs.last_mut() else { return Ok(()) };
        queued.job.run(&mut WriteTx {
            connection: &self.connection,
            now: self.now,
            indexes: self.indexes.as_deref(),
            audit: &mut self.audit,
            written: &mut self.group.customers,
            erased: &mut self.group.erased,
            directory_version: &mut self.group.directory_version,
        })
    }

    /// Fails a job that could not begin a transaction, and all that are queued: they would fail for the same reason,
    /// each after the same wait.
    fn fail_queued(&mut self, queued: QueuedJob, messages: &Receiver<Message>, error: &CommitError) {
        let mut group = Group { jobs: vec![queued], ..Group::default() };
        for message in messages.try_iter().take(QUEUE) {
            group.jobs.extend(self.handle(message));
        }
        group.answer(&Err(error.clone()));
    }

    /// Commits the group and has it synced and answered; then does what checkpoints need.
    fn commit(&mut self) {
        match self.commit_group() {
            Some(group) if group.jobs.len() == 1 => self.sync(group),
            Some(group) => self.syncing = self.to_sync.send(group).is_ok(),
            None => {}
        }
        self.checkpointer.between_groups(&self.connection);
    }

    /// Syncs a group on this thread and replies to it.
    fn sync(&self, group: Group) {
        let result = self.syncer.sync(&group);
        group.answer(&result);
    }

    /// Reports a fatal failure if a file of the registry was removed or replaced.
    fn check_presence(&self, check: impl FnOnce(&Presence) -> Result<(), String>) {
        if let Some(Err(why)) = self.presence.as_deref().map(check) {
            self.failure.report(why);
        }
    }

    /// Commits the group, if there is one; `None` also if the commit fails.
    fn commit_group(&mut self) -> Option<Group> {
        if self.group.jobs.is_empty() {
            return None;
        }
        self.check_presence(Presence::check);
        if let Err(cause) = self.failure.check() {
            self.roll_back(&CommitError::Unavailable(cause));
            return None;
        }
        self.barrier.begin(&self.group.customers);
        let finished = self.audit.finish(&self.connection);
        let committed = finished.and_then(|()| self.connection.prepare_cached("COMMIT")?.execute([]));
        if let Err(error) = committed {
            let error = self.failed_commit(error);
            let customers = std::mem::take(&mut self.group.customers);
            if self.roll_back(&error) {
                self.barrier.complete(&customers);
            }
            return None;
        }
        self.readers.outdate_snapshots();
        if self.group.erased {
            self.wal_truncation.request();
        }
        if let Some(indexes) = &self.indexes {
            indexes.commit();
        }
        Some(std::mem::take(&mut self.group))
    }

    /// Rolls the open transaction back and fails its group; returns whether it is certain that nothing was stored.
    fn roll_back(&mut self, error: &CommitError) -> bool {
        let rolled_back = self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        if let Some(indexes) = &self.indexes {
            indexes.roll_back();
        }
        self.audit.forget();
        let error = if rolled_back { error.clone() } else { error.clone().into_unknown() };
        if !rolled_back {
            self.failure.report("a transaction could not be rolled back".into());
        }
        std::mem::take(&mut self.group).answer(&Err(error));
        rolled_back
    }

    /// The error of every write of a group that could not be run; reports it if it is fatal.
    fn failed_before_commit(&self, error: DatabaseError) -> CommitError {
        let error = error.or_read_only(&self.connection);
        self.report(&error);
        CommitError::before_commit(error)
    }

    /// The same for a group whose commit failed. After a fatal error the commit may have reached the log all the same.
    fn failed_commit(&self, error: rusqlite::Error) -> CommitError {
        let error = DatabaseError::from_write(error, &self.connection);
        self.report(&error);
        if error.is_fatal() { CommitError::Unknown(Arc::new(error)) } else { CommitError::before_commit(error) }
    }

    /// Reports an error as a fatal failure, if after it only a restart can find out what is stored.
    fn report(&self, error: &DatabaseError) {
        if error.is_fatal() {
            self.failure.report(format!("a commit failed: {error}"));
        } else if error.is_full() {
            tracing::warn!(%error, "waiting for disk space: a group of writes was rolled back");
        } else {
            tracing::warn!(%error, "a group of writes was rolled back");
        }
    }
}

/// Starts a thread of the store.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(OpenError::Thread)
}
