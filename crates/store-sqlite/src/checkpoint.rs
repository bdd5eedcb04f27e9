//! Moving the write-ahead log into the database, beside the writer.
//!
//! SQLite's automatic checkpoint would run inside a commit and make everyone in the group wait. Here a thread of its
//! own copies the log while the writer goes on, and syncs what it has copied. What came in meanwhile is little, and the
//! writer copies that itself between two groups, because only a log that is copied whole can start again at its
//! beginning.
//!
//! What was erased is overwritten in the database by that, but the log still has it. So a log that has is copied soon,
//! however short it is, and cut off.

use crate::{
    error::{DatabaseError, OpenError},
    failure::{FailureLatch, PanicAlarm},
    readers::Readers,
    schema,
};
use rusqlite::Connection;
use std::{
    fs::File,
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::Notify;

/// How many pages the log gets before they are copied.
const START_PAGES: i32 = 4_000;

/// How many pages may be left for the writer to copy.
const TAIL_PAGES: i32 = 100;

/// How often the thread copies what has come in meanwhile, before it leaves to the writer whatever there is.
const PASSES: usize = 4;

/// How long the log waits for more that is erased before it is copied for that.
const TRUNCATION_DELAY: Duration = Duration::from_secs(1);

/// How long nobody copies after that has failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long the writer waits for readers to let go of the log before it goes on at its end: so long for each time that
/// the log has got [`START_PAGES`] since its beginning.
const RESTART_PATIENCE: Duration = Duration::from_millis(3);

/// How long it waits for them at most, and before it puts cutting the log off until later.
const CUT_PATIENCE: Duration = Duration::from_millis(20);

/// Copies what no reader still needs, and waits for nobody.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Copies everything, and waits for readers until the log can start again at its beginning.
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";

/// The same, and cuts the log off.
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Nobody copies.
const IDLE: u8 = 0;
/// The thread copies.
const COPYING: u8 = 1;
/// The thread has copied what was there when it began: the writer's turn.
const TAIL_LEFT: u8 = 2;

/// A request to truncate the log, because it holds deleted data.
#[derive(Default)]
pub(crate) struct WalTruncation {
    requested: AtomicBool,
    complete: Notify,
}

impl WalTruncation {
    /// Requests that the log is copied soon and truncated.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::Release);
    }

    fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    fn complete(&self) {
        self.requested.store(false, Ordering::Release);
        self.complete.notify_waiters();
    }

    /// Waits until no request is open: everything that was deleted before is gone from the log.
    pub(crate) async fn completed(&self) {
        loop {
            let mut complete = pin!(self.complete.notified());
            complete.as_mut().enable();
            if !self.is_requested() {
                return;
            }
            complete.await;
        }
    }
}

/// The handle to the checkpointing thread, held by the writer; dropping it ends the thread.
pub(crate) struct Checkpointer {
    phase: Arc<AtomicU8>,
    log_pages: Arc<AtomicI32>,
    /// How long the log was when it was last copied, and has not started again at its beginning since.
    copied_pages: i32,
    wal_truncation: Arc<WalTruncation>,
    failure: Arc<FailureLatch>,
    readers: Arc<Readers>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Takes over the checkpoints of the writer's connection; `copied` tells the writer that its turn has come.
    pub(crate) fn start(
        writer: &mut Connection,
        (path, database): (&Path, Arc<File>),
        failure: Arc<FailureLatch>,
        readers: Arc<Readers>,
        wal_truncation: Arc<WalTruncation>,
        copied: impl Fn() + Send + 'static,
    ) -> Result<Checkpointer, OpenError> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let of_hook = log_pages.clone();
        // The hook takes the place of the automatic checkpoint.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            of_hook.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let connection = schema::open_for_checkpoints(path)?;
        let phase = Arc::new(AtomicU8::new(IDLE));
        let (of_thread, truncation) = (phase.clone(), wal_truncation.clone());
        let (for_thread, views, pages) = (failure.clone(), readers.clone(), log_pages.clone());
        let (wake, woken) = sync_channel::<()>(1);
        let copy = move || {
            let _alarm = PanicAlarm { failure: for_thread.clone(), thread: "checkpointer" };
            while woken.recv().is_ok() {
                if truncation.is_requested() {
                    // Nobody sends meanwhile; only the end of the writer cuts this short.
                    let _ = woken.recv_timeout(TRUNCATION_DELAY);
                }
                views.give_up_views();
                let copied_ahead = copy_ahead(&connection, &database, &pages, &for_thread).is_some();
                views.check_size();
                if !copied_ahead {
                    // What stood in the way is likely to stand there still.
                    let _ = woken.recv_timeout(RETRY_DELAY);
                }
                of_thread.store(if copied_ahead { TAIL_LEFT } else { IDLE }, Ordering::Release);
                copied();
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".into()).spawn(copy);
        let thread = Some(thread.map_err(OpenError::Thread)?);
        Ok(Checkpointer {
            phase,
            log_pages,
            copied_pages: 0,
            wal_truncation,
            failure,
            readers,
            wake: Some(wake),
            thread,
        })
    }

    /// Called by the writer between two groups.
    pub(crate) fn between_groups(&mut self, writer: &Connection) {
        match self.phase.load(Ordering::Acquire) {
            COPYING => return,
            TAIL_LEFT => self.copy_tail(writer),
            _ => {}
        }
        if self.has_enough_to_copy() || self.wal_truncation.is_requested() {
            self.phase.store(COPYING, Ordering::Release);
            let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
        } else {
            self.phase.store(IDLE, Ordering::Release);
        }
    }

    /// A log that somebody has been reading for long does not start again, and what was copied of it counts no more,
    /// unless it must start again.
    fn has_enough_to_copy(&mut self) -> bool {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < self.copied_pages {
            self.copied_pages = 0;
        }
        pages - self.copied_pages >= START_PAGES
    }

    /// Copies what came in while the thread did, so that the log can start again at its beginning.
    fn copy_tail(&mut self, writer: &Connection) {
        self.copied_pages = self.log_pages.load(Ordering::Relaxed);
        let truncates = self.wal_truncation.is_requested();
        let (how, patience) = if truncates { (TRUNCATE, CUT_PATIENCE) } else { (RESTART, self.restart_patience()) };
        let wait_for = |patience| writer.busy_timeout(patience).is_ok();
        let copy = || wait_for(patience) && checkpoint(writer, how, &self.failure).is_some();
        let copied = self.readers.without_views(copy);
        if wait_for(schema::BUSY_TIMEOUT) && copied {
            // The next commit tells how long it is then.
            self.log_pages.store(0, Ordering::Relaxed);
            if truncates {
                self.wal_truncation.complete();
            }
        }
    }

    fn restart_patience(&self) -> Duration {
        let times = self.copied_pages / START_PAGES;
        CUT_PATIENCE.min(RESTART_PATIENCE * times.max(1).unsigned_abs())
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

/// Copies the log while the writer goes on, until little comes in meanwhile; `None` if something stood in the way.
fn copy_ahead(connection: &Connection, database: &File, log_pages: &AtomicI32, failure: &FailureLatch) -> Option<()> {
    for _ in 0..PASSES {
        let copied = checkpoint(connection, PASSIVE, failure)?;
        // SQLite syncs the database only when nothing is left to copy. That is in the writer's turn, and everyone waits.
        if let Err(error) = database.sync_data() {
            failure.report(format!("a sync failed: {error}"));
            return None;
        }
        if log_pages.load(Ordering::Relaxed) - copied <= TAIL_PAGES {
            break;
        }
    }
    Some(())
}

/// Copies what no reader still needs in the log; says how many of its pages are copied by now, if nothing stood in the
/// way.
fn checkpoint(connection: &Connection, how: &str, failure: &FailureLatch) -> Option<i32> {
    let done = connection.query_row(how, [], |row| Ok((row.get::<_, bool>(0)?, row.get(2)?)));
    match done.map_err(|error| DatabaseError::from_write(error, connection)) {
        Ok((false, copied)) => Some(copied),
        Ok((true, _)) => None,
        Err(error) if error.is_fatal() => {
            failure.report(format!("a checkpoint failed: {error}"));
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a checkpoint is put off");
            None
        }
    }
}
