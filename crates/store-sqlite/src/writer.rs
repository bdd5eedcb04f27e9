//! The one thread that writes, and the one that syncs.
//!
//! The writer runs everything that waits in one transaction. While the transaction before it is synced, it goes on
//! taking in work; as soon as that sync is done it commits, and hands the group over to be synced and answered. The
//! busier the registry, the more writes share a sync, and neither disk nor processor waits for the other.
//!
//! SQLite itself does not sync a commit here (`synchronous=NORMAL`): the syncer does, on the log file, and answers after.
//!
//! * [`thread`]: what the writing thread does

mod thread;

use crate::{
    OnFailure,
    audit::AuditTail,
    checkpoint::WalTruncation,
    error::{OpenError, closed},
    indexes::Indexes,
    job::{Asked, Waiting, WorkError, Writing},
    readers::Readers,
    reply::ReplySender,
    syncer::{Sync, Syncer},
    unsynced::Unsynced,
};
use carnelian_store::{Clock, StoreError};
use rusqlite::Connection;
use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Sender, channel},
    },
    thread::JoinHandle,
};
use thread::WriterThread;
use tokio::sync::{Semaphore, oneshot};

/// How many writes may wait, be it to be run or to be synced, before further ones are turned away.
const QUEUE: usize = 4096;

/// What the writer is told.
enum Message {
    /// There is work.
    Job(Asked),
    /// The group that was handed over is synced, or will never be.
    Synced,
    /// The log was copied: there may be something to do between two groups.
    Copied,
    /// Nothing more will come.
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
    pub(crate) unsynced: Arc<Unsynced>,
    /// Puts everything that was committed on stable storage.
    pub(crate) sync: Sync,
    /// Another file of the directory; none where the file system is not asked.
    pub(crate) neighbour: Option<File>,
    /// The database's own file, to sync what is copied into it.
    pub(crate) database: Arc<File>,
}

/// The handle to the writing thread; dropping it closes it.
pub(crate) struct Writer {
    queue: Sender<Message>,
    /// One place for every write that may wait; a write keeps its place until it is answered, also if nobody listens.
    places: Arc<Semaphore>,
    /// For whoever has read what may not be synced yet.
    pub(crate) syncer: Arc<Syncer>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(crate) fn start(
        parts: WriterParts,
        wal_truncation: Arc<WalTruncation>,
        path: &Path,
    ) -> Result<Writer, OpenError> {
        let (queue, messages) = channel();
        let mut writing = WriterThread::prepare(parts, wal_truncation, path, queue.clone())?;
        let syncer = writing.syncer.clone();
        let thread = Mutex::new(Some(spawn("writer", move || writing.work(&messages))?));
        Ok(Writer { queue, places: Arc::new(Semaphore::new(QUEUE)), syncer, thread })
    }

    /// Has a piece of work done and waits until it is on stable storage.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Waiting::new(work, reply, place));
        let asked = Asked { job, reply_to: ReplySender::to_this_thread() };
        self.queue.send(Message::Job(asked)).map_err(|_| closed())?;
        // A writer that ends without an answer may have committed before.
        answer.await.map_err(|_| StoreError::unknown("the writer has stopped"))?
    }

    /// Finishes what waits and ends the thread; what comes later is refused.
    pub(crate) fn close(&self) {
        let _ = self.queue.send(Message::Close);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(OpenError::Thread)
}

#[cfg(test)]
mod tests;
