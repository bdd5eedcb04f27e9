//! Limits per user or address: a rate with a burst of one second's worth, and one active request at a time.

use crate::{listing_slots::ListingSlots, refusal_delay::RefusalDelay};
use carnelian_domain::UserId;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// The number of entries from which entries without effect are removed.
const PRUNE: usize = 10_000;

/// How many requests a second the original service allows a user.
const UPSTREAM_PER_SECOND: u32 = 5;

/// The number of failed sign-ins per second from one address that are looked up in the store and answered without delay.
const FAILED_SIGN_INS_PER_SECOND: u32 = 20;

/// The same from all addresses together.
const ALL_FAILED_SIGN_INS_PER_SECOND: u32 = 200;

/// The number of refused administrative operations per second that are recorded for one user. More are only counted, so
/// that they cannot fill the disk.
const REFUSALS_PER_SECOND: u32 = 1;

/// The limits that this process enforces.
pub(crate) struct Limits {
    /// Requests of each user.
    pub(crate) calls: Throttle<UserId>,
    /// Concurrent requests of each user.
    pub(crate) active_calls: ActiveCalls<UserId>,
    /// Concurrent listings of each user.
    pub(crate) listings: ListingSlots,
    /// Failed sign-ins from each address.
    pub(crate) failed_sign_ins: Throttle<IpAddr>,
    /// Failed sign-ins from all addresses.
    pub(crate) all_failed_sign_ins: Throttle<()>,
    /// Delays of failed sign-ins.
    pub(crate) sign_in_delay: RefusalDelay,
    /// Audit entries about refused administrative operations.
    pub(crate) refusals: RefusalEntries,
}

impl Limits {
    pub(crate) fn new(requests_per_second: u32, strict_upstream: bool) -> Limits {
        Limits {
            calls: Throttle::new(in_force(requests_per_second, strict_upstream)),
            active_calls: ActiveCalls::new(strict_upstream),
            listings: ListingSlots::default(),
            failed_sign_ins: Throttle::new(FAILED_SIGN_INS_PER_SECOND),
            all_failed_sign_ins: Throttle::new(ALL_FAILED_SIGN_INS_PER_SECOND),
            sign_in_delay: RefusalDelay::default(),
            refusals: RefusalEntries::default(),
        }
    }
}

/// The rate to enforce: the configured one, where 0 means no limit, or the original service's if that is lower and applies.
fn in_force(per_second: u32, strict_upstream: bool) -> u32 {
    match (strict_upstream, per_second) {
        (false, any) => any,
        (true, 0) => UPSTREAM_PER_SECOND,
        (true, configured) => configured.min(UPSTREAM_PER_SECOND),
    }
}

/// Limits the rate of an event for each key; costs nothing if there is no limit.
pub(crate) struct Throttle<K> {
    interval: Option<Duration>,
    used: Mutex<Used<K>>,
}

/// What has been used of the rate.
struct Used<K> {
    /// For each key, the time up to which its events have used its rate.
    until: HashMap<K, Duration>,
    /// The number of entries from which those without effect are removed.
    prune_at: usize,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Allows `per_second` events a second; 0 means no limit.
    pub(crate) fn new(per_second: u32) -> Throttle<K> {
        let interval = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        Throttle { interval, used: Mutex::new(Used { until: HashMap::new(), prune_at: PRUNE }) }
    }

    /// Admits an event now and counts it, or returns the time after which it would be admitted.
    pub(crate) fn admit(&self, key: K, now: Duration) -> Result<(), Duration> {
        let Some(interval) = self.interval else { return Ok(()) };
        let mut used = self.used.lock();
        if used.until.len() >= used.prune_at {
            used.until.retain(|_, moment| *moment > now);
            // Twice what has an effect, so that an entry is looked at a few times at most.
            used.prune_at = PRUNE.max(used.until.len() * 2);
        }
        let moment = used.until.entry(key).or_default();
        let next = (*moment).max(now) + interval;
        match next.checked_sub(now + Duration::from_secs(1)) {
            None | Some(Duration::ZERO) => {
                *moment = next;
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}

/// Limits how many refusals of a user are recorded, and counts those that are not.
pub(crate) struct RefusalEntries {
    recorded: Throttle<UserId>,
    /// The refusals since the last entry of a user, if there are any.
    suppressed: Mutex<HashMap<UserId, u64>>,
}

impl Default for RefusalEntries {
    fn default() -> RefusalEntries {
        RefusalEntries { recorded: Throttle::new(REFUSALS_PER_SECOND), suppressed: Mutex::default() }
    }
}

impl RefusalEntries {
    /// Whether a refusal of a user is to be recorded: if so, with how many that were not recorded since the last entry.
    pub(crate) fn admit(&self, user: UserId, now: Duration) -> Option<u64> {
        let mut suppressed = self.suppressed.lock();
        match self.recorded.admit(user, now) {
            Ok(()) => Some(suppressed.remove(&user).unwrap_or_default()),
            Err(_) => {
                *suppressed.entry(user).or_default() += 1;
                None
            }
        }
    }
}

/// Limits each key to one active request; costs nothing if there is no limit.
pub(crate) struct ActiveCalls<K>(Option<Arc<Mutex<HashSet<K>>>>);

/// A request that is active until this is dropped.
pub struct ActiveCall<K: Eq + Hash = UserId>(Option<(Arc<Mutex<HashSet<K>>>, K)>);

impl<K: Eq + Hash + Copy> ActiveCalls<K> {
    pub(crate) fn new(limited: bool) -> ActiveCalls<K> {
        ActiveCalls(limited.then(Arc::default))
    }

    /// Begins a request, unless the key has an active one.
    pub(crate) fn begin(&self, key: K) -> Option<ActiveCall<K>> {
        let Some(active) = &self.0 else { return Some(ActiveCall(None)) };
        let is_first = active.lock().insert(key);
        // Dropping an `ActiveCall` of a second request would end the first one.
        if is_first { Some(ActiveCall(Some((active.clone(), key)))) } else { None }
    }
}

impl<K: Eq + Hash> Drop for ActiveCall<K> {
    fn drop(&mut self) {
        if let Some((active, key)) = &self.0 {
            active.lock().remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_beyond_one_a_second_of_a_user_are_counted_in_the_next_entry() {
        let refusals = RefusalEntries::default();
        let admit = |user: u64, millis: u64| refusals.admit(UserId(user), Duration::from_millis(10_000 + millis));
        assert_eq!([admit(1, 0), admit(1, 1), admit(1, 999), admit(2, 999)], [Some(0), None, None, Some(0)]);
        assert_eq!([admit(1, 1000), admit(1, 1001), admit(1, 5000)], [Some(2), None, Some(1)]);
        assert_eq!(admit(1, 7000), Some(0));
    }

    #[test]
    fn a_burst_of_one_second_s_worth_is_admitted_and_then_the_rate() {
        let throttle = Throttle::new(2);
        let admitted = |millis: u64| throttle.admit(1, Duration::from_millis(10_000 + millis)).is_ok();
        assert_eq!([admitted(0), admitted(0), admitted(0)], [true, true, false]);
        assert_eq!([admitted(499), admitted(500), admitted(500)], [false, true, false]);
        assert_eq!(throttle.admit(2, Duration::from_secs(10)), Ok(()), "another key");
        assert_eq!(throttle.admit(1, Duration::from_millis(10_600)), Err(Duration::from_millis(400)));
        assert_eq!(throttle.admit(1, Duration::from_secs(11)), Ok(()), "after the time that Retry-After gave");
    }

    #[test]
    fn a_rate_of_zero_admits_everything() {
        let throttle = Throttle::new(0);
        assert!((0..100).all(|_| throttle.admit(1, Duration::ZERO).is_ok()));
    }

    #[test]
    fn the_original_service_s_rate_applies_unless_a_lower_one_is_configured() {
        assert_eq!([in_force(0, false), in_force(9, false)], [0, 9]);
        assert_eq!([in_force(0, true), in_force(9, true), in_force(2, true)], [5, 5, 2]);
    }

    #[test]
    fn each_key_has_one_active_request_if_that_is_limited() {
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
    fn a_key_that_has_used_its_rate_stays_limited_when_others_are_forgotten() {
        let throttle = Throttle::new(1);
        let (past, now) = (Duration::from_secs(5), Duration::from_secs(10));
        (0..PRUNE / 2).for_each(|key| assert!(throttle.admit(key, past).is_ok()));
        (PRUNE / 2..=PRUNE).for_each(|key| assert!(throttle.admit(key, now).is_ok()));
        assert!(throttle.used.lock().until.len() < PRUNE, "some were forgotten");
        assert!((PRUNE / 2..=PRUNE).all(|key| throttle.admit(key, now).is_err()));
    }

    #[test]
    fn what_is_long_over_is_forgotten() {
        let throttle = Throttle::new(1);
        for minute in 0..10 {
            for key in 0..PRUNE * 3 {
                let _ = throttle.admit((minute, key), Duration::from_secs(60 * minute));
            }
            // As many as have an effect at once, those of the minute before, and no more.
            assert!(throttle.used.lock().until.len() <= PRUNE * 6);
        }
        let _ = throttle.admit((10, 0), Duration::from_secs(600));
        for key in 0..PRUNE * 6 {
            let _ = throttle.admit((11, key), Duration::from_secs(660 + key as u64));
        }
        assert!(throttle.used.lock().until.len() <= PRUNE, "a flood that is over is forgotten");
    }
}
