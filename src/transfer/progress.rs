//! The progress of an import or export: a bar on a terminal, else a line every few seconds.

use crate::commands::output::print_message;
use carnelian_store::Clock;
use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// The interval between updates of the bar.
const BAR_INTERVAL: Duration = Duration::from_millis(200);

/// The interval between lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The length of the bar in characters.
const WIDTH: u64 = 20;

/// The progress output of a long operation.
pub(super) struct Progress<'a> {
    clock: &'a dyn Clock,
    terminal: bool,
    /// The number of bytes to process, if known.
    total: Option<u64>,
    started: Duration,
    updated: Duration,
}

impl<'a> Progress<'a> {
    /// Starts measuring time.
    pub(super) fn new(clock: &'a dyn Clock, total: Option<u64>) -> Progress<'a> {
        let now = clock.monotonic();
        Progress { clock, terminal: io::stderr().is_terminal(), total, started: now, updated: now }
    }

    /// Shows the number of rows and bytes processed, unless the last update was too recent.
    pub(super) fn update(&mut self, rows: u64, done: u64) {
        let now = self.clock.monotonic();
        let interval = if self.terminal { BAR_INTERVAL } else { LINE_INTERVAL };
        if now.saturating_sub(self.updated) < interval {
            return;
        }
        self.updated = now;
        let line = line(rows, done, self.total, now.saturating_sub(self.started));
        if self.terminal {
            let bar = self.total.map(|total| bar(done, total)).unwrap_or_default();
            let mut stderr = io::stderr();
            let _ = write!(stderr, "\r\x1b[K{bar}{line}").and_then(|()| stderr.flush());
        } else {
            print_message(line);
        }
    }

    /// Prints a message, overwriting the bar.
    pub(super) fn print(&self, message: impl Display) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        print_message(message);
    }
}

fn bar(done: u64, total: u64) -> String {
    let full = (done.min(total) * WIDTH).checked_div(total).unwrap_or(WIDTH) as usize;
    format!("[{}{}] ", "#".repeat(full), "-".repeat(WIDTH as usize - full))
}

fn line(rows: u64, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut line = format!("{rows} rows, {} rows/s", rows.saturating_mul(1000) / millis);
    if let Some(total) = total.filter(|_| done > 0) {
        let left = u128::from(millis) * u128::from(total.saturating_sub(done)) / u128::from(done) / 1000;
        line += &format!(", {}%, {left} s left", done.min(total) * 100 / total.max(1));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_rate_and_the_time_left() {
        let elapsed = Duration::from_secs(10);
        assert_eq!(line(1000, 250, Some(1000), elapsed), "1000 rows, 100 rows/s, 25%, 30 s left");
        assert_eq!(line(1000, 250, None, elapsed), "1000 rows, 100 rows/s");
        assert_eq!(line(0, 0, Some(0), Duration::ZERO), "0 rows, 0 rows/s");
        assert_eq!((bar(1, 2), bar(0, 0)), ("[##########----------] ".into(), "[####################] ".into()));
    }
}
