//! Jobs: what takes long and runs in the server beside requests, one at a time.
//!
//! ```text
//! create ─► Waiting ─► Queued ─► Running ─► Done, Failed or Cancelled ─► removed after a while, or by an operator
//!           for the      ▲          │
//!           file of      └──────────┘ the server stopped or was killed, or the store did not respond
//!           an import
//! ```
//!
//! A job is a file in the data directory of the server ([`folder`]), whatever the engine of the store: it belongs to the server
//! that runs it, and so do its files. A server runs first what it, or the one before it, was running: a backup begins again. A job
//! acts with the rights of the operator who created it, and fails when these have ended.
//!
//! * [`record`]: the record of a job
//! * [`folder`]: the files of jobs
//! * [`run`]: progress of a job, and reasons to stop it
//! * [`upload`]: receives the file of an import
//! * [`runner`]: runs jobs, and removes old ones
//! * [`backups`]: backups, and their schedule

mod backups;
mod folder;
mod record;
mod run;
mod runner;
mod upload;

pub use record::{Job, JobProgress, JobState, JobWork};
pub use run::{Run, Stop};
pub use runner::TransferJobs;
pub use upload::JobUpload;

use crate::{App, Failure, failure::Internal};
use carnelian_domain::{Action, JobId, Object, Origin, Problem, Timestamp};
use carnelian_store::{AuditEntry, PartitionId};
use folder::{JobFile, JobFolder};
use parking_lot::Mutex;
use record::JobOrigin;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, task::spawn_blocking, time::timeout};

/// The name of the folder of jobs in a data directory.
pub const FOLDER: &str = "jobs";

/// How jobs are run and kept.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// The data directory of the server.
    pub data: PathBuf,
    /// The largest file to import, in bytes.
    pub upload_bytes: u64,
    /// For how many seconds a job is kept that has ended.
    pub keep: u64,
    /// The time between two backups of the schedule, in seconds; `None` if there is no schedule.
    pub backup_every: Option<u64>,
    /// How many backups of the schedule are kept.
    pub backup_keep: usize,
}

/// Whether a server runs the jobs of a data directory.
pub fn are_jobs_served(data: &Path) -> io::Result<bool> {
    JobFolder::new(data.join(FOLDER)).is_locked()
}

/// The state of jobs in this process.
pub(crate) struct Jobs {
    folder: Arc<JobFolder>,
    settings: JobSettings,
    /// Held while a record is read and written again.
    changing: tokio::sync::Mutex<()>,
    /// The lock of the folder, if this process runs its jobs.
    lock: Mutex<Option<File>>,
    signal: Arc<JobSignal>,
    /// When the newest backup was begun that is complete.
    newest_backup: Mutex<Option<Timestamp>>,
}

/// What the thread that runs jobs waits for.
#[derive(Debug, Default)]
pub struct JobSignal {
    is_stopping: AtomicBool,
    created: Notify,
}

impl JobSignal {
    /// Asks the job that runs to stop, and lets no other one begin.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.notify();
    }

    /// Waits until a job is created in this process, for some time at most. Returns whether jobs are to stop.
    pub async fn wait(&self, time: Duration) -> bool {
        // A job that another process creates is found when the time is over.
        let _ = timeout(time, self.created.notified()).await;
        self.is_stopping()
    }

    fn notify(&self) {
        self.created.notify_one();
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

/// A result that is sent to a client.
#[derive(Debug)]
pub struct JobResult {
    /// The job.
    pub job: Job,
    /// The file.
    pub file: File,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Jobs {
    pub(crate) fn new(settings: JobSettings) -> Jobs {
        Jobs {
            folder: Arc::new(JobFolder::new(settings.data.join(FOLDER))),
            settings,
            changing: tokio::sync::Mutex::default(),
            lock: Mutex::default(),
            signal: Arc::default(),
            newest_backup: Mutex::default(),
        }
    }

    /// Reads or writes files of jobs, on a thread that may wait for the disk.
    async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&JobFolder) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let folder = self.folder.clone();
        let done = spawn_blocking(move || work(&folder)).await.map_err(Internal::new).map_err(Failure::Internal)?;
        done.map_err(|error| Failure::Unavailable(Internal::new(error)))
    }
}

impl App {
    /// Stops the thread that runs the jobs, and wakes it.
    pub fn job_signal(&self) -> Arc<JobSignal> {
        self.jobs.signal.clone()
    }

    /// Whether a server runs the jobs of this data directory.
    pub fn are_jobs_served(&self) -> io::Result<bool> {
        self.jobs.folder.is_locked()
    }

    /// Locks the folder of jobs, if no other process has: this process runs them.
    pub fn lock_jobs(&self) -> io::Result<()> {
        let mut lock = self.jobs.lock.lock();
        if lock.is_none() {
            *lock = self.jobs.folder.lock()?;
        }
        Ok(())
    }

    /// When the newest complete backup of this server was begun, if there is a schedule of backups; then `None` within if there
    /// is no backup yet.
    pub fn newest_backup(&self) -> Option<Option<Timestamp>> {
        self.jobs.settings.backup_every.map(|_| *self.jobs.newest_backup.lock())
    }

    /// Creates a job.
    pub(crate) async fn add_job(&self, work: JobWork, origin: &Origin) -> Result<Job, Failure> {
        let _changing = self.jobs.changing.lock().await;
        loop {
            let jobs = self.jobs.with_files(JobFolder::list).await?;
            let now = self.clock.now().0;
            let after_last = jobs.last().map_or(0, |job| job.id().0 + 1);
            let job = Job {
                // The time makes ids that were not used before, also by jobs that are removed.
                id: after_last.max(u64::try_from(now).unwrap_or(0)),
                work,
                state: if matches!(work, JobWork::Import { .. }) { JobState::Waiting } else { JobState::Queued },
                created_by: JobOrigin::new(origin),
                created_at: now,
                started_at: None,
                ended_at: None,
                progress: JobProgress::default(),
                is_complete: false,
                error: None,
                result_bytes: None,
            };
            self.record_of_job(&job, Action::CreateJob, origin).await?;
            let created = job.clone();
            if self.jobs.with_files(move |folder| folder.add(&job)).await? {
                self.jobs.signal.notify();
                return Ok(created);
            }
        }
    }

    /// Every job, in the order of their ids.
    pub(crate) async fn all_jobs(&self) -> Result<Vec<Job>, Failure> {
        self.jobs.with_files(JobFolder::list).await
    }

    /// A job.
    pub(crate) async fn job(&self, id: JobId) -> Result<Job, Failure> {
        let found = self.jobs.with_files(move |folder| folder.get(id)).await?;
        found.ok_or(Failure::Problem(Problem::JobNotFound))
    }

    /// Cancels a job that has not ended, once that is recorded: at once if it has not begun, else as soon as it notices.
    pub(crate) async fn cancel(
        &self,
        id: JobId,
        recorded: impl Future<Output = Result<(), Failure>>,
    ) -> Result<Job, Failure> {
        let _changing = self.jobs.changing.lock().await;
        let mut job = self.job(id).await?;
        if job.state.is_end() {
            return Err(Problem::JobClosed.into());
        }
        recorded.await?;
        if job.state == JobState::Running {
            self.jobs.with_files(move |folder| folder.request_cancellation(id)).await?;
        } else {
            job.state = JobState::Cancelled;
            job.ended_at = Some(self.clock.now().0);
            let cancelled = job.clone();
            self.jobs
                .with_files(move |folder| {
                    folder.save(&cancelled)?;
                    folder.remove_file(id, JobFile::Input)
                })
                .await?;
        }
        Ok(job)
    }

    /// Deletes a job that has ended, with its files, once that is recorded.
    pub(crate) async fn delete(
        &self,
        id: JobId,
        recorded: impl Future<Output = Result<(), Failure>>,
    ) -> Result<Job, Failure> {
        let _changing = self.jobs.changing.lock().await;
        let job = self.job(id).await?;
        if !job.state.is_end() {
            return Err(Problem::JobOpen.into());
        }
        recorded.await?;
        self.jobs.with_files(move |folder| folder.remove(id)).await?;
        Ok(job)
    }

    /// Opens the result of a job, and returns it once that is recorded.
    pub(crate) async fn open_result(
        &self,
        id: JobId,
        recorded: impl Future<Output = Result<(), Failure>>,
    ) -> Result<JobResult, Failure> {
        let job = self.job(id).await?;
        if !job.state.is_end() || job.result_bytes.is_none() {
            return Err(Problem::NoJobResult.into());
        }
        let open = move |folder: &JobFolder| {
            let file = File::open(folder.path(id, JobFile::Result))?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = self.jobs.with_files(open).await?;
        recorded.await?;
        Ok(JobResult { job, file, bytes })
    }

    /// Removes the results that have data of customers, before a receipt states that no file has data of an account. Returns
    /// whether all are removed: not while a job has not ended that reads or writes such a file.
    pub(crate) async fn remove_customer_files(&self) -> Result<bool, Failure> {
        let _changing = self.jobs.changing.lock().await;
        let mut jobs = self.all_jobs().await?;
        jobs.retain(|job| !matches!(job.work, JobWork::Backup { .. }));
        if jobs.iter().any(|job| matches!(job.state, JobState::Queued | JobState::Running)) {
            return Ok(false);
        }
        jobs.retain(|job| job.result_bytes.is_some());
        let remove = move |folder: &JobFolder| {
            for mut job in jobs {
                job.result_bytes = None;
                folder.save(&job)?;
                folder.remove_file(job.id(), JobFile::Result)?;
            }
            Ok(())
        };
        self.jobs.with_files(remove).await?;
        Ok(true)
    }

    /// Records in the audit log what is done with a job.
    pub(crate) async fn record_of_job(&self, job: &Job, action: Action, origin: &Origin) -> Result<(), Failure> {
        let account = job.work.account();
        let partition = account.map_or(PartitionId::FIRST, |account| self.store.partition_of(account));
        let entry = AuditEntry::record(origin, action, Object::Job(job.id()), account, &[]);
        Ok(self.store.append_audit(partition, vec![entry]).await?)
    }
}
