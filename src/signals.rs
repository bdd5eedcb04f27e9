//! The signals that stop a server or make it read its certificate again.

use std::{fs, io, process, thread};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

/// The exit code after a second SIGTERM or SIGINT.
const STOPPED_AT_ONCE: i32 = 1;

/// SIGHUP.
pub(crate) struct Hangup {
    signal: Signal,
    /// Whether the process was started with SIGHUP ignored, as `nohup` does.
    is_ignored: bool,
}

/// All signals that a server handles.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Hangup,
}

impl Hangup {
    /// From now on, SIGHUP does not end the process by itself.
    pub(crate) fn new() -> io::Result<Hangup> {
        let is_ignored = ignores_hangup(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        Ok(Hangup { signal: signal(SignalKind::hangup())?, is_ignored })
    }

    /// Whether SIGHUP was ignored when the process started.
    pub(crate) fn is_ignored(&self) -> bool {
        self.is_ignored
    }
}

impl Signals {
    /// Handles SIGTERM and SIGINT as well.
    pub(crate) fn new(hangup: Hangup) -> io::Result<Signals> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Signals { terminate, interrupt, hangup })
    }

    /// Waits for SIGTERM or SIGINT.
    pub(crate) async fn stop(&mut self) {
        stop(&mut self.terminate, &mut self.interrupt).await;
    }

    /// Waits for SIGTERM, SIGINT, or a SIGHUP; whether it was SIGHUP.
    pub(crate) async fn stop_or_hangup(&mut self) -> bool {
        tokio::select! {
            () = stop(&mut self.terminate, &mut self.interrupt) => false,
            _ = self.hangup.signal.recv() => true,
        }
    }

    /// Whether SIGHUP was ignored when the process started.
    pub(crate) fn ignores_hangup(&self) -> bool {
        self.hangup.is_ignored()
    }

    /// Ends the process at the next SIGTERM or SIGINT, whatever it does then: also while it waits for the disk, where no
    /// task runs.
    pub(crate) fn end_at_next(self) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::new(self.hangup)?
        };
        let wait = move || {
            runtime.block_on(signals.stop());
            process::exit(STOPPED_AT_ONCE);
        };
        thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
    }
}

async fn stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Whether SIGHUP, the first signal, is ignored, from the line `SigIgn: 0000000000000001` of `/proc/self/status`.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok());
    ignored.is_some_and(|signals| signals & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_as_the_kernel_writes_them() {
        assert!(ignores_hangup("Name:\tcarnelian\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n"));
        assert!(!ignores_hangup("Name:\tcarnelian\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n"));
        assert!(!ignores_hangup(""));
    }
}
