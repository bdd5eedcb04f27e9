//! What goes wrong on demand: each fault strikes so many calls, or for so long.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It is one too many.
    RateLimit,
    /// It meets a fault of the server.
    ServerError,
    /// It meets a store that is out of reach.
    Unavailable,
    /// It meets an account that is being erased; strikes creates and edits only.
    ErasureInProgress,
    /// It waits, and goes on then.
    Delay(Duration),
    /// It has no effect, and its connection is closed without an answer.
    CutBefore,
    /// It takes effect, and its connection is closed without an answer.
    CutAfter,
}

impl FaultKind {
    /// Whether a method can meet this.
    fn can_strike(self, method: &str) -> bool {
        self != FaultKind::ErasureInProgress || matches!(method, "POST" | "PUT")
    }
}

/// A fault that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// How many calls it strikes; `None` for any number.
    pub count: Option<u32>,
    /// For how long it strikes; `None` for as long as the count lasts.
    pub time: Option<Duration>,
    /// The method of the calls that it strikes; `None` for any.
    pub method: Option<String>,
    /// What the paths begin with that it strikes; `None` for any.
    pub path_prefix: Option<String>,
}

impl Fault {
    fn strikes(&self, method: &str, path: &str) -> bool {
        self.kind.can_strike(method)
            && self.method.as_deref().is_none_or(|own| own == method)
            && self.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
    }
}

/// The faults that are to come, in the order in which they were asked for.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Pending>>);

struct Pending {
    fault: Fault,
    /// From when on it strikes no more.
    until: Option<Duration>,
}

impl Pending {
    fn is_over(&self, now: Duration) -> bool {
        self.fault.count == Some(0) || self.until.is_some_and(|until| until <= now)
    }
}

impl Faults {
    /// Adds a fault; one without count and time strikes once.
    pub fn add(&self, mut fault: Fault, now: Duration) {
        if fault.time.is_none() {
            fault.count.get_or_insert(1);
        }
        let until = fault.time.map(|time| now.saturating_add(time));
        self.lock().push(Pending { fault, until });
    }

    /// The faults that are to come, with what is left of their counts and times.
    pub fn list(&self, now: Duration) -> Vec<Fault> {
        let mut pending = self.lock();
        pending.retain(|pending| !pending.is_over(now));
        let left = |pending: &Pending| Fault {
            time: pending.until.map(|until| until.saturating_sub(now)),
            ..pending.fault.clone()
        };
        pending.iter().map(left).collect()
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to a call: the first fault that strikes it, and no other.
    pub fn strike(&self, method: &str, path: &str, now: Duration) -> Option<FaultKind> {
        let mut pending = self.lock();
        pending.retain(|pending| !pending.is_over(now));
        let struck = pending.iter_mut().find(|pending| pending.fault.strikes(method, path))?;
        if let Some(count) = &mut struck.fault.count {
            *count -= 1;
        }
        Some(struck.fault.kind)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_fault_strikes_as_often_as_it_should_and_for_as_long() {
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
    fn a_fault_with_count_and_time_ends_with_whichever_is_over_first() {
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
    fn only_calls_that_fit_are_struck_and_counted() {
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
