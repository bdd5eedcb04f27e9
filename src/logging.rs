//! Where log events go: to stderr, in batches, through a thread of its own.
//!
//! A request that logs a line adds it to a buffer and goes on. The first line wakes the thread, which lets a few
//! milliseconds' worth of lines gather and writes them at once; nobody wakes anybody for every line. If nobody reads
//! what is written, lines are dropped and counted: a log that is stuck must not stop the registry.

use crate::config::LogFormat;
use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(10);

/// How many bytes may wait to be written before further lines are dropped.
const WAITING_BYTES: usize = 4 << 20;

/// How many bytes a buffer keeps when it is empty: enough for a batch, however busy the server is.
const KEPT_BYTES: usize = 256 << 10;

/// How long the last lines may take to be written at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Starts logging; what was logged is written out when the guard is dropped.
pub(crate) fn start(format: LogFormat) -> io::Result<LogGuard> {
    let lines = Arc::new(Lines::default());
    let (for_thread, writer) = (lines.clone(), LineWriter(lines.clone()));
    thread::Builder::new().name("log".into()).spawn(move || for_thread.write_to(&mut io::stderr()))?;
    let events = tracing_subscriber::fmt().with_writer(writer).with_max_level(Level::INFO);
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
        let _ = self.0.changed.wait_timeout_while(self.0.lock(), LAST_LINES, |waiting| !waiting.written);
    }
}

/// Lines that wait to be written.
#[derive(Default)]
struct Lines {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// How many lines were dropped since the last batch.
    dropped: u64,
    /// There will be no more lines.
    closed: bool,
    /// The last line is written.
    written: bool,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.bytes.len() + line.len() > WAITING_BYTES {
            waiting.dropped += 1;
            return;
        }
        let first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if first {
            self.changed.notify_all();
        }
    }

    /// There will be no more lines.
    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Writes lines until there will be no more.
    fn write_to(&self, output: &mut impl Write) {
        let mut batch = Vec::new();
        loop {
            let nothing = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.closed;
            let waiting = self.changed.wait_while(self.lock(), nothing).unwrap_or_else(PoisonError::into_inner);
            let open = |waiting: &mut Waiting| !waiting.closed;
            let gathered = self.changed.wait_timeout_while(waiting, GATHER, open);
            let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            batch.clear();
            batch.shrink_to(KEPT_BYTES);
            mem::swap(&mut waiting.bytes, &mut batch);
            let dropped = mem::take(&mut waiting.dropped);
            let closed = waiting.closed;
            drop(waiting);
            // There is nobody to tell that the log cannot be written.
            let _ = output.write_all(&batch);
            if dropped > 0 {
                let _ = writeln!(output, "{dropped} log lines were dropped, because the log was not read in time");
            }
            if closed && batch.is_empty() {
                self.lock().written = true;
                self.changed.notify_all();
                return;
            }
        }
    }
}

/// Adds what is written to the lines that wait.
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

    /// What is written of what three threads log, each a hundred lines.
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
    fn every_line_of_every_thread_is_written_whole_and_once() {
        let text = log_and_write(&Lines::default());
        for name in ['a', 'b', 'c'] {
            let own: Vec<_> = text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
            assert_eq!(own, (0..100).map(|n| format!("{name}{n}")).collect::<Vec<_>>());
        }
        assert_eq!(text.lines().count(), 300);
    }

    /// Passes on what is written.
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
    fn a_line_is_written_although_no_other_follows() {
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
    fn lines_that_nobody_writes_are_dropped_and_counted() {
        let lines = Lines::default();
        lines.add(&[b'x'; WAITING_BYTES]);
        assert!(log_and_write(&lines).ends_with("300 log lines were dropped, because the log was not read in time\n"));
    }

    #[test]
    fn a_large_batch_takes_no_memory_once_it_is_written() {
        let lines = Lines::default();
        lines.add(&[b'x'; WAITING_BYTES]);
        log_and_write(&lines);
        assert!(lines.lock().bytes.capacity() <= KEPT_BYTES);
    }
}
