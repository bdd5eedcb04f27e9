//! The progress of an import or export: a bar on a terminal, else a line every few seconds.

use super::output::print_message;
use carnelian_app::Clock;
use carnelian_transfer::{Observer, TransferCounts, TransferError};
use indicatif::{ProgressBar, ProgressStyle};
use std::{fmt::Display, time::Duration};

/// The interval between lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The bar, and the text, which is cut off at the end of the terminal's line.
const WITH_TOTAL: &str = "[{bar:20}] {wide_msg}";

/// The text alone, if the number of bytes is unknown.
const WITHOUT_TOTAL: &str = "{wide_msg}";

/// The progress output of a long operation.
pub(super) struct Progress<'a> {
    clock: &'a dyn Clock,
    /// Hidden if stderr is not a terminal; removed from the terminal when it is dropped.
    bar: ProgressBar,
    started: Duration,
    /// When the last line was printed.
    printed: Duration,
}

impl<'a> Progress<'a> {
    /// Starts measuring time.
    pub(super) fn new(clock: &'a dyn Clock) -> Progress<'a> {
        let now = clock.monotonic();
        let bar = ProgressBar::no_length().with_style(style(WITHOUT_TOTAL));
        Progress { clock, bar, started: now, printed: now }
    }

    /// Shows the number of rows and bytes processed, unless the last update was too recent.
    pub(super) fn update(&mut self, rows: u64, done: u64) {
        let now = self.clock.monotonic();
        let line = || line(rows, done, self.bar.length(), now.saturating_sub(self.started));
        if !self.bar.is_hidden() {
            self.bar.set_message(line());
            self.bar.set_position(done);
        } else if now.saturating_sub(self.printed) >= LINE_INTERVAL {
            print_message(line());
            self.printed = now;
        }
    }

    /// Sets the number of bytes to process.
    pub(super) fn set_total(&mut self, bytes: u64) {
        self.bar.set_length(bytes);
        self.bar.set_style(style(WITH_TOTAL));
    }

    /// Prints a message above the bar.
    pub(super) fn print(&self, message: impl Display) {
        self.bar.suspend(|| print_message(message));
    }
}

impl Observer for Progress<'_> {
    fn begin(&mut self, bytes: Option<u64>) {
        bytes.into_iter().for_each(|bytes| self.set_total(bytes));
    }

    fn progress(&mut self, counts: &TransferCounts, bytes: u64) -> Result<(), TransferError> {
        self.update(counts.rows, bytes);
        Ok(())
    }

    fn message(&mut self, text: &dyn Display) {
        self.print(text);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are valid").progress_chars("##-")
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
    }
}
