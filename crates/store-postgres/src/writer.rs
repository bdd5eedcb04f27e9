//! The writers: customer writes that arrive together share a transaction.
//!
//! Two writers take turns. While one waits for its commit, the other one fills its transaction. A writer takes what waits
//! in the queue without waiting for more, so groups grow with the load.

use crate::{
    core::Core,
    group::{self, ImportPart, Piece},
};
use carnelian_domain::UserId;
use carnelian_store::{StoreError, Written};
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, mpsc, oneshot},
};

/// How many writers there are. With three, the throughput is the same and groups are smaller.
const WRITERS: usize = 2;

/// How many writes may wait.
const WAITING: usize = 4096;

/// How many writes a group has at most, but for an import, whose rows are a group.
const GROUP: usize = 1024;

/// The outcomes of a job's writes.
type Outcomes = Vec<Result<Written, StoreError>>;

/// Writes that are stored together, and the caller who waits for them.
struct Job {
    pieces: Vec<Piece>,
    import: Option<ImportPart>,
    reply: oneshot::Sender<Result<Outcomes, StoreError>>,
}

/// The queue of the writers.
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
    /// Held while a batch of an import is written: two writers could exchange the batches that a caller sends one after the
    /// other.
    importing: Mutex<()>,
}

impl Writer {
    /// Starts the writers; they end when the queue is dropped.
    pub(crate) fn start(core: &Arc<Core>, runtime: &Handle) -> Writer {
        let (queue, jobs) = mpsc::channel(WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..WRITERS {
            runtime.spawn(write(core.clone(), jobs.clone()));
        }
        Writer { queue, importing: Mutex::default() }
    }

    /// How many writes wait for a writer, and how many may.
    pub(crate) fn load(&self) -> (usize, usize) {
        (WAITING.saturating_sub(self.queue.capacity()), WAITING)
    }

    /// Makes a write, in a group with others.
    pub(crate) async fn write(&self, piece: Piece) -> Result<Written, StoreError> {
        let outcomes = self.send(vec![piece], None).await?;
        outcomes.into_iter().next().unwrap_or_else(|| Err(StoreError::unknown("the write has no outcome")))
    }

    /// Makes the writes of an import, in a transaction of their own. Imports are made in the order of the calls.
    pub(crate) async fn import(&self, pieces: Vec<Piece>, import: ImportPart) -> Result<Outcomes, StoreError> {
        let _importing = self.importing.lock().await;
        self.send(pieces, Some(import)).await
    }

    async fn send(&self, pieces: Vec<Piece>, import: Option<ImportPart>) -> Result<Outcomes, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Job { pieces, import, reply }).map_err(|_| StoreError::Busy)?;
        // A writer that ends without a reply may have committed before.
        answer.await.unwrap_or_else(|_| Err(StoreError::unknown("the writer has stopped")))
    }
}

/// Writes what arrives in the queue until it is dropped.
async fn write(core: Arc<Core>, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let mut taken = Vec::new();
            if jobs.lock().await.recv_many(&mut taken, GROUP).await == 0 {
                return;
            }
            waiting.extend(taken);
        }
        write_together(&core, take_group(&mut waiting)).await;
    }
}

/// Writes jobs in one transaction. If a statement fails because of what one of them writes, each gets a transaction of its
/// own.
async fn write_together(core: &Core, jobs: Vec<Job>) {
    let begun = core.clock.monotonic();
    let written = match &jobs[..] {
        [job] => group::write(core, &job.pieces.iter().collect::<Vec<_>>(), job.import.as_ref()).await,
        jobs => group::write(core, &jobs.iter().flat_map(|job| &job.pieces).collect::<Vec<_>>(), None).await,
    };
    match written {
        Ok(outcomes) => {
            *core.last_commit.lock() = Some(core.clock.monotonic().saturating_sub(begun));
            let mut outcomes = outcomes.into_iter();
            for job in jobs {
                // The caller may have stopped waiting; the write stays.
                let _ = job.reply.send(Ok(outcomes.by_ref().take(job.pieces.len()).collect()));
            }
        }
        Err(error) if error.is_of_values && jobs.len() > 1 => {
            for job in jobs {
                Box::pin(write_together(core, vec![job])).await;
            }
        }
        Err(error) => {
            for job in jobs {
                let _ = job.reply.send(Err(error.error.clone()));
            }
        }
    }
}

/// Takes the next jobs that can share a transaction: an import is alone, and no two others write the same customer or have
/// the same idempotency key.
fn take_group(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let mut customers = HashSet::new();
    let mut keys: HashSet<(UserId, String)> = HashSet::new();
    let mut group: Vec<Job> = Vec::new();
    while let Some(job) = waiting.front() {
        let is_alone = job.import.is_some() || group.last().is_some_and(|last| last.import.is_some());
        let is_new = job.pieces.iter().all(|piece| {
            let key = piece.key.as_ref().map(|key| (key.user, key.key.clone()));
            customers.insert(piece.customer()) && key.is_none_or(|key| keys.insert(key))
        });
        if !group.is_empty() && (is_alone || !is_new) {
            break;
        }
        group.extend(waiting.pop_front());
    }
    group
}
