//! Groups: the jobs that share a transaction, a commit and a sync.

use crate::{
    commit::{job::Job, reply::ReplySender},
    error::CommitError,
};
use carnelian_domain::CustomerId;

/// A job in the queue, and the thread that its reply goes to.
pub(crate) struct QueuedJob {
    pub(crate) job: Box<dyn Job>,
    pub(crate) reply_to: ReplySender,
}

/// The jobs that share a transaction, the customers that they have written, whether they have erased data, and the version of
/// the directory when it began, if that is known.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) jobs: Vec<QueuedJob>,
    pub(crate) customers: Vec<CustomerId>,
    pub(crate) erased: bool,
    pub(crate) directory_version: Option<u64>,
}

impl Group {
    /// Replies to every job of the group.
    pub(crate) fn answer(self, result: &Result<(), CommitError>) {
        for queued in self.jobs {
            queued.reply_to.send(queued.job, result.clone());
        }
    }
}
