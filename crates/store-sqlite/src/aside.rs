//! Threads to wait on, beside those that have others to serve.

use crate::{disk_waits::CALM, error::from_system};
use std::panic::resume_unwind;
use tokio::runtime::{Builder, Runtime};

/// How many there are at most.
pub(crate) const ASIDE: usize = 8;

/// The threads: they start when they are needed, and end a while after.
pub(crate) struct Aside(Option<Runtime>);

impl Aside {
    pub(crate) fn new() -> Result<Aside, rusqlite::Error> {
        let mut threads = Builder::new_current_thread();
        threads.max_blocking_threads(ASIDE).thread_keep_alive(CALM).thread_name("reader");
        threads.build().map(Some).map(Aside).map_err(from_system)
    }

    /// Runs something on the next thread that is free; `None` if there will be none any more.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        match self.0.as_ref()?.spawn_blocking(work).await {
            Ok(done) => Some(done),
            Err(error) => error.try_into_panic().map(|panic| resume_unwind(panic)).ok(),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Whoever drops the store may be where waiting is forbidden.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}
