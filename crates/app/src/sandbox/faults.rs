//! Injected faults. Each affects a number of requests, or all requests for a time.

use parking_lot::Mutex;
use std::time::Duration;

/// The effect on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The rate limit is exceeded.
    RateLimit,
    /// The server has an internal error.
    ServerError,
    /// The store is unavailable.
    Unavailable,
    /// The account is being erased. Affects only creates and edits.
    ErasureInProgress,
    /// The request is delayed, then processed.
    Delay(Duration),
    /// The request has no effect, and its connection is closed without a response.
    CutBefore,
    /// The request takes effect, and its connection is closed without a response.
    CutAfter,
}

impl FaultKind {
    /// Whether requests of a method can be affected.
    fn can_strike(self, method: &str) -> bool {
        self != FaultKind::ErasureInProgress || matches!(method, "POST" | "PUT")
    }
}

/// A fault to inject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its effect.
    pub kind: FaultKind,
    /// The number of requests that it affects; `None` for no limit.
    pub count: Option<u32>,
    /// The time for which it is active; `None` for no limit.
    pub time: Option<Duration>,
    /// The method of affected requests; `None` for any.
    pub method: Option<String>,
    /// The prefix of affected paths; `None` for any.
    pub path_prefix: Option<String>,
}

impl Fault {
    fn strikes(&self, method: &str, path: &str) -> bool {
        self.kind.can_strike(method)
            && self.method.as_deref().is_none_or(|own| own == method)
            && self.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
    }
}

/// The active faults, in the order in which they were added.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Pending>>);

struct Pending {
    fault: Fault,
    /// When it ends, in monotonic time.
    until: Option<Duration>,
}

impl Pending {
    fn is_over(&self, now: Duration) -> bool {
        self.fault.count == Some(0) || self.until.is_some_and(|until| until <= now)
    }
}

impl Faults {
    /// Adds a fault. Without count and time, it affects one request.
    pub fn add(&self, mut fault: Fault, now: Duration) {
        if fault.time.is_none() {
            fault.count.get_or_insert(1);
        }
        let until = fault.time.map(|time| now.saturating_add(time));
        self.0.lock().push(Pending { fault, until });
    }

    /// The active faults, with their remaining counts and times.
    pub fn list(&self, now: Duration) -> Vec<Fault> {
        let mut pending = self.0.lock();
        pending.retain(|pending| !pending.is_over(now));
        let left = |pending: &Pending| Fault {
            time: pending.until.map(|until| until.saturating_sub(now)),
            ..pending.fault.clone()
        };
        pending.iter().map(left).collect()
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// The effect on a request: that of the first matching fault, whose count is decremented.
    pub fn strike(&self, method: &str, path: &str, now: Duration) -> Option<FaultKind> {
        let mut pending = self.0.lock();
        pending.retain(|pending| !pending.is_over(now));
        let struck = pending.iter_mut().find(|pending| pending.fault.strikes(method, path))?;
        if let Some(count) = &mut struck.fault.count {
            *count -= 1;
        }
        Some(struck.fault.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: Fault =
        Fault { kind: FaultKind::Unavailable, count: None, time: None, method: None, path_prefix: None };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_fault_affects_its_number_of_requests_or_all_for_its_time() {
        let faults = Faults::default();
        let strike = |at| faults.strike("GET", "/rws/x", seconds(at));
        faults.add(ONCE, seconds(0));
        faults.add(Fault { kind: FaultKind::RateLimit, count: Some(2), ..ONCE }, seconds(0));
        faults.add(Fault { kind: FaultKind::ServerError, time: Some(seconds(5)), ..ONCE }, seconds(1));
        let struck = [strike(1), strike(1), strike(1), strike(1), strike(5)];
        let expected = ["Unavailable", "RateLimit", "RateLimit", "ServerError", "ServerError"];
        assert_eq!(struck.map(|kind| format!("{:?}", kind.expect("a fault"))), expected);
        assert_eq!(faults.list(seconds(4))[0].time, Some(seconds(2)));
        assert_eq!(strike(6), None);
        assert_eq!(faults.list(seconds(6)), []);
    }

    #[test]
    fn a_fault_with_count_and_time_ends_when_the_first_of_them_does() {
        let faults = Faults::default();
        let both = Fault { count: Some(2), time: Some(seconds(5)), ..ONCE };
        faults.add(both.clone(), seconds(0));
        assert!(faults.strike("GET", "/", seconds(0)).is_some());
        assert!(faults.strike("GET", "/", seconds(5)).is_none());
        faults.add(both, seconds(5));
        assert!((0..2).all(|_| faults.strike("GET", "/", seconds(6)).is_some()));
        assert!(faults.strike("GET", "/", seconds(6)).is_none());
    }

    #[test]
    fn only_matching_requests_are_affected_and_counted() {
        let faults = Faults::default();
        let narrow = Fault { method: Some("PUT".into()), path_prefix: Some("/rws/a".into()), ..ONCE };
        faults.add(narrow, seconds(0));
        faults.add(Fault { kind: FaultKind::ErasureInProgress, ..ONCE }, seconds(0));
        for (method, path) in [("GET", "/rws/a"), ("HEAD", "/rws/b"), ("DELETE", "/rws/b")] {
            assert_eq!(faults.strike(method, path, seconds(0)), None, "{method} {path}");
        }
        assert_eq!(faults.strike("PUT", "/rws/b", seconds(0)), Some(FaultKind::ErasureInProgress));
        assert_eq!(faults.strike("PUT", "/rws/abc", seconds(0)), Some(FaultKind::Unavailable));
    }
}
