//! A rate with a burst of one second's worth, for each key: the generic cell rate algorithm.
//!
//! Each event moves the time up to which its key has used its rate forward by an interval. An event is admitted unless that
//! time would come to lie more than a second ahead.

use std::{collections::HashMap, hash::Hash, time::Duration};

/// The number of entries from which entries without effect are removed.
const PRUNE: usize = 10_000;

/// The time whose worth of events may come at once.
const BURST: Duration = Duration::from_secs(1);

/// What has been used of a rate.
pub(crate) struct Rate<K> {
    interval: Duration,
    /// For each key, the time up to which its events have used its rate.
    used_until: HashMap<K, Duration>,
    /// The number of entries from which those without effect are removed.
    prune_at: usize,
}

impl<K: Eq + Hash> Rate<K> {
    /// Allows `per_second` events a second; `None` if that is 0, which means no limit.
    pub(crate) fn new(per_second: u32) -> Option<Rate<K>> {
        let interval = (per_second > 0).then(|| BURST / per_second)?;
        Some(Rate { interval, used_until: HashMap::new(), prune_at: PRUNE })
    }

    /// The time after which an event would be admitted; `None` if it would be admitted now.
    pub(crate) fn wait(&self, key: &K, now: Duration) -> Option<Duration> {
        let wait = (self.until_unused(key, now) + self.interval).saturating_sub(BURST);
        (wait > Duration::ZERO).then_some(wait)
    }

    /// Counts an event that is admitted.
    pub(crate) fn count(&mut self, key: K, now: Duration) {
        if self.used_until.len() >= self.prune_at {
            self.used_until.retain(|_, moment| *moment > now);
            // Twice what has an effect, so that an entry is looked at a few times at most.
            self.prune_at = PRUNE.max(self.used_until.len() * 2);
        }
        let moment = self.used_until.entry(key).or_default();
        *moment = (*moment).max(now) + self.interval;
    }

    /// How many events would be admitted now.
    pub(crate) fn remaining(&self, key: &K, now: Duration) -> u32 {
        let left = BURST.saturating_sub(self.until_unused(key, now));
        u32::try_from(left.as_nanos() / self.interval.as_nanos()).unwrap_or(u32::MAX)
    }

    /// The time until nothing of the rate is used any more.
    pub(crate) fn until_unused(&self, key: &K, now: Duration) -> Duration {
        self.used_until.get(key).map_or(Duration::ZERO, |moment| moment.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit<K: Eq + Hash>(rate: &mut Rate<K>, key: K, now: Duration) -> Result<(), Duration> {
        match rate.wait(&key, now) {
            Some(wait) => Err(wait),
            None => {
                rate.count(key, now);
                Ok(())
            }
        }
    }

    fn rate<K: Eq + Hash>(per_second: u32) -> Rate<K> {
        Rate::new(per_second).expect("there is a limit")
    }

    #[test]
    fn a_burst_of_one_second_s_worth_is_admitted_and_then_the_rate() {
        let mut rate = rate(2);
        let mut admitted = |millis: u64| admit(&mut rate, 1, Duration::from_millis(10_000 + millis)).is_ok();
        assert_eq!([admitted(0), admitted(0), admitted(0)], [true, true, false]);
        assert_eq!([admitted(499), admitted(500), admitted(500)], [false, true, false]);
        assert_eq!(admit(&mut rate, 2, Duration::from_secs(10)), Ok(()), "another key");
        assert_eq!(admit(&mut rate, 1, Duration::from_millis(10_600)), Err(Duration::from_millis(400)));
        assert_eq!(admit(&mut rate, 1, Duration::from_secs(11)), Ok(()), "after the time that Retry-After gave");
    }

    #[test]
    fn what_remains_is_admitted_and_nothing_more_at_any_rate() {
        for per_second in [1, 2, 3, 7, 999, 1_000_000] {
            let mut rate = rate(per_second);
            let mut now = Duration::from_secs(5);
            for _ in 0..100 {
                let remaining = rate.remaining(&1, now);
                for _ in 0..remaining.min(1000) {
                    assert_eq!(admit(&mut rate, 1, now), Ok(()), "{per_second}");
                }
                if remaining <= 1000 {
                    assert!(admit(&mut rate, 1, now).is_err(), "{per_second}");
                }
                now += Duration::from_millis(137);
            }
        }
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        assert!(Rate::<u8>::new(0).is_none());
    }

    #[test]
    fn a_key_that_has_used_its_rate_stays_limited_when_others_are_forgotten() {
        let mut rate = rate(1);
        let (past, now) = (Duration::from_secs(5), Duration::from_secs(10));
        (0..PRUNE / 2).for_each(|key| assert!(admit(&mut rate, key, past).is_ok()));
        (PRUNE / 2..=PRUNE).for_each(|key| assert!(admit(&mut rate, key, now).is_ok()));
        assert!(rate.used_until.len() < PRUNE, "some were forgotten");
        assert!((PRUNE / 2..=PRUNE).all(|key| admit(&mut rate, key, now).is_err()));
    }

    #[test]
    fn what_is_long_over_is_forgotten() {
        let mut rate = rate(1);
        for minute in 0..10 {
            for key in 0..PRUNE * 3 {
                rate.count((minute, key), Duration::from_secs(60 * minute));
            }
            // As many as have an effect at once, those of the minute before, and no more.
            assert!(rate.used_until.len() <= PRUNE * 6);
        }
        rate.count((10, 0), Duration::from_secs(600));
        for key in 0..PRUNE * 6 {
            rate.count((11, key), Duration::from_secs(660 + key as u64));
        }
        assert!(rate.used_until.len() <= PRUNE, "a flood that is over is forgotten");
    }
}
