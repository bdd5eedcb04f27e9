//! How often something may happen: a steady rate, with one second's worth saved up at most. And what may happen only
//! once at a time.

use carnelian_domain::UserId;
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// From how many entries on those that no longer matter are thrown away.
const PRUNE: usize = 10_000;

/// How many calls a second the original service allows a user.
const UPSTREAM_PER_SECOND: u32 = 5;

/// The rate in force: what is configured, 0 for any, and at most that of the original service if that counts.
pub(crate) fn in_force(per_second: u32, strict_upstream: bool) -> u32 {
    match (strict_upstream, per_second) {
        (false, any) => any,
        (true, 0) => UPSTREAM_PER_SECOND,
        (true, configured) => configured.min(UPSTREAM_PER_SECOND),
    }
}

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

/// Lets each user do one thing at a time; costs nothing while it is off.
pub(crate) struct ActiveCalls<K>(Option<Arc<Mutex<HashSet<K>>>>);

/// A call that is active until this is dropped.
pub struct ActiveCall<K: Eq + Hash = UserId>(Option<(Arc<Mutex<HashSet<K>>>, K)>);

impl<K: Eq + Hash + Copy> ActiveCalls<K> {
    pub(crate) fn new(limited: bool) -> ActiveCalls<K> {
        ActiveCalls(limited.then(Arc::default))
    }

    /// Begins a call, unless the user has one already.
    pub(crate) fn begin(&self, key: K) -> Option<ActiveCall<K>> {
        let Some(active) = &self.0 else { return Some(ActiveCall(None)) };
        let is_first = lock(active).insert(key);
        // One that is not the first must not be made: its end would be taken for that of the first.
        if is_first { Some(ActiveCall(Some((active.clone(), key)))) } else { None }
    }
}

impl<K: Eq + Hash> Drop for ActiveCall<K> {
    fn drop(&mut self) {
        if let Some((active, key)) = &self.0 {
            lock(active).remove(key);
        }
    }
}

fn lock<K>(active: &Mutex<HashSet<K>>) -> MutexGuard<'_, HashSet<K>> {
    active.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn the_original_service_s_rate_holds_unless_a_lower_one_is_configured() {
        assert_eq!([in_force(0, false), in_force(9, false)], [0, 9]);
        assert_eq!([in_force(0, true), in_force(9, true), in_force(2, true)], [5, 5, 2]);
    }

    #[test]
    fn each_has_one_call_at_a_time_if_that_is_limited() {
        let limited = ActiveCalls::new(true);
        let first = limited.begin(1);
        assert!(first.is_some() && limited.begin(1).is_none() && limited.begin(2).is_some());
        drop(first);
        assert!(limited.begin(1).is_some());
        let free = ActiveCalls::new(false);
        let calls = [free.begin(1), free.begin(1)];
        assert!(calls.iter().all(Option::is_some));
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
