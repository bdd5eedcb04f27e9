//! Runs what waits in groups, commits each and has it synced.

use super::{Message, QUEUE, WriterParts, spawn};
use crate::{
    audit::AuditTail,
    checkpoint::{Checkpointer, WalTruncation},
    error::{CommitError, DatabaseError, OpenError},
    failure::{FailureLatch, PanicAlarm},
    indexes::Indexes,
    job::{Asked, Group, Writing},
    readers::Readers,
    syncer::Syncer,
    unsynced::Unsynced,
};
use carnelian_domain::Timestamp;
use carnelian_store::Clock;
use rusqlite::Connection;
use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

/// How many writes share a commit at most, unless there is a sync to wait for.
const GROUP: usize = 1024;

/// What the writing thread has and knows.
pub(super) struct WriterThread {
    connection: Connection,
    indexes: Option<Arc<Indexes>>,
    audit: AuditTail,
    clock: Arc<dyn Clock>,
    checkpointer: Checkpointer,
    wal_truncation: Arc<WalTruncation>,
    failure: Arc<FailureLatch>,
    readers: Arc<Readers>,
    unsynced: Arc<Unsynced>,
    pub(super) syncer: Arc<Syncer>,
    to_sync: Sender<Group>,
    /// A group is with the syncer.
    syncing: bool,
    /// Nothing more will come.
    closing: bool,
    /// What has been run and not been committed: a transaction is open exactly if there is something.
    group: Group,
    /// When that transaction began.
    now: Timestamp,
}

impl WriterThread {
    /// Prepares it, with the threads that sync and that copy the log; `queue` is where it will be told what to do.
    pub(super) fn prepare(
        mut parts: WriterParts,
        wal_truncation: Arc<WalTruncation>,
        path: &Path,
        queue: Sender<Message>,
    ) -> Result<WriterThread, OpenError> {
        let failure = Arc::new(FailureLatch::new(parts.on_failure, parts.unsynced.clone()));
        let (readers, to_writer) = (parts.readers.clone(), queue.clone());
        let copied = move || drop(to_writer.send(Message::Copied));
        let files = (path, parts.database);
        let checkpointer = Checkpointer::start(
            &mut parts.connection,
            files,
            failure.clone(),
            readers,
            wal_truncation.clone(),
            copied,
        )?;
        let (to_sync, committed) = channel();
        let unsynced = parts.unsynced;
        let syncer = Arc::new(Syncer {
            sync: parts.sync,
            neighbour: parts.neighbour,
            failure: failure.clone(),
            unsynced: unsynced.clone(),
        });
        let (for_thread, synced) = (syncer.clone(), queue.clone());
        spawn("syncer", move || for_thread.work(&committed, &|| drop(synced.send(Message::Synced))))?;
        Ok(WriterThread {
            connection: parts.connection,
            indexes: parts.indexes,
            audit: parts.audit,
            clock: parts.clock,
            checkpointer,
            wal_truncation,
            failure,
            readers: parts.readers,
            unsynced,
            syncer,
            to_sync,
            syncing: false,
            closing: false,
            group: Group::default(),
            now: Timestamp(0),
        })
    }

    /// Does what it is told, until it is told to close.
    pub(super) fn work(&mut self, messages: &Receiver<Message>) {
        let _alarm = PanicAlarm { failure: self.failure.clone(), thread: "writer" };
        while let Ok(message) = messages.recv() {
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Job(asked) => self.run(asked, messages),
                    Message::Synced => self.syncing = false,
                    Message::Copied => {}
                    Message::Close => self.closing = true,
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

    /// What else there is to do before the open transaction is committed.
    fn next(&self, messages: &Receiver<Message>) -> Option<Message> {
        if !self.syncing && self.group.asked.len() >= GROUP {
            return None;
        }
        messages.try_recv().ok()
    }

    /// Waits for the sync that is on, and does the last one itself.
    fn close(&mut self, messages: &Receiver<Message>) {
        while self.syncing {
            self.syncing = !matches!(messages.recv(), Ok(Message::Synced) | Err(_));
        }
        if let Some(group) = self.commit_group() {
            let result = self.syncer.sync(&group);
            group.answer(&result);
        }
    }

    /// Runs a piece of work within the open transaction, or within a new one.
    fn run(&mut self, asked: Asked, messages: &Receiver<Message>) {
        if self.group.asked.is_empty()
            && let Err(refusal) = self.begin()
        {
            return self.turn_away(asked, messages, &refusal);
        }
        self.group.asked.push(asked);
        if let Err(error) = self.run_last() {
            let refusal = self.failed_before_commit(error);
            self.undo(&refusal);
        }
    }

    fn begin(&mut self) -> Result<(), CommitError> {
        self.failure.check().map_err(CommitError::Unavailable)?;
        let begun = self.connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
        self.now = self.clock.now();
        begun.map(drop).map_err(|error| self.failed_before_commit(error.into()))
    }

    fn run_last(&mut self) -> Result<(), DatabaseError> {
        let Some(asked) = self.group.asked.last_mut() else { return Ok(()) };
        asked.job.run(&mut Writing {
            connection: &self.connection,
            now: self.now,
            indexes: self.indexes.as_deref(),
            audit: &mut self.audit,
            written: &mut self.group.customers,
            erased: &mut self.group.erased,
        })
    }

    /// Turns away a piece of work and all that waits behind it: what stands in the way of one stands in the way of all.
    fn turn_away(&mut self, asked: Asked, messages: &Receiver<Message>, refusal: &CommitError) {
        let mut group = Group { asked: vec![asked], ..Group::default() };
        for _ in 0..QUEUE {
            match messages.try_recv() {
                Ok(Message::Job(asked)) => group.asked.push(asked),
                Ok(Message::Synced) => self.syncing = false,
                Ok(Message::Copied) => {}
                Ok(Message::Close) => self.closing = true,
                Err(_) => break,
            }
        }
        group.answer(&Err(refusal.clone()));
    }

    /// Commits what has been run, and has it synced and answered.
    fn commit(&mut self) {
        match self.commit_group() {
            Some(group) if group.asked.len() == 1 => {
                // Nobody to share with: handing it over would only take time.
                let result = self.syncer.sync(&group);
                group.answer(&result);
            }
            Some(group) => self.syncing = self.to_sync.send(group).is_ok(),
            None => {}
        }
        self.checkpointer.between_groups(&self.connection);
    }

    /// Commits what has been run, if there is anything and the commit succeeds.
    fn commit_group(&mut self) -> Option<Group> {
        if self.group.asked.is_empty() {
            return None;
        }
        if let Err(cause) = self.failure.check() {
            self.undo(&CommitError::Unavailable(cause));
            return None;
        }
        self.unsynced.note(&self.group.customers);
        let finished = self.audit.finish(&self.connection);
        let committed = finished.and_then(|()| self.connection.prepare_cached("COMMIT")?.execute([]));
        if let Err(error) = committed {
            let refusal = self.failed_commit(error);
            let noted = std::mem::take(&mut self.group.customers);
            if self.undo(&refusal) {
                self.unsynced.clear(&noted);
            }
            return None;
        }
        self.readers.outdate_views();
        if self.group.erased {
            self.wal_truncation.request();
        }
        if let Some(indexes) = &self.indexes {
            indexes.keep_changes();
        }
        Some(std::mem::take(&mut self.group))
    }

    /// Undoes the open transaction and refuses everyone in it; says whether it is undone for certain.
    fn undo(&mut self, refusal: &CommitError) -> bool {
        let undone = self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        if let Some(indexes) = &self.indexes {
            indexes.undo_changes();
        }
        self.audit.forget();
        let refusal = if undone { refusal.clone() } else { refusal.clone().into_unknown() };
        if !undone {
            self.failure.report("a transaction could not be undone".into());
        }
        std::mem::take(&mut self.group).answer(&Err(refusal));
        undone
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
