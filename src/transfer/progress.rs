//! How far an import or export has come: a bar on a terminal, and a line every few seconds elsewhere.

use crate::commands::output::print_message;
use carnelian_store::Clock;
use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// How often a bar is drawn.
const OFTEN: Duration = Duration::from_millis(200);

/// How often a line is printed.
const SELDOM: Duration = Duration::from_secs(5);

/// How many characters a bar has.
const WIDTH: u64 = 20;

/// What is told of something that takes a while.
pub(super) struct Progress<'a> {
    clock: &'a dyn Clock,
    terminal: bool,
    /// How much there is to do, if that is known.
    total: Option<u64>,
    began: Duration,
    told: Duration,
}

impl<'a> Progress<'a> {
    /// Begins.
    pub(super) fn new(clock: &'a dyn Clock, total: Option<u64>) -> Progress<'a> {
        let now = clock.monotonic();
        Progress { clock, terminal: io::stderr().is_terminal(), total, began: now, told: now }
    }

    /// Tells that so many rows, and so much of all there is, are done, if it is time to.
    pub(super) fn note(&mut self, rows: u64, done: u64) {
        let now = self.clock.monotonic();
        let pause = if self.terminal { OFTEN } else { SELDOM };
        if now.saturating_sub(self.told) < pause {
            return;
        }
        self.told = now;
        let line = line(rows, done, self.total, now.saturating_sub(self.began));
        if self.terminal {
            let bar = self.total.map(|total| bar(done, total)).unwrap_or_default();
            let mut stderr = io::stderr();
            let _ = write!(stderr, "\r\x1b[K{bar}{line}").and_then(|()| stderr.flush());
        } else {
            print_message(line);
        }
    }

    /// Says something, in the place of the bar.
    pub(super) fn say(&self, sentence: impl Display) {
        if self.terminal {
            print_message(format_args!("\r\x1b[K{sentence}"));
        } else {
            print_message(sentence);
        }
    }
}

fn bar(done: u64, total: u64) -> String {
    let full = (done.min(total) * WIDTH).checked_div(total).unwrap_or(WIDTH) as usize;
    format!("[{}{}] ", "#".repeat(full), "-".repeat(WIDTH as usize - full))
}

fn line(rows: u64, done: u64, total: Option<u64>, taken: Duration) -> String {
    let millis = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX).max(1);
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
    fn a_line_tells_rate_and_time_left() {
        let taken = Duration::from_secs(10);
        assert_eq!(line(1000, 250, Some(1000), taken), "1000 rows, 100 rows/s, 25%, 30 s left");
        assert_eq!(line(1000, 250, None, taken), "1000 rows, 100 rows/s");
        assert_eq!(line(0, 0, Some(0), Duration::ZERO), "0 rows, 0 rows/s");
        assert_eq!((bar(1, 2), bar(0, 0)), ("[##########----------] ".into(), "[####################] ".into()));
    }
}
