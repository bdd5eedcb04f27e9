//! A bounded pool of threads for work that waits for the disk.

use crate::error::{OpenError, closed};
use carnelian_store::StoreError;
use std::{panic::resume_unwind, sync::Arc, time::Duration};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::JoinHandle,
};

/// The largest number of threads.
pub(crate) const POOL_THREADS: usize = 8;

/// How many tasks may run or wait at once. A disk can hang: beyond this, tasks are refused as busy.
const MAX_TASKS: usize = 4096;

/// How long an idle thread stays. The C library keeps a memory arena per thread for SQLite, so threads that end and
/// start again spread over ever more memory: with ten seconds, resident memory grew by 1.7 % an hour under load.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// The pool. Threads start when they are needed.
pub(crate) struct BlockingPool {
    threads: Option<Runtime>,
    places: Arc<Semaphore>,
}

/// A task of the pool. When it is dropped before the task has started, the task never starts.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl BlockingPool {
    pub(crate) fn new() -> Result<BlockingPool, OpenError> {
        let mut threads = Builder::new_current_thread();
        threads.max_blocking_threads(POOL_THREADS).thread_keep_alive(IDLE_TIMEOUT).thread_name("reader");
        let threads = Some(threads.build().map_err(OpenError::Thread)?);
        Ok(BlockingPool { threads, places: Arc::new(Semaphore::new(MAX_TASKS)) })
    }

    /// Runs `work` on the next free thread. Fails with [`StoreError::Busy`] if too many tasks wait already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let threads = self.threads.as_ref().ok_or_else(closed)?;
        let mut task = AbortOnDrop(threads.spawn_blocking(move || {
            let _place = place;
            work()
        }));
        match (&mut task.0).await {
            Ok(done) => Ok(done),
            Err(error) => Err(error.try_into_panic().map_or_else(|_| closed(), |panic| resume_unwind(panic))),
        }
    }
}

impl Drop for BlockingPool {
    fn drop(&mut self) {
        // The store may be dropped inside an async task, where waiting for the threads would panic.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        task::{Context, Poll, Waker},
    };

    #[test]
    fn excess_tasks_are_refused_and_dropped_tasks_never_start() {
        let pool = BlockingPool::new().expect("threads can be started");
        let mut context = Context::from_waker(Waker::noop());
        let (begin, begun) = mpsc::channel();
        let mut releases = Vec::new();
        let mut stuck: Vec<_> = (0..POOL_THREADS)
            .map(|_| {
                let (begin, (release, released)) = (begin.clone(), mpsc::channel::<()>());
                releases.push(release);
                Box::pin(pool.run(move || (begin.send(()).is_ok(), released.recv().is_err())))
            })
            .collect();
        assert!(stuck.iter_mut().all(|stuck| stuck.as_mut().poll(&mut context).is_pending()));
        assert_eq!(begun.iter().take(POOL_THREADS).count(), POOL_THREADS);
        let run = Arc::new(AtomicUsize::new(0));
        let count_run = || {
            let run = run.clone();
            Box::pin(pool.run(move || run.fetch_add(1, Ordering::Relaxed)))
        };
        let mut waiting: Vec<_> = (POOL_THREADS..MAX_TASKS).map(|_| count_run()).collect();
        assert!(waiting.iter_mut().all(|waiting| waiting.as_mut().poll(&mut context).is_pending()));
        assert!(matches!(pin!(count_run()).poll(&mut context), Poll::Ready(Err(StoreError::Busy))));
        let last = waiting.pop().expect("tasks are waiting");
        drop(waiting);
        drop(releases);
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(last).expect("is run"), 0, "a dropped task was run");
        for stuck in stuck {
            assert_eq!(runtime.block_on(stuck).expect("is run"), (true, true));
        }
    }
}
