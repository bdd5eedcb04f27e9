//! Moving the write-ahead log into the database, beside the writer.
//!
//! SQLite's automatic checkpoint would run inside a commit and make everyone in the group wait. Here a thread of its
//! own copies the log while the writer goes on. What came in meanwhile is little, and the writer copies that itself
//! between two groups, because only a log that is copied whole can start again at its beginning.
//!
//! What was erased is overwritten in the database by that, but the log still has it. So a log that has is copied soon,
//! however short it is, and cut off.

use crate::{
    error::{is_fatal, recognise_read_only},
    failure::Failure,
    readers::Readers,
    schema,
};
use rusqlite::Connection;
use std::{
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

/// The length of the log, in pages, from which on it is copied.
const START_PAGES: i32 = 4_000;

/// How long the log waits for more that is erased before it is copied for that.
const SCRUB_DELAY: Duration = Duration::from_secs(1);

/// How long the writer waits for readers to let go of the log before it puts cutting it off until later.
const CUT_PATIENCE: Duration = Duration::from_millis(20);

/// Copies what no reader still needs, and waits for nobody.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Nobody copies.
const IDLE: u8 = 0;
/// The thread copies.
const COPYING: u8 = 1;
/// The thread has copied what was there when it began: the writer's turn.
const TAIL_LEFT: u8 = 2;

/// Whether the log holds what was erased.
#[derive(Default)]
pub(crate) struct Scrub {
    asked: AtomicBool,
    over: Notify,
}

impl Scrub {
    /// What the last commit erased must not stay in the log for long.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    fn tell_done(&self) {
        self.asked.store(false, Ordering::Release);
        self.over.notify_waiters();
    }

    /// Waits until the log holds nothing that was erased before.
    pub(crate) async fn done(&self) {
        loop {
            let mut over = pin!(self.over.notified());
            over.as_mut().enable();
            if !self.is_asked() {
                return;
            }
            over.await;
        }
    }
}

/// The handle to the checkpointing thread, held by the writer; dropping it ends the thread.
pub(crate) struct Checkpointer {
    phase: Arc<AtomicU8>,
    log_pages: Arc<AtomicI32>,
    scrub: Arc<Scrub>,
    failure: Arc<Failure>,
    readers: Arc<Readers>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Takes over the checkpoints of the writer's connection; `copied` tells the writer that its turn has come.
    pub(crate) fn start(
        writer: &mut Connection,
        path: &Path,
        failure: Arc<Failure>,
        readers: Arc<Readers>,
        scrub: Arc<Scrub>,
        copied: impl Fn() + Send + 'static,
    ) -> Result<Checkpointer, rusqlite::Error> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let of_hook = log_pages.clone();
        // The hook takes the place of the automatic checkpoint.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            of_hook.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let connection = schema::open_for_checkpoints(path)?;
        let phase = Arc::new(AtomicU8::new(IDLE));
        let (of_thread, to_scrub) = (phase.clone(), scrub.clone());
        let (for_thread, views) = (failure.clone(), readers.clone());
        let (wake, woken) = sync_channel::<()>(1);
        let copy = move || {
            while woken.recv().is_ok() {
                if to_scrub.is_asked() {
                    // Nobody sends meanwhile; only the end of the writer cuts this short.
                    let _ = woken.recv_timeout(SCRUB_DELAY);
                }
                views.give_up_views();
                let done = checkpoint(&connection, PASSIVE, &for_thread);
                of_thread.store(if done { TAIL_LEFT } else { IDLE }, Ordering::Release);
                copied();
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".into()).spawn(copy);
        let thread = Some(thread.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?);
        Ok(Checkpointer { phase, log_pages, scrub, failure, readers, wake: Some(wake), thread })
    }

    /// Called by the writer between two groups.
    pub(crate) fn between_groups(&self, writer: &Connection) {
        match self.phase.load(Ordering::Acquire) {
            TAIL_LEFT => {
                self.readers.give_up_views();
                if self.scrub.is_asked() {
                    if cut_off(writer, &self.failure) {
                        self.scrub.tell_done();
                    }
                } else {
                    checkpoint(writer, PASSIVE, &self.failure);
                }
                self.phase.store(IDLE, Ordering::Release);
                if self.scrub.is_asked() {
                    self.start_copying();
                }
            }
            IDLE if self.log_pages.load(Ordering::Relaxed) >= START_PAGES || self.scrub.is_asked() => {
                self.start_copying();
            }
            _ => {}
        }
    }

    fn start_copying(&self) {
        self.phase.store(COPYING, Ordering::Release);
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
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

/// Copies what is left of the log and cuts it off; says whether nothing is left of it.
fn cut_off(writer: &Connection, failure: &Failure) -> bool {
    let wait_for = |patience| writer.busy_timeout(patience).is_ok();
    let whole = wait_for(CUT_PATIENCE) && checkpoint(writer, "PRAGMA wal_checkpoint(TRUNCATE)", failure);
    wait_for(schema::BUSY_TIMEOUT) && whole
}

/// Copies what no reader still needs in the log; says whether all went well.
fn checkpoint(connection: &Connection, how: &str, failure: &Failure) -> bool {
    let busy = connection.query_row(how, [], |row| row.get::<_, bool>(0));
    match busy.map_err(|error| recognise_read_only(error, connection)) {
        Ok(busy) => !busy,
        Err(error) if is_fatal(&error) => {
            failure.report(format!("a checkpoint failed: {error}"));
            false
        }
        Err(error) => {
            tracing::warn!(%error, "a checkpoint is put off");
            false
        }
    }
}
