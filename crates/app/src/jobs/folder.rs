//! The folder of a server's jobs in its data directory.
//!
//! ```text
//! 17.json            the record of job 17
//! 17.input           the file that it imports, complete
//! 17.result          its result, complete
//! 17.cancel          its cancellation was requested
//! 17.….part          a file that is being written, or was when the server was killed
//! newest.ledger      the ledger that opens every backup here
//! lock               locked by the server that runs the jobs
//! ```
//!
//! A file gets its name when it is complete and on stable storage, so whatever has a name can be used. Only the server that
//! holds the lock runs jobs; any process of the same user may create one, or request its cancellation.

use super::record::Job;
use crate::atomic_file::{Draft, create_private, sync_name};
use carnelian_domain::JobId;
use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The permissions of the folder.
const PRIVATE: u32 = 0o700;

/// A file of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobFile {
    Record,
    Input,
    Result,
    Cancel,
}

impl JobFile {
    fn suffix(self) -> &'static str {
        match self {
            JobFile::Record => "json",
            JobFile::Input => "input",
            JobFile::Result => "result",
            JobFile::Cancel => "cancel",
        }
    }
}

/// The folder of a server's jobs.
#[derive(Debug)]
pub(super) struct JobFolder(PathBuf);

impl JobFolder {
    pub(super) fn new(path: PathBuf) -> JobFolder {
        JobFolder(path)
    }

    /// Makes the folder, if there is none.
    fn make(&self) -> io::Result<()> {
        match DirBuilder::new().mode(PRIVATE).create(&self.0) {
            Ok(()) => sync_name(&self.0),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Locks the folder for as long as the file is open; `None` if another process has locked it.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        self.make()?;
        let path = self.lock_path();
        let lock = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_private(&path)?,
            opened => opened?,
        };
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether a process has locked the folder.
    pub(super) fn is_locked(&self) -> io::Result<bool> {
        let lock = match File::open(self.lock_path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The path of a job's file.
    pub(super) fn path(&self, id: JobId, file: JobFile) -> PathBuf {
        self.0.join(format!("{id}.{}", file.suffix()))
    }

    /// The path of the ledger that opens every backup in the folder.
    pub(super) fn ledger(&self) -> PathBuf {
        self.0.join("newest.ledger")
    }

    /// Every job, in the order of their ids.
    pub(super) fn list(&self) -> io::Result<Vec<Job>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut jobs = Vec::new();
        for entry in entries {
            let path = PathBuf::from(entry?.file_name());
            let is_record = path.extension() == Some(OsStr::new(JobFile::Record.suffix()));
            let id = path.file_stem().and_then(OsStr::to_str).and_then(JobId::from_digits);
            if let Some(id) = id.filter(|_| is_record) {
                // One that was deleted meanwhile is not there.
                jobs.extend(self.get(id)?);
            }
        }
        jobs.sort_by_key(Job::id);
        Ok(jobs)
    }

    /// A job, if it exists.
    pub(super) fn get(&self, id: JobId) -> io::Result<Option<Job>> {
        let path = self.path(id, JobFile::Record);
        match fs::read(&path) {
            Ok(record) => serde_json::from_slice(&record)
                .map(Some)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores the record of a new job. Returns whether there was none with its id.
    pub(super) fn add(&self, job: &Job) -> io::Result<bool> {
        self.make()?;
        self.draft(job)?.keep_unless_there()
    }

    /// Stores the record of a job.
    pub(super) fn save(&self, job: &Job) -> io::Result<()> {
        self.draft(job)?.keep()
    }

    fn draft(&self, job: &Job) -> io::Result<Draft> {
        let record = serde_json::to_vec(job).map_err(io::Error::other)?;
        let mut draft = Draft::new(&self.path(job.id(), JobFile::Record))?;
        draft.write_all(&record)?;
        Ok(draft)
    }

    /// Requests the cancellation of a job.
    pub(super) fn request_cancellation(&self, id: JobId) -> io::Result<()> {
        Draft::new(&self.path(id, JobFile::Cancel))?.keep()
    }

    /// Whether the cancellation of a job was requested.
    pub(super) fn is_cancelled(&self, id: JobId) -> bool {
        self.path(id, JobFile::Cancel).symlink_metadata().is_ok()
    }

    /// Removes the files of a job that a killed server has not completed.
    pub(super) fn remove_drafts(&self, id: JobId) -> io::Result<()> {
        self.remove_files(id, |path| path.extension() == Some(OsStr::new("part")))
    }

    /// Removes a job with its files; the record goes last, so that an interrupted removal is repeated.
    pub(super) fn remove(&self, id: JobId) -> io::Result<()> {
        let record = self.path(id, JobFile::Record);
        self.remove_files(id, |path| path.file_name() != record.file_name())?;
        remove_if_there(&record)?;
        sync_name(&record)
    }

    /// Removes a file of a job, if there is one.
    pub(super) fn remove_file(&self, id: JobId, file: JobFile) -> io::Result<()> {
        let path = self.path(id, file);
        remove_if_there(&path)?;
        sync_name(&path)
    }

    fn remove_files(&self, id: JobId, is_to_be_removed: impl Fn(&Path) -> bool) -> io::Result<()> {
        let prefix = format!("{id}.");
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let is_of_job = name.to_str().is_some_and(|name| name.starts_with(&prefix));
            if is_of_job && is_to_be_removed(Path::new(&name)) {
                remove_if_there(&self.0.join(name))?;
            }
        }
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
