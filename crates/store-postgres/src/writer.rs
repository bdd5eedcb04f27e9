//! The writers: customer writes that arrive together share a transaction.
//!
//! Two writers take turns. A writer takes what waits in the queue when the group before is about to be committed. So groups
//! grow with the load, and a group writes its customers while the one before is committed:
//!
//! ```text
//! writer 1:  take ── customers ── log ── commit ────────────► replies      take ── customers ── …
//! writer 2:                              take ── customers ── wait ── log ── commit ──────────► replies
//! ```
//!
//! A writer that took its group at once would only wait longer for the lock of the log: with 64 clients, groups had 21
//! customers instead of 29, and a seventh less were created in a second. A batch of an import is as large as it will be, so
//! it does not keep the turn.

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

/// How many writers there are. A third one would always wait for its turn.
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
        let (queue, arriving) = mpsc::channel(WAITING);
        let jobs = Arc::new(Mutex::new(Queue { arriving, waiting: VecDeque::new() }));
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

/// The jobs that wait. A writer that has locked it has the turn.
struct Queue {
    arriving: mpsc::Receiver<Job>,
    /// Those that have arrived, but could not be in the group before.
    waiting: VecDeque<Job>,
}

impl Queue {
    /// Takes the next group, as soon as there is a job; `None` once no job can arrive.
    async fn take(&mut self) -> Option<Vec<Job>> {
        if self.waiting.is_empty() {
            self.waiting.push_back(self.arriving.recv().await?);
        }
        while self.waiting.len() < GROUP
            && let Ok(job) = self.arriving.try_recv()
        {
            self.waiting.push_back(job);
        }
        Some(take_group(&mut self.waiting))
    }
}

/// Writes what arrives in the queue until it is dropped.
async fn write(core: Arc<Core>, queue: Arc<Mutex<Queue>>) {
    loop {
        let mut turn = queue.lock().await;
        let Some(group) = turn.take().await else { return };
        let mut turn = Some(turn).filter(|_| group.iter().all(|job| job.import.is_none()));
        write_together(&core, group, &mut || turn = None).await;
    }
}

/// Writes jobs in one transaction. If a statement fails because of what one of them writes, each gets a transaction of its
/// own.
async fn write_together(core: &Core, jobs: Vec<Job>, before_commit: &mut (dyn FnMut() + Send)) {
    let begun = core.clock.monotonic();
    // An import is alone.
    let import = jobs.first().and_then(|job| job.import.as_ref());
    let pieces: Vec<_> = jobs.iter().flat_map(|job| &job.pieces).collect();
    let written = group::write(core, &pieces, import, &mut *before_commit).await;
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
                Box::pin(write_together(core, vec![job], before_commit)).await;
            }
        }
        Err(error) => {
            for job in jobs {
                let _ = job.reply.send(Err(error.error.clone()));
            }
        }
    }
}

/// Takes the jobs that can share a transaction, the first one among them: an import is alone, and no two others write the
/// same customer or have the same idempotency key. Those remain in their order.
fn take_group(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let mut customers = HashSet::new();
    let mut keys: HashSet<(UserId, String)> = HashSet::new();
    let mut group: Vec<Job> = Vec::new();
    for job in std::mem::take(waiting) {
        let mut is_new = true;
        for piece in &job.pieces {
            is_new &= customers.insert(piece.customer());
            is_new &= piece.key.as_ref().is_none_or(|key| keys.insert((key.user, key.key.clone())));
        }
        let is_alone = job.import.is_some() || group.first().is_some_and(|first| first.import.is_some());
        if group.is_empty() || (is_new && !is_alone) {
            group.push(job);
        } else {
            waiting.push_back(job);
        }
    }
    group
}
