//! Replies to the callers of the writer, delivered so that each thread is woken once per group.
//!
//! To wake a task of another thread takes a system call, and a thread that serves many clients waits for many replies of
//! every group. So each thread has one channel for all its replies and one task that receives them; from there, waking
//! the callers costs no system call. At 256 connections this took the 99th percentile of creates from 15 to 12 ms.

use crate::{commit::job::Job, error::CommitError};
use carnelian_store::StoreError;
use std::cell::RefCell;
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// How many replies are delivered before other tasks of the thread can run.
const BATCH: usize = 256;

/// A finished job and the outcome of its group.
struct Reply {
    job: Box<dyn Job>,
    group: Result<(), CommitError>,
}

impl Reply {
    fn deliver(self) {
        self.job.answer(self.group.map_err(StoreError::from));
    }
}

thread_local! {
    /// The channel of this thread.
    static REPLIES: RefCell<Option<UnboundedSender<Reply>>> = const { RefCell::new(None) };
}

/// Sends a reply to the thread that queued a job.
pub(crate) struct ReplySender(Option<UnboundedSender<Reply>>);

impl ReplySender {
    /// A sender to the current thread. Outside of a runtime, replies are delivered on the thread that sends them.
    pub(crate) fn to_this_thread() -> ReplySender {
        let Ok(runtime) = Handle::try_current() else { return ReplySender(None) };
        ReplySender(Some(REPLIES.with_borrow_mut(|replies| {
            if let Some(open) = replies.as_ref().filter(|replies| !replies.is_closed()) {
                return open.clone();
            }
            let (sender, receiver) = unbounded_channel();
            runtime.spawn(deliver(receiver));
            replies.insert(sender).clone()
        })))
    }

    /// Delivers the outcome of a job's group to its caller.
    pub(crate) fn send(self, job: Box<dyn Job>, group: Result<(), CommitError>) {
        let reply = Reply { job, group };
        let Some(channel) = self.0 else { return reply.deliver() };
        // The runtime of the thread has ended, and its callers with it: the reply only frees the job's place.
        if let Err(unsent) = channel.send(reply) {
            unsent.0.deliver();
        }
    }
}

async fn deliver(mut replies: UnboundedReceiver<Reply>) {
    let mut batch = Vec::new();
    while replies.recv_many(&mut batch, BATCH).await > 0 {
        batch.drain(..).for_each(Reply::deliver);
    }
}
