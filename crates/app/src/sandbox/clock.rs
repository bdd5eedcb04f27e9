//! An adjustable clock, stopped or running.

use carnelian_domain::Timestamp;
use carnelian_store::Clock;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};

/// A clock that shows the real time until it is set.
///
/// Durations are always real, so that timeouts still expire.
pub struct SandboxClock {
    real: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Stopped at a time.
    Fixed(Timestamp),
    /// Running this many milliseconds ahead of the real time.
    Ahead(i64),
}

/// The real time.
const REAL: State = State::Ahead(0);

/// The state of a clock at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The time that it shows.
    pub now: Timestamp,
    /// Whether it is running.
    pub running: bool,
}

/// A change of a clock. `None` leaves a property unchanged.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetClock {
    /// The new time. The clock stops at it, unless `running` is true.
    pub now: Option<Timestamp>,
    /// The number of seconds to advance by.
    pub advance_seconds: u64,
    /// Whether it is to run.
    pub running: Option<bool>,
}

/// The latest time that a clock can be set to: the end of the year 8999. The lifetime of a key that is issued then, and the
/// grace period of an erasure, end before the year 10000.
pub const LATEST: Timestamp = Timestamp(221_845_391_999_999);

impl SandboxClock {
    /// A clock that shows the real time.
    pub fn new(real: Arc<dyn Clock>) -> SandboxClock {
        SandboxClock { real, state: Mutex::new(REAL) }
    }

    /// Its time and state.
    pub fn reading(&self) -> Reading {
        reading(*self.state.lock(), self.real.now())
    }

    /// Changes it, and returns its new time and state; `None` if that is after [`LATEST`], and nothing changes.
    pub fn set(&self, change: SetClock) -> Option<Reading> {
        let mut state = self.state.lock();
        let real = self.real.now();
        let was = reading(*state, real);
        let now = change.now.unwrap_or(was.now).plus_seconds(change.advance_seconds);
        if now > LATEST {
            return None;
        }
        let running = change.running.unwrap_or(change.now.is_none() && was.running);
        *state = if running { State::Ahead(now.0.saturating_sub(real.0)) } else { State::Fixed(now) };
        Some(Reading { now, running })
    }

    /// Returns to the real time.
    pub fn reset(&self) {
        *self.state.lock() = REAL;
    }
}

fn reading(state: State, real: Timestamp) -> Reading {
    match state {
        State::Fixed(now) => Reading { now, running: false },
        State::Ahead(millis) => Reading { now: Timestamp(real.0.saturating_add(millis)), running: true },
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        self.reading().now
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// A real time that the test advances.
    #[derive(Default)]
    struct Real(AtomicI64);

    impl Clock for Real {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn it_stops_advances_and_runs_from_the_time_it_shows() {
        let real = Arc::new(Real::default());
        let clock = SandboxClock::new(real.clone());
        let pass = |millis: i64| real.0.fetch_add(millis, Ordering::Relaxed);
        let shows = |now, running| assert_eq!(clock.reading(), Reading { now: Timestamp(now), running });
        pass(1_000);
        shows(1_000, true);
        clock.set(SetClock { now: Some(Timestamp(50_000)), ..SetClock::default() });
        pass(1_000);
        shows(50_000, false);
        clock.set(SetClock { advance_seconds: 10, ..SetClock::default() });
        shows(60_000, false);
        clock.set(SetClock { running: Some(true), ..SetClock::default() });
        pass(500);
        shows(60_500, true);
        clock.set(SetClock { advance_seconds: 1, ..SetClock::default() });
        shows(61_500, true);
        clock.set(SetClock { running: Some(false), ..SetClock::default() });
        pass(500);
        shows(61_500, false);
        clock.set(SetClock { now: Some(Timestamp(-5)), advance_seconds: 1, running: Some(true) });
        shows(995, true);
        clock.reset();
        shows(3_000, true);
        assert_eq!(LATEST.to_iso8601(), "8999-12-31T23:59:59.999Z");
        assert!(clock.set(SetClock { now: Some(LATEST), ..SetClock::default() }).is_some());
        assert_eq!(clock.set(SetClock { advance_seconds: 1, ..SetClock::default() }), None);
        shows(LATEST.0, false);
    }
}
