//! Waits for a condition, never for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

/// How long a running server may take to apply a change made by a command; one second is promised.
pub const NOTICE: Duration = Duration::from_secs(8);

/// How long a process may take to start or to end.
pub const PROCESS: Duration = Duration::from_secs(30);

/// How long any other condition may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls `probe` until it yields a value, and panics naming `what` once `deadline` has passed.
#[track_caller]
pub fn until<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(started.elapsed() < deadline, "{what}: not within {deadline:?}");
        // The interval between two polls; no test depends on its length.
        thread::sleep(Duration::from_millis(5));
    }
}
