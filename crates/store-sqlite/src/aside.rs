//! Threads to wait on, beside those that have others to serve.

use crate::{
    disk_waits::CALM,
    error::{OpenError, closed},
};
use carnelian_store::StoreError;
use std::{panic::resume_unwind, sync::Arc};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::JoinHandle,
};

/// How many there are at most.
pub(crate) const ASIDE: usize = 8;

/// How much may be with them or wait for them, before more is turned away: a disk may hang for long.
const PLACES: usize = 4096;

/// The threads: they start when they are needed, and end a while after.
pub(crate) struct Aside {
    threads: Option<Runtime>,
    places: Arc<Semaphore>,
}

/// What is with the threads or waits for them. Once nobody waits for it, it is not begun any more.
struct Asked<T>(JoinHandle<T>);

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Aside {
    pub(crate) fn new() -> Result<Aside, OpenError> {
        let mut threads = Builder::new_current_thread();
        threads.max_blocking_threads(ASIDE).thread_keep_alive(CALM).thread_name("reader");
        let threads = Some(threads.build().map_err(OpenError::Thread)?);
        Ok(Aside { threads, places: Arc::new(Semaphore::new(PLACES)) })
    }

    /// Runs something on the next thread that is free.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let threads = self.threads.as_ref().ok_or_else(closed)?;
        let mut asked = Asked(threads.spawn_blocking(move || {
            let _place = place;
            work()
        }));
        match (&mut asked.0).await {
            Ok(done) => Ok(done),
            Err(error) => Err(error.try_into_panic().map_or_else(|_| closed(), |panic| resume_unwind(panic))),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Whoever drops the store may be where waiting is forbidden.
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
    fn what_is_too_much_is_turned_away_and_what_nobody_waits_for_is_not_begun() {
        let aside = Aside::new().expect("threads can be started");
        let mut context = Context::from_waker(Waker::noop());
        let (begin, begun) = mpsc::channel();
        let mut releases = Vec::new();
        let mut stuck: Vec<_> = (0..ASIDE)
            .map(|_| {
                let (begin, (release, released)) = (begin.clone(), mpsc::channel::<()>());
                releases.push(release);
                Box::pin(aside.run(move || (begin.send(()).is_ok(), released.recv().is_err())))
            })
            .collect();
        assert!(stuck.iter_mut().all(|stuck| stuck.as_mut().poll(&mut context).is_pending()));
        assert_eq!(begun.iter().take(ASIDE).count(), ASIDE);
        let run = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let run = run.clone();
            Box::pin(aside.run(move || run.fetch_add(1, Ordering::Relaxed)))
        };
        let mut waiting: Vec<_> = (ASIDE..PLACES).map(|_| ask()).collect();
        assert!(waiting.iter_mut().all(|waiting| waiting.as_mut().poll(&mut context).is_pending()));
        assert!(matches!(pin!(ask()).poll(&mut context), Poll::Ready(Err(StoreError::Busy))));
        let last = waiting.pop().expect("somebody waits");
        drop(waiting);
        drop(releases);
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(last).expect("is run"), 0, "something was run that nobody waited for");
        for stuck in stuck {
            assert_eq!(runtime.block_on(stuck).expect("is run"), (true, true));
        }
    }
}
