//! Checkpoints: copying the write-ahead log into the database while the writer commits.
//!
//! SQLite's automatic checkpoint runs inside a commit and delays every write of the group, so a thread of its own takes
//! its place. A log can restart at its beginning, instead of growing, once all of it has been copied and no reader uses
//! it. The last part is little and is copied by the writer, since no commit may come in between.
//!
//! ```text
//! phase       checkpoint thread                          writer thread
//! ────────────────────────────────────────────────────────────────────────────────────────────────
//! Idle        waits                                      runs and commits groups
//!   │
//!   │ the log has grown by START_PAGES, or its truncation is requested: the writer wakes the thread
//!   ▼
//! Copying     ends the snapshots of idle readers;        runs and commits groups
//!   │         copies (PASSIVE) and syncs the database,
//!   │         again while much has come in meanwhile
//!   │
//!   ├─ failed: waits for RETRY_DELAY, then Idle
//!   ▼
//! TailLeft    waits                                      between two groups: keeps readers from holding
//!   │                                                    snapshots, copies the rest (RESTART or TRUNCATE),
//!   │                                                    waits some milliseconds for running reads
//!   ▼
//! Idle        if a reader was slower than that, the log continues at its end and is copied again later
//! ```
//!
//! The phase belongs to the writer; the thread sends it the next one through the writer's queue. Reads run in every
//! phase. Commits of other processes do as well: SQLite's own locks order them.
//!
//! Erased data is overwritten in the database by a checkpoint, but stays in the log. So after an erasure the log is
//! copied soon, however short it is, and truncated ([`WalTruncation`]).

use crate::{
    commit::failure::{FailureLatch, PanicAlarm},
    error::{DatabaseError, OpenError},
    files::schema,
    read::readers::Readers,
};
use rusqlite::Connection;
use std::{
    fs::File,
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::Notify;

// The tuned numbers. At 30,000 creates a second the log grows by 4,000 pages about three times a second.

/// By how many pages the log grows before it is copied. 4,000 pages are 16 MB, so a log stays in the page cache.
const START_PAGES: i32 = 4_000;

/// How many pages may be left for the writer: about what 8 ms of creates at full speed add to the log. When the writer
/// copied and synced everything that came in, each checkpoint delayed it by 12 to 17 ms.
const TAIL_PAGES: i32 = 100;

/// How often the thread copies what has come in meanwhile, before it leaves all the rest to the writer. Each pass is
/// shorter than the one before unless the disk is slower than the writer, and then no further pass would help.
const PASSES: usize = 4;

/// How long a requested truncation waits, so that many erasures share one.
const TRUNCATION_DELAY: Duration = Duration::from_secs(1);

/// How long the thread waits after a failed checkpoint: the cause is likely to be still there at once.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long the writer waits for running reads, for every [`START_PAGES`] of the log. A look-up takes microseconds, a
/// step of a listing about a millisecond; the longer the log, the more a restart is worth waiting for.
const RESTART_PATIENCE: Duration = Duration::from_millis(3);

/// The longest time that the writer waits for running reads, as long as the slowest creates at 64 connections take.
const MAX_PATIENCE: Duration = Duration::from_millis(20);

/// Copies what no reader still needs in the log, and waits for no lock.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Copies everything, and waits for readers until the log can restart at its beginning.
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";

/// The same, and truncates the log to no bytes.
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// What a checkpoint does next; drawn at the head of this file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No checkpoint runs.
    Idle,
    /// The checkpoint thread copies the log.
    Copying,
    /// The checkpoint thread has copied what it could; the writer copies the rest.
    TailLeft,
}

/// The request to remove erased data from the log.
#[derive(Default)]
pub(crate) struct WalTruncation {
    requested: AtomicBool,
    done: Notify,
}

impl WalTruncation {
    /// Requests a truncation soon, because the last commit erased something.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::Release);
    }

    fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    fn complete(&self) {
        self.requested.store(false, Ordering::Release);
        self.done.notify_waiters();
    }

    /// Waits until the log holds nothing of what was erased before the call.
    pub(crate) async fn completed(&self) {
        loop {
            let mut done = pin!(self.done.notified());
            done.as_mut().enable();
            if !self.is_requested() {
                return;
            }
            done.await;
        }
    }
}

/// The writer's handle to the checkpoint thread; dropping it ends the thread.
pub(crate) struct Checkpointer {
    phase: Phase,
    log_pages: Arc<AtomicI32>,
    /// The length of the log when it was last copied without restarting at its beginning.
    copied_pages: i32,
    truncation: Arc<WalTruncation>,
    failure: Arc<FailureLatch>,
    readers: Arc<Readers>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Replaces the automatic checkpoints of the writer's connection. `next_phase` sends the phase that follows
    /// [`Phase::Copying`] to the writer, which passes it to [`Checkpointer::enter`].
    pub(crate) fn start(
        writer: &mut Connection,
        (path, database): (&Path, Arc<File>),
        failure: Arc<FailureLatch>,
        readers: Arc<Readers>,
        truncation: Arc<WalTruncation>,
        next_phase: impl Fn(Phase) + Send + 'static,
    ) -> Result<Checkpointer, OpenError> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let pages_of_hook = log_pages.clone();
        // Setting a hook switches the automatic checkpoint off.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            pages_of_hook.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let copier = Copier {
            connection: schema::open_for_checkpoints(path)?,
            database,
            log_pages: log_pages.clone(),
            failure: failure.clone(),
            readers: readers.clone(),
            truncation: truncation.clone(),
        };
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("checkpointer".into());
        let thread = thread.spawn(move || copier.work(&woken, &next_phase)).map_err(OpenError::Thread)?;
        let (wake, thread) = (Some(wake), Some(thread));
        let phase = Phase::Idle;
        Ok(Checkpointer { phase, log_pages, copied_pages: 0, truncation, failure, readers, wake, thread })
    }

    /// Enters the phase that the checkpoint thread has sent.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// Does what is due. The writer calls this between two groups, when no transaction is open.
    pub(crate) fn between_groups(&mut self, writer: &Connection) {
        match self.phase {
            Phase::Copying => return,
            Phase::TailLeft => self.copy_tail(writer),
            Phase::Idle => {}
        }
        self.phase = if self.has_enough_to_copy() || self.truncation.is_requested() {
            let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
            Phase::Copying
        } else {
            Phase::Idle
        };
    }

    /// Whether the log has grown by [`START_PAGES`] since it was last copied or restarted.
    fn has_enough_to_copy(&mut self) -> bool {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < self.copied_pages {
            self.copied_pages = 0;
        }
        pages - self.copied_pages >= START_PAGES
    }

    /// Copies what came in while the thread copied, so that the log can restart at its beginning.
    fn copy_tail(&mut self, writer: &Connection) {
        self.copied_pages = self.log_pages.load(Ordering::Relaxed);
        let truncate = self.truncation.is_requested();
        let (mode, patience) = if truncate { (TRUNCATE, MAX_PATIENCE) } else { (RESTART, self.restart_patience()) };
        let wait_for = |patience| writer.busy_timeout(patience).is_ok();
        let copy = || wait_for(patience) && checkpoint(writer, mode, &self.failure).is_some();
        let copied = self.readers.without_snapshots(copy);
        if wait_for(schema::BUSY_TIMEOUT) && copied {
            // The hook reports the new length at the next commit.
            self.log_pages.store(0, Ordering::Relaxed);
            if truncate {
                self.truncation.complete();
            }
        }
    }

    fn restart_patience(&self) -> Duration {
        let times = self.copied_pages / START_PAGES;
        MAX_PATIENCE.min(RESTART_PATIENCE * times.max(1).unsigned_abs())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the checkpoint thread works with.
struct Copier {
    connection: Connection,
    /// The database's own file, to sync what is copied into it.
    database: Arc<File>,
    log_pages: Arc<AtomicI32>,
    failure: Arc<FailureLatch>,
    readers: Arc<Readers>,
    truncation: Arc<WalTruncation>,
}

impl Copier {
    /// Copies the log each time that the writer wakes the thread, until the writer ends.
    fn work(&self, woken: &Receiver<()>, next_phase: &dyn Fn(Phase)) {
        let _alarm = PanicAlarm { failure: self.failure.clone(), thread: "checkpointer" };
        while woken.recv().is_ok() {
            // The writer sends nothing in this phase, so only its end cuts these waits short.
            if self.truncation.is_requested() {
                let _ = woken.recv_timeout(TRUNCATION_DELAY);
            }
            self.readers.release_snapshots();
            let copied = self.copy_ahead().is_some();
            self.readers.check_size();
            if !copied {
                let _ = woken.recv_timeout(RETRY_DELAY);
            }
            next_phase(if copied { Phase::TailLeft } else { Phase::Idle });
        }
    }

    /// Copies the log until little has come in meanwhile; `None` if it could not be copied.
    fn copy_ahead(&self) -> Option<()> {
        for _ in 0..PASSES {
            let copied = checkpoint(&self.connection, PASSIVE, &self.failure)?;
            // SQLite syncs the database only after copying the end of the log, which would be in the writer's part.
            if let Err(error) = self.database.sync_data() {
                self.failure.report(format!("a sync failed: {error}"));
                return None;
            }
            if self.log_pages.load(Ordering::Relaxed) - copied <= TAIL_PAGES {
                break;
            }
        }
        Some(())
    }
}

/// Runs a checkpoint and returns how many pages of the log are copied by now; `None` if it is postponed or has failed.
fn checkpoint(connection: &Connection, mode: &str, failure: &FailureLatch) -> Option<i32> {
    let done = connection.query_row(mode, [], |row| Ok((row.get::<_, bool>(0)?, row.get(2)?)));
    match done.map_err(|error| DatabaseError::from_write(error, connection)) {
        Ok((false, copied)) => Some(copied),
        Ok((true, _)) => None,
        Err(error) if error.is_fatal() => {
            failure.report(format!("a checkpoint failed: {error}"));
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a checkpoint was postponed");
            None
        }
    }
}
