//! The delay of refusals, and when to try again.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The time after which to try again if it is not known when the limit will no longer be exceeded.
pub(crate) const RETRY_SOON: Duration = Duration::from_secs(1);

/// The shortest delay of a refusal.
const DELAY: Duration = Duration::from_secs(1);

/// The largest addition to [`DELAY`], in milliseconds.
const SPREAD: u64 = 1000;

/// How far apart the additions of consecutive refusals are, in milliseconds; with [`SPREAD`] it has no common divisor.
const SPREAD_STEP: u64 = 377;

/// The delays of refusals: without one, a client that does not wait would send its next request at once. They are spread, so
/// that requests that arrive together are not refused together.
#[derive(Default)]
pub(crate) struct RefusalDelay {
    refusals: AtomicU64,
}

impl RefusalDelay {
    /// The delay of the next refusal.
    pub(crate) fn next(&self) -> Duration {
        let number = self.refusals.fetch_add(1, Ordering::Relaxed);
        DELAY + Duration::from_millis(number.wrapping_mul(SPREAD_STEP) % SPREAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn refusals_that_come_together_are_spread_over_a_second() {
        let delay = RefusalDelay::default();
        let delays: HashSet<_> = (0..SPREAD).map(|_| delay.next()).collect();
        assert_eq!(delays.len() as u64, SPREAD);
        assert!(delays.iter().all(|delay| (DELAY..DELAY * 2).contains(delay)));
    }
}
