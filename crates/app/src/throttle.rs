//! The limits that a process enforces.

use crate::{
    listing_slots::ListingSlots,
    rate::Rate,
    refusal_delay::RefusalDelay,
    request_limits::{RequestLimits, RequestRates},
};
use carnelian_domain::UserId;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// The number of failed sign-ins per second from one address that are looked up in the store and answered without delay.
const FAILED_SIGN_INS_PER_SECOND: u32 = 20;

/// The same from all addresses together.
const ALL_FAILED_SIGN_INS_PER_SECOND: u32 = 200;

/// The number of refused administrative operations per second that are recorded for one user. More are only counted, so
/// that they cannot fill the disk.
const REFUSALS_PER_SECOND: u32 = 1;

/// The limits that this process enforces.
pub(crate) struct Limits {
    /// Requests of each user, account and address.
    pub(crate) calls: RequestLimits,
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
    pub(crate) fn new(rates: RequestRates, strict_upstream: bool) -> Limits {
        Limits {
            calls: RequestLimits::new(rates, strict_upstream),
            active_calls: ActiveCalls::new(strict_upstream),
            listings: ListingSlots::default(),
            failed_sign_ins: Throttle::new(FAILED_SIGN_INS_PER_SECOND),
            all_failed_sign_ins: Throttle::new(ALL_FAILED_SIGN_INS_PER_SECOND),
            sign_in_delay: RefusalDelay::default(),
            refusals: RefusalEntries::default(),
        }
    }
}

/// Limits the rate of an event for each key; costs nothing if there is no limit.
pub(crate) struct Throttle<K>(Option<Mutex<Rate<K>>>);

impl<K: Eq + Hash> Throttle<K> {
    /// Allows `per_second` events a second; 0 means no limit.
    pub(crate) fn new(per_second: u32) -> Throttle<K> {
        Throttle(Rate::new(per_second).map(Mutex::new))
    }

    /// Admits an event now and counts it, or returns the time after which it would be admitted.
    pub(crate) fn admit(&self, key: K, now: Duration) -> Result<(), Duration> {
        let Some(rate) = &self.0 else { return Ok(()) };
        let mut rate = rate.lock();
        match rate.wait(&key, now) {
            Some(wait) => Err(wait),
            None => {
                rate.count(key, now);
                Ok(())
            }
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
    fn a_rate_of_zero_admits_everything() {
        let throttle = Throttle::new(0);
        assert!((0..100).all(|_| throttle.admit(1, Duration::ZERO).is_ok()));
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
}
