//! Moving the write-ahead log into the database, beside the writer.
//!
//! SQLite's automatic checkpoint would run inside a commit and make everyone in the group wait. Here a thread of its
//! own copies the log while the writer goes on. What came in meanwhile is little, and the writer copies that itself
//! between two groups, because only a log that is copied whole can start again at its beginning.

use crate::{
    error::{is_fatal, recognise_read_only},
    failure::Failure,
    readers::Readers,
    schema,
};
use rusqlite::Connection;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU8, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

/// The length of the log, in pages, from which on it is copied.
const START_PAGES: i32 = 4_000;

/// Nobody copies.
const IDLE: u8 = 0;
/// The thread copies.
const COPYING: u8 = 1;
/// The thread has copied what was there when it began: the writer's turn.
const TAIL_LEFT: u8 = 2;

/// The handle to the checkpointing thread, held by the writer; dropping it ends the thread.
pub(crate) struct Checkpointer {
    phase: Arc<AtomicU8>,
    log_pages: Arc<AtomicI32>,
    failure: Arc<Failure>,
    readers: Arc<Readers>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Takes over the checkpoints of the writer's connection.
    pub(crate) fn start(
        writer: &mut Connection,
        path: &Path,
        failure: Arc<Failure>,
        readers: Arc<Readers>,
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
        let (of_thread, for_thread, views) = (phase.clone(), failure.clone(), readers.clone());
        let (wake, woken) = sync_channel::<()>(1);
        let copy = move || {
            while woken.recv().is_ok() {
                views.give_up_views();
                let copied = checkpoint(&connection, &for_thread);
                of_thread.store(if copied { TAIL_LEFT } else { IDLE }, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".into()).spawn(copy);
        let thread = Some(thread.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?);
        Ok(Checkpointer { phase, log_pages, failure, readers, wake: Some(wake), thread })
    }

    /// Called by the writer between two groups.
    pub(crate) fn after_commit(&self, writer: &Connection) {
        match self.phase.load(Ordering::Acquire) {
            TAIL_LEFT => {
                self.readers.give_up_views();
                checkpoint(writer, &self.failure);
                self.phase.store(IDLE, Ordering::Release);
            }
            IDLE if self.log_pages.load(Ordering::Relaxed) >= START_PAGES => {
                self.phase.store(COPYING, Ordering::Release);
                let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
            }
            _ => {}
        }
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

/// Copies what no reader still needs in the log; says whether all went well.
fn checkpoint(connection: &Connection, failure: &Failure) -> bool {
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
    match copied.map_err(|error| recognise_read_only(error, connection)) {
        Ok(_) => true,
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
