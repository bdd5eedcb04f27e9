//! Asynchronous log output to stderr.
//!
//! A request appends its log line to a buffer. The first line wakes the log thread, which waits [`GATHER`] for more lines and
//! writes them with one call, so that a busy server does not wake the thread for each line. If the reader of stderr does
//! not keep up, lines are dropped and counted: a blocked log must not block the server.

use crate::config::{LogFormat, LogLevel};
use parking_lot::{Condvar, Mutex};
use std::{
    io::{self, Write},
    mem,
    sync::Arc,
    thread,
    time::Duration,
};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// How long the log thread collects lines before it writes them.
const GATHER: Duration = Duration::from_millis(10);

/// The size of the buffer in bytes. Lines that do not fit are dropped.
const BUFFER_BYTES: usize = 4 << 20;

/// The capacity that an empty buffer keeps: enough for the batches of a busy server.
const KEPT_BYTES: usize = 256 << 10;

/// How long the process waits at exit for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Starts logging. Dropping the guard writes the remaining lines.
pub(crate) fn start(format: LogFormat, level: LogLevel) -> io::Result<LogGuard> {
    let lines = Arc::new(Lines::default());
    let (for_thread, writer) = (lines.clone(), LineWriter(lines.clone()));
    thread::Builder::new().name("log".into()).spawn(move || for_thread.write_to(&mut io::stderr()))?;
    let events = tracing_subscriber::fmt().with_writer(writer).with_max_level(match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
    });
    let events = events.with_ansi(false).with_target(false);
    match format {
        LogFormat::Text => events.init(),
        LogFormat::Json => events.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
    Ok(LogGuard(lines))
}

/// Ends logging when dropped.
pub(crate) struct LogGuard(Arc<Lines>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.close();
        self.0.changed.wait_while_for(&mut self.0.buffer.lock(), |buffer| !buffer.written, LAST_LINES);
    }
}

/// The buffer that requests and the log thread share.
#[derive(Default)]
struct Lines {
    buffer: Mutex<Buffer>,
    changed: Condvar,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// Lines dropped since the last batch.
    dropped: u64,
    /// No more lines will be added.
    closed: bool,
    /// All lines are written.
    written: bool,
}

impl Lines {
    fn add(&self, line: &[u8]) {
        let mut buffer = self.buffer.lock();
        if buffer.bytes.len() + line.len() > BUFFER_BYTES {
            buffer.dropped += 1;
            return;
        }
        let first = buffer.bytes.is_empty();
        buffer.bytes.extend_from_slice(line);
        drop(buffer);
        if first {
            self.changed.notify_all();
        }
    }

    /// Ends the log: the thread writes the remaining lines and stops.
    fn close(&self) {
        self.buffer.lock().closed = true;
        self.changed.notify_all();
    }

    /// Writes lines until the log is closed.
    fn write_to(&self, output: &mut impl Write) {
        let mut batch = Vec::new();
        loop {
            let mut buffer = self.buffer.lock();
            self.changed.wait_while(&mut buffer, |buffer| buffer.bytes.is_empty() && !buffer.closed);
            self.changed.wait_while_for(&mut buffer, |buffer| !buffer.closed, GATHER);
            batch.clear();
            batch.shrink_to(KEPT_BYTES);
            mem::swap(&mut buffer.bytes, &mut batch);
            let dropped = mem::take(&mut buffer.dropped);
            let closed = buffer.closed;
            drop(buffer);
            // An error of the log output cannot be reported anywhere.
            let _ = output.write_all(&batch);
            if dropped > 0 {
                let _ = writeln!(output, "{dropped} log lines were dropped because stderr was not read fast enough");
            }
            if closed && batch.is_empty() {
                self.buffer.lock().written = true;
                self.changed.notify_all();
                return;
            }
        }
    }
}

/// Appends to the buffer.
#[derive(Clone)]
struct LineWriter(Arc<Lines>);

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// The output when three threads log a hundred lines each.
    fn log_and_write(lines: &Lines) -> String {
        let mut output = Vec::new();
        thread::scope(|scope| {
            let log = |name: char| (0..100).for_each(|n| lines.add(format!("{name}{n}\n").as_bytes()));
            let loggers = ['a', 'b', 'c'].map(|name| scope.spawn(move || log(name)));
            for logger in loggers {
                logger.join().expect("logs");
            }
            lines.close();
            lines.write_to(&mut output);
        });
        String::from_utf8(output).expect("text")
    }

    #[test]
    fn every_line_of_every_thread_is_written_exactly_once() {
        let text = log_and_write(&Lines::default());
        for name in ['a', 'b', 'c'] {
            let own: Vec<_> = text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
            assert_eq!(own, (0..100).map(|n| format!("{name}{n}")).collect::<Vec<_>>());
        }
        assert_eq!(text.lines().count(), 300);
    }

    /// Sends what is written to the test.
    struct Reader(mpsc::Sender<Vec<u8>>);

    impl Write for Reader {
        fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
            self.0.send(batch.to_vec()).map_err(io::Error::other)?;
            Ok(batch.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_written_without_waiting_for_another() {
        let (lines, (written, read)) = (Lines::default(), mpsc::channel());
        let log = |line: &str| {
            lines.add(line.as_bytes());
            read.recv_timeout(Duration::from_secs(30))
        };
        let read = thread::scope(|scope| {
            scope.spawn(|| lines.write_to(&mut Reader(written)));
            let read = ["first\n", "second\n"].map(log);
            lines.close();
            read
        });
        assert_eq!(read, [Ok(b"first\n".to_vec()), Ok(b"second\n".to_vec())]);
    }

    #[test]
    fn lines_that_do_not_fit_are_dropped_and_counted() {
        let lines = Lines::default();
        lines.add(&[b'x'; BUFFER_BYTES]);
        assert!(
            log_and_write(&lines).ends_with("300 log lines were dropped because stderr was not read fast enough\n")
        );
    }

    #[test]
    fn a_large_buffer_is_freed_after_it_is_written() {
        let lines = Lines::default();
        lines.add(&[b'x'; BUFFER_BYTES]);
        log_and_write(&lines);
        assert!(lines.buffer.lock().bytes.capacity() <= KEPT_BYTES);
    }
}
