//! A clock that can be set: it stands still at a moment, or runs from one.

use carnelian_domain::Timestamp;
use carnelian_store::Clock;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A clock that tells the real time until it is set.
///
/// Durations stay real, so that what waits for one still ends.
pub struct SandboxClock {
    real: Arc<dyn Clock>,
    setting: Mutex<Setting>,
}

#[derive(Clone, Copy, Debug)]
enum Setting {
    /// It stands still.
    Fixed(Timestamp),
    /// It runs, so many milliseconds ahead of the real time.
    Ahead(i64),
}

/// The real time.
const REAL: Setting = Setting::Ahead(0);

/// What a clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The moment that it is.
    pub now: Timestamp,
    /// Whether time goes on.
    pub running: bool,
}

/// What is to change about a clock; whatever is absent stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetClock {
    /// The moment that it is from now on; the clock stands still there unless it is told to run.
    pub now: Option<Timestamp>,
    /// How many seconds pass at once.
    pub advance_seconds: u64,
    /// Whether time goes on.
    pub running: Option<bool>,
}

impl SandboxClock {
    /// A clock over the real one.
    pub fn new(real: Arc<dyn Clock>) -> SandboxClock {
        SandboxClock { real, setting: Mutex::new(REAL) }
    }

    /// What it shows.
    pub fn reading(&self) -> Reading {
        reading(*self.lock(), self.real.now())
    }

    /// Sets it, and says what it shows then.
    pub fn set(&self, change: SetClock) -> Reading {
        let mut setting = self.lock();
        let real = self.real.now();
        let was = reading(*setting, real);
        let now = change.now.unwrap_or(was.now).plus_seconds(change.advance_seconds);
        let running = change.running.unwrap_or(change.now.is_none() && was.running);
        *setting = if running { Setting::Ahead(now.0.saturating_sub(real.0)) } else { Setting::Fixed(now) };
        Reading { now, running }
    }

    /// Goes back to the real time.
    pub fn reset(&self) {
        *self.lock() = REAL;
    }

    fn lock(&self) -> MutexGuard<'_, Setting> {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reading(setting: Setting, real: Timestamp) -> Reading {
    match setting {
        Setting::Fixed(now) => Reading { now, running: false },
        Setting::Ahead(millis) => Reading { now: Timestamp(real.0.saturating_add(millis)), running: true },
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

    /// A real time that passes when told to.
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
    fn it_stands_still_moves_on_and_runs_from_where_it_is() {
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
    }
}
