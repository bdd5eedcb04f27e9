//! Answers on their way back: those of a group reach a thread together.
//!
//! To wake a task of another thread takes a system call, and a thread that serves many clients waits for many answers of
//! every group. So it is woken once: a task of that thread takes them in, and hands them out where waking is cheap.

use crate::{error::CommitError, job::Job};
use carnelian_store::StoreError;
use std::cell::RefCell;
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// How many answers are handed out before others get their turn.
const BATCH: usize = 256;

/// A piece of work that has been done, and what became of its group.
struct Done {
    job: Box<dyn Job>,
    group: Result<(), CommitError>,
}

thread_local! {
    /// Where the answers for this thread go.
    static MAILBOX: RefCell<Option<UnboundedSender<Done>>> = const { RefCell::new(None) };
}

/// The thread that asked for something.
pub(crate) struct Asker(Option<UnboundedSender<Done>>);

impl Asker {
    /// This thread; it gets its answers one by one if it has no runtime.
    pub(crate) fn this_thread() -> Asker {
        let Ok(runtime) = Handle::try_current() else { return Asker(None) };
        Asker(Some(MAILBOX.with_borrow_mut(|mailbox| {
            if let Some(open) = mailbox.as_ref().filter(|mailbox| !mailbox.is_closed()) {
                return open.clone();
            }
            let (sender, receiver) = unbounded_channel();
            runtime.spawn(hand_out(receiver));
            mailbox.insert(sender).clone()
        })))
    }

    /// Sends an answer there.
    pub(crate) fn answer(self, job: Box<dyn Job>, group: Result<(), CommitError>) {
        let done = Done { job, group };
        let Some(mailbox) = self.0 else { return done.tell() };
        // Without its runtime, whoever waited may be gone too; telling does no harm.
        if let Err(refused) = mailbox.send(done) {
            refused.0.tell();
        }
    }
}

impl Done {
    fn tell(self) {
        self.job.answer(self.group.map_err(StoreError::from));
    }
}

async fn hand_out(mut mailbox: UnboundedReceiver<Done>) {
    let mut batch = Vec::new();
    while mailbox.recv_many(&mut batch, BATCH).await > 0 {
        batch.drain(..).for_each(Done::tell);
    }
}
