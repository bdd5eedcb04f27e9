//! How often something may happen: a steady rate, with one second's worth saved up at most.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// From how many entries on those that no longer matter are thrown away.
const PRUNE: usize = 10_000;

/// Counts what happens, per user or per address; costs nothing while it is off.
pub(crate) struct Throttle<K> {
    interval: Option<Duration>,
    /// For each key the moment up to which what happened has been paid for.
    paid_until: Mutex<HashMap<K, Duration>>,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Allows that many a second; 0 allows any number.
    pub(crate) fn new(per_second: u32) -> Throttle<K> {
        let interval = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        Throttle { interval, paid_until: Mutex::default() }
    }

    /// Says whether it may happen now, and counts it if so.
    pub(crate) fn admits(&self, key: K, now: Duration) -> bool {
        let Some(interval) = self.interval else { return true };
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        if paid_until.len() >= PRUNE {
            paid_until.retain(|_, moment| *moment > now);
        }
        let moment = paid_until.entry(key).or_default();
        let next = (*moment).max(now) + interval;
        let admitted = next <= now + Duration::from_secs(1);
        if admitted {
            *moment = next;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_second_s_worth_and_then_the_rate() {
        let throttle = Throttle::new(2);
        let admitted = |millis: u64| throttle.admits(1, Duration::from_millis(10_000 + millis));
        assert_eq!([admitted(0), admitted(0), admitted(0)], [true, true, false]);
        assert_eq!([admitted(499), admitted(500), admitted(500)], [false, true, false]);
        assert!(throttle.admits(2, Duration::from_secs(10)), "another one");
    }

    #[test]
    fn a_rate_of_zero_admits_everything() {
        let throttle = Throttle::new(0);
        assert!((0..100).all(|_| throttle.admits(1, Duration::ZERO)));
    }

    #[test]
    fn what_is_long_over_is_forgotten() {
        let throttle = Throttle::new(1);
        for key in 0..PRUNE {
            throttle.admits(key, Duration::ZERO);
        }
        throttle.admits(PRUNE, Duration::from_secs(60));
        assert_eq!(throttle.paid_until.lock().expect("nobody panicked").len(), 1);
    }
}
