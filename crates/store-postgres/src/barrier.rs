//! Waiting until what was read is as safe as what is acknowledged.
//!
//! PostgreSQL shows a transaction to others when its commit is on the disk and its standbys have confirmed it, but for two
//! exceptions: a wait for the standbys that was cancelled, and a primary that has crashed and started again, which shows
//! all that is on its disk. What is read then may be lost with the primary. A transaction that only reads waits for no
//! standby, so its own commit proves nothing.
//!
//! An answer that repeats a promise therefore waits for a commit that began after its read. Standbys confirm the
//! write-ahead log in its order, so one that has confirmed this commit has what was read. Those who wait share a commit:
//!
//! ```text
//! read ──► wait for the commit in progress, which may be too old ──► one commit for all that wait ──► answers
//! ```

use crate::core::{Core, PARTITION_NUMBER};
use carnelian_store::StoreError;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// Writes a row as it is: a transaction without a write waits for no standby.
const WRITE: &str = "UPDATE id_block SET next = next WHERE partition = $1";

/// Commits on behalf of reads.
pub(crate) struct Barrier {
    /// How many commits have begun.
    begun: AtomicU64,
    /// The last commit that has ended, held while one is in progress.
    last: Mutex<Ended>,
}

/// A commit that has ended.
struct Ended {
    /// Its number, from 1.
    number: u64,
    outcome: Result<(), StoreError>,
}

impl Default for Barrier {
    fn default() -> Barrier {
        Barrier { begun: AtomicU64::new(0), last: Mutex::new(Ended { number: 0, outcome: Ok(()) }) }
    }
}

impl Barrier {
    /// Waits for a commit that begins after this call; runs `commit` unless another caller does.
    pub(crate) async fn wait(&self, commit: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
        let too_old = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.number <= too_old {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *last = Ended { number, outcome: commit.await };
        }
        last.outcome.clone()
    }
}

/// Commits a transaction that changes nothing. If it fails, nothing is known of what was read before.
pub(crate) async fn commit(core: &Core) -> Result<(), StoreError> {
    let transaction = core.begin().await?;
    transaction.run(WRITE, &[&PARTITION_NUMBER]).await?;
    match transaction.commit().await {
        Err(StoreError::Unknown(cause)) => Err(StoreError::Unavailable(cause)),
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, future::join_all};
    use std::pin::pin;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn callers_share_a_commit_that_begins_after_each_of_them_has_called() {
        let (barrier, commits) = (Barrier::default(), AtomicU64::new(0));
        let commit = async || {
            commits.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let (end, ended) = oneshot::channel();
        let mut first = pin!(barrier.wait(async {
            ended.await.expect("the test ends it");
            Err(StoreError::Busy)
        }));
        assert!(first.as_mut().now_or_never().is_none());
        let mut later = pin!(join_all((0..5).map(|_| barrier.wait(commit()))));
        assert!(later.as_mut().now_or_never().is_none(), "the commit in progress is too old for them");
        end.send(()).expect("it waits");
        first.await.expect_err("its commit has failed");
        assert!(later.await.iter().all(Result::is_ok), "theirs has not");
        assert_eq!(commits.load(Ordering::SeqCst), 1);
        barrier.wait(commit()).await.expect("commits");
        assert_eq!(commits.load(Ordering::SeqCst), 2, "what has ended is too old as well");
    }

    #[tokio::test]
    async fn a_commit_that_fails_fails_for_all_that_wait_for_it() {
        let barrier = Barrier::default();
        let (end, ended) = oneshot::channel();
        let mut first = pin!(barrier.wait(async {
            ended.await.expect("the test ends it");
            Ok(())
        }));
        assert!(first.as_mut().now_or_never().is_none());
        let commits = AtomicU64::new(0);
        let fail = async || {
            commits.fetch_add(1, Ordering::SeqCst);
            Err(StoreError::Busy)
        };
        let mut later = pin!(join_all((0..5).map(|_| barrier.wait(fail()))));
        assert!(later.as_mut().now_or_never().is_none());
        end.send(()).expect("it waits");
        first.await.expect("its commit has ended");
        assert!(later.await.iter().all(Result::is_err));
        assert_eq!(commits.load(Ordering::SeqCst), 1, "none of them waits for a commit of its own");
    }
}
