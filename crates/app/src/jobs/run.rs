//! A job that is running: its progress, and the reasons to stop it.

use super::{
    folder::{JobFile, JobFolder},
    record::{Job, JobProgress},
};
use crate::{App, Failure, backup::BackupError};
use carnelian_domain::{Actor, Origin, Permission, Problem};
use carnelian_store::StoreError;
use std::{
    io::{self, Read, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// How often progress is stored: often enough for a reader, and rarely enough to cost nothing beside the job.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a job stops before its end.
#[derive(Debug)]
pub enum Stop {
    /// The server stops; the next one resumes the job.
    Interrupted,
    /// The store does not respond; the job is tried again.
    Unavailable(String),
    /// Its cancellation was requested.
    Cancelled,
    /// It has failed.
    Failed(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        match failure {
            Failure::Unavailable(internal) => Stop::Unavailable(internal.for_log()),
            other => Stop::Failed(other.for_log()),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Failure::from(error).into()
    }
}

impl From<BackupError> for Stop {
    fn from(error: BackupError) -> Stop {
        match error {
            BackupError::Store(error) => error.into(),
            other => Stop::Failed(other.to_string()),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Failed(error.to_string())
    }
}

/// A job that is running.
pub struct Run<'a> {
    app: &'a App,
    folder: &'a JobFolder,
    /// The job.
    pub job: Job,
    saved_at: Duration,
    /// Why it stops, if a read or a write of a file has found out.
    stop: Option<Stop>,
}

impl<'a> Run<'a> {
    pub(super) fn new(app: &'a App, folder: &'a JobFolder, job: Job) -> Run<'a> {
        Run { app, folder, job, saved_at: app.clock.monotonic(), stop: None }
    }

    /// The application.
    pub fn app(&self) -> &'a App {
        self.app
    }

    /// The origin of what the job writes.
    pub fn origin(&self) -> Origin {
        self.job.origin()
    }

    /// The path of the file that the job imports.
    pub fn input(&self) -> PathBuf {
        self.path(JobFile::Input)
    }

    /// The path of the job's result.
    pub fn result(&self) -> PathBuf {
        self.path(JobFile::Result)
    }

    /// The name of the account that the job is about, if it is about one.
    pub async fn account_name(&self) -> Result<Option<Arc<str>>, Failure> {
        let Some(id) = self.job.work.account() else { return Ok(None) };
        self.app.refresh_directory().await?;
        let account = self.app.directory.load().account(id).cloned();
        account.map(|account| Some(account.name.clone())).ok_or(Problem::AccountNotFound.into())
    }

    /// Notes that everything is done, also the result, if there is one: what follows need not be repeated after an
    /// interruption.
    pub fn complete(&mut self) -> Result<(), Stop> {
        self.job.result_bytes = match self.result().metadata() {
            Ok(file) => Some(file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        self.job.is_complete = true;
        Ok(self.folder.save(&self.job)?)
    }

    /// The path of a file of the job.
    fn path(&self, file: JobFile) -> PathBuf {
        self.folder.path(self.job.id(), file)
    }

    /// Notes progress, and stores it from time to time. Fails if the job is to stop.
    pub fn step(&mut self, note: impl FnOnce(&mut JobProgress)) -> Result<(), Stop> {
        note(&mut self.job.progress);
        if self.app.jobs.signal.is_stopping() {
            return Err(Stop::Interrupted);
        }
        if self.folder.is_cancelled(self.job.id()) {
            return Err(Stop::Cancelled);
        }
        self.check_author()?;
        let now = self.app.clock.monotonic();
        if now.saturating_sub(self.saved_at) >= SAVE_INTERVAL {
            self.saved_at = now;
            self.folder.save(&self.job)?;
        }
        Ok(())
    }

    /// A job of a user ends when the user is an operator no more.
    fn check_author(&self) -> Result<(), Stop> {
        let Actor::User(id) = self.job.created_by() else { return Ok(()) };
        let directory = self.app.directory.load();
        let user = directory.user_of_id(id).filter(|user| user.enabled);
        if user.is_some_and(|user| user.caller.role.allows(Permission::Administer)) {
            return Ok(());
        }
        Err(Stop::Failed("the user who created the job is not an operator any more".to_owned()))
    }

    /// A file that counts what is read or written, and can be stopped.
    pub(super) fn observed<F>(&mut self, file: F) -> Observed<'_, 'a, F> {
        Observed { file, run: self }
    }

    /// The reason of an error: why the job was stopped within a read or a write, or else the error itself.
    pub(super) fn reason(&mut self, error: impl Into<Stop>) -> Stop {
        self.stop.take().unwrap_or_else(|| error.into())
    }

    fn observe(&mut self, bytes: usize) -> io::Result<()> {
        self.step(|progress| progress.bytes += bytes as u64).map_err(|stop| {
            self.stop = Some(stop);
            io::Error::other("the job was stopped")
        })
    }
}

/// A file that a running job reads or writes.
pub(super) struct Observed<'r, 'a, F> {
    file: F,
    run: &'r mut Run<'a>,
}

impl<F: Write> Write for Observed<'_, '_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.run.observe(written)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<F: Read> Read for Observed<'_, '_, F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(bytes)?;
        self.run.observe(0)?;
        Ok(read)
    }
}
