//! How slowly a client may read a response.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// How many bytes a second a client reads at least, after the time that it may wait.
const MIN_BYTES_PER_SECOND: u32 = 4 * 1024;

/// The time that a client has for the responses that have not been written as a whole.
///
/// The time begins when a write has to wait for the client, and grows with every byte that the client takes. Once
/// everything is written, the next write has the whole time again.
pub(crate) struct WritePace {
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl WritePace {
    /// A client may take nothing for `timeout`.
    pub(crate) fn new(timeout: Duration) -> WritePace {
        WritePace { timeout, timer: None }
    }

    /// Passes on the outcome of a write, or fails if the client is too slow.
    pub(crate) fn after_write(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(bytes)), Some(timer)) = (&outcome, &mut self.timer) {
            let bytes = u32::try_from(*bytes).unwrap_or(u32::MAX);
            let extended = timer.deadline() + Duration::from_secs(bytes.into()) / MIN_BYTES_PER_SECOND;
            timer.as_mut().reset(extended);
        }
        self.limit(context, outcome)
    }

    /// Passes on the outcome of a flush, which is ready once everything is written, or fails if the client is too slow.
    pub(crate) fn after_flush(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        if outcome.is_ready() {
            self.timer = None;
        }
        self.limit(context, outcome)
    }

    fn limit<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        let timeout = self.timeout;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use tokio::{runtime::Builder, time::Instant};

    fn deadline(pace: &WritePace) -> Option<Instant> {
        pace.timer.as_ref().map(|timer| timer.deadline())
    }

    #[test]
    fn a_byte_extends_the_time_by_its_share_and_only_a_whole_response_ends_it() {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let _entered = runtime.enter();
        let mut context = Context::from_waker(Waker::noop());
        let mut pace = WritePace::new(Duration::from_secs(60));
        assert!(pace.after_write(&mut context, Poll::Ready(Ok(5))).is_ready());
        assert_eq!(deadline(&pace), None, "no write has waited");
        assert!(pace.after_write(&mut context, Poll::Pending).is_pending());
        let first = deadline(&pace).expect("a write waits");
        assert!(pace.after_write(&mut context, Poll::Ready(Ok(MIN_BYTES_PER_SECOND as usize))).is_ready());
        assert!(pace.after_write(&mut context, Poll::Pending).is_pending());
        assert!(pace.after_flush(&mut context, Poll::Pending).is_pending());
        let extended = deadline(&pace).expect("a write waits").duration_since(first);
        assert!(extended.abs_diff(Duration::from_secs(1)) < Duration::from_millis(10), "{extended:?}");
        assert!(pace.after_flush(&mut context, Poll::Ready(Ok(()))).is_ready());
        assert_eq!(deadline(&pace), None, "everything is written");
    }

    #[test]
    fn a_client_that_takes_too_long_is_disconnected() {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut pace = WritePace::new(Duration::from_millis(1));
        let outcome = runtime.block_on(std::future::poll_fn(|context| pace.after_write(context, Poll::Pending)));
        assert_eq!(outcome.expect_err("too slow").kind(), io::ErrorKind::TimedOut);
    }
}
