//! The thread that runs a server's jobs, so that a job delays no request.

use carnelian_app::{App, jobs::JobSignal};
use carnelian_transfer::CustomerFiles;
use std::{
    io,
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// How often the thread looks for jobs that other processes have created, for backups that are due and for jobs that are old.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a stop waits for the job that runs; one that the disk keeps waiting is left to the end of the process, as by a kill.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs jobs until it is dropped, or until the registry is no longer in use.
pub(crate) struct JobThread {
    /// Stops the thread; `None` if it ends with its registry.
    signal: Option<Arc<JobSignal>>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl JobThread {
    /// Starts the thread.
    pub(crate) fn start(app: &Arc<App>) -> io::Result<JobThread> {
        app.lock_jobs()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = mpsc::channel();
        let (owner, signal) = (Arc::downgrade(app), app.job_signal());
        let work = move || {
            run(&runtime, &owner, &signal);
            drop(end);
        };
        thread::Builder::new().name("jobs".into()).spawn(work)?;
        Ok(JobThread { signal: Some(app.job_signal()), ended })
    }

    /// Lets the thread run until the registry is no longer in use.
    pub(crate) fn detach(mut self) {
        self.signal = None;
    }
}

impl Drop for JobThread {
    fn drop(&mut self) {
        if let Some(signal) = &self.signal {
            signal.stop();
            // Nothing is ever sent: this waits until the thread has ended.
            let _ = self.ended.recv_timeout(END_TIMEOUT);
        }
    }
}

fn run(runtime: &Runtime, owner: &Weak<App>, signal: &JobSignal) {
    runtime.block_on(async {
        while let Some(app) = owner.upgrade() {
            if let Err(failure) = app.run_jobs(&CustomerFiles).await {
                tracing::warn!(?failure, "jobs cannot be run; retrying in a second");
            }
            drop(app);
            if signal.wait(INTERVAL).await {
                return;
            }
        }
    });
}
