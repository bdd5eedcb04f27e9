//! The commit pipeline: one thread writes, one syncs, and all writes that wait share a commit and its sync.
//!
//! ```text
//! callers              writer thread                     syncer thread               callers' threads
//! ─────────────────────────────────────────────────────────────────────────────────────────────────────────
//! write() ──queue──►   BEGIN IMMEDIATE                   │
//! write() ──queue──►   run each queued job               │
//!                      COMMIT (not synced) ──group 1──►  sync the log
//! write() ──queue──►   BEGIN IMMEDIATE                   probe the file system
//! write() ──queue──►   run each queued job,              │
//!                      also those that come in           │
//!                      until group 1 is synced           │
//!                      ◄───────────── Synced ─────────── done
//!                      COMMIT ──────────────group 2──►   reply to each job ─────►    woken once per thread
//!                      BEGIN IMMEDIATE                   sync the log
//!                      …                                 …
//! ```
//!
//! So the busier the registry, the more writes share a sync, and neither the disk nor the processor waits for the other.
//! At most one group is committed and not synced at a time. A group of a single job is synced by the writer itself, since
//! handing it over would only take time. SQLite does not sync commits here (`synchronous=NORMAL`); the syncer does.
//!
//! # States of the writer
//!
//! | state | a job arrives | the queue is empty | Synced arrives |
//! |---|---|---|---|
//! | Idle | begin a transaction: Open | | |
//! | Open | run it in the transaction; commit after [`GROUP`](thread::GROUP) jobs | commit: Syncing | |
//! | Syncing | begin a transaction: Syncing and Open | | Idle |
//! | Syncing and Open | run it in the transaction | | commit: Syncing |
//!
//! A job that is refused (a taken name, a missing account) has written nothing, so its group continues. A database error
//! rolls back the whole group and fails every write in it. If it is certain that nothing was stored (busy, disk full, out
//! of memory, read-only), the writer continues. After any other error, a failed sync, or a panic of one of these threads,
//! only a restart can find out what is stored ([`FailureLatch`](crate::commit::failure::FailureLatch)): every later write is
//! refused and the process stops.
//!
//! A write has one of [`QUEUE`] places from `write()` to its reply, so a disk that hangs fills the queue, and further
//! writes fail as busy at once.
//!
//! # Locks
//!
//! | lock | held by | while |
//! |---|---|---|
//! | SQLite's write lock | the writer, or another process | from `BEGIN IMMEDIATE` to `COMMIT`; a waiter gives up after five seconds |
//! | `Indexes` | a job or a read | it looks up or changes one entry |
//! | `DurabilityBarrier` | writer, syncer, reads | customers are added, removed or looked up |
//! | idle connections of `Readers` | reads, checkpoint thread | a connection is taken or put back; never during a query |
//!
//! The writer takes the others while it holds SQLite's write lock. No thread takes two of the others at the same time.
//!
//! * [`thread`]: what the writing thread does

mod thread;

use crate::{
    commit::{
        group::QueuedJob,
        job::{PendingJob, WorkError, WriteTx},
        reply::ReplySender,
        syncer::Syncer,
    },
    error::{OpenError, closed},
};
use carnelian_store::StoreError;
use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread::JoinHandle,
};
use thread::{Message, QUEUE, WriterThread, spawn};
use tokio::sync::{Semaphore, oneshot};

pub(crate) use thread::WriterParts;

/// The queue of the writing thread.
#[derive(Clone)]
pub(crate) struct WriteQueue {
    queue: Sender<Message>,
    /// One place for every write; it is kept until the reply, also if the caller is gone.
    places: Arc<Semaphore>,
}

/// The handle to the writing thread; dropping it finishes what is queued and ends the thread.
pub(crate) struct Writer {
    queue: WriteQueue,
    pub(crate) syncer: Arc<Syncer>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the threads of the pipeline on the database at `path`.
    pub(crate) fn start(parts: WriterParts, path: &Path) -> Result<Writer, OpenError> {
        let (queue, messages) = channel();
        let mut writer = WriterThread::new(parts, path, queue.clone())?;
        let syncer = writer.syncer.clone();
        let thread = Some(spawn("writer", move || writer.work(&messages))?);
        let queue = WriteQueue { queue, places: Arc::new(Semaphore::new(QUEUE)) };
        Ok(Writer { queue, syncer, thread })
    }

    /// The queue, for a thread that ends before the writer.
    pub(crate) fn queue(&self) -> WriteQueue {
        self.queue.clone()
    }

    /// How many writes wait for their reply, and how many may.
    pub(crate) fn load(&self) -> (usize, usize) {
        (QUEUE.saturating_sub(self.queue.places.available_permits()), QUEUE)
    }

    /// Runs `work` in a transaction and waits until its commit is on stable storage.
    ///
    /// Fails with [`StoreError::Busy`] if too many writes wait already. A caller that stops waiting does not undo the
    /// write.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue.add(work)?.await.map_err(|_| stopped())?
    }
}

impl WriteQueue {
    /// The same as [`Writer::write`] for a thread that may wait.
    pub(crate) fn write_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.add(work)?.blocking_recv().map_err(|_| stopped())?
    }

    /// Queues a job; returns where its answer arrives.
    fn add<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(PendingJob::new(work, reply, place));
        let queued = QueuedJob { job, reply_to: ReplySender::to_this_thread() };
        self.queue.send(Message::Job(queued)).map_err(|_| closed())?;
        Ok(answer)
    }
}

/// The error of a write without an answer: a writer that ends without a reply may have committed before.
fn stopped() -> StoreError {
    StoreError::unknown("the writer has stopped")
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.queue.queue.send(Message::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
