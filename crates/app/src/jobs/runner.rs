//! Runs jobs one after the other, and removes those that ended long ago.

use super::{
    folder::JobFile,
    record::{Job, JobProgress, JobState, JobWork},
    run::{Run, Stop},
};
use crate::{
    App, Failure,
    failure::Internal,
    transfer::{FileFormat, ImportOptions},
};
use carnelian_domain::{Action, Timestamp};

/// Jobs that read or write files of customers: carried out where the file formats are.
#[async_trait::async_trait(?Send)]
pub trait TransferJobs {
    /// Carries out an import.
    async fn import(&self, run: &mut Run<'_>, format: Option<FileFormat>, options: ImportOptions) -> Result<(), Stop>;

    /// Carries out an export.
    async fn export(&self, run: &mut Run<'_>, format: FileFormat) -> Result<(), Stop>;
}

impl App {
    /// Runs every job that is there, unless another process runs the jobs of this data directory; then creates the next backup of the
    /// schedule, and removes old jobs. Returns early when the server stops, and when the store does not respond.
    pub async fn run_jobs(&self, transfers: &dyn TransferJobs) -> Result<(), Failure> {
        self.lock_jobs().map_err(|error| Failure::Unavailable(Internal::new(error)))?;
        if self.jobs.lock.lock().is_none() {
            return Ok(());
        }
        loop {
            self.remove_old_jobs().await?;
            self.schedule_backup().await?;
            let Some(job) = self.begin_next_job().await? else { return Ok(()) };
            if !self.run_job(job, transfers).await? {
                return Ok(());
            }
        }
    }

    /// Takes the next job: what was running when a server stopped comes first.
    async fn begin_next_job(&self) -> Result<Option<Job>, Failure> {
        let _changing = self.jobs.changing.lock().await;
        let jobs = self.all_jobs().await?;
        let first = |state| jobs.iter().find(|job| job.state == state);
        let Some(next) = first(JobState::Running).or_else(|| first(JobState::Queued)) else { return Ok(None) };
        if self.jobs.signal.is_stopping() {
            return Ok(None);
        }
        let mut job = next.clone();
        job.state = JobState::Running;
        job.started_at = Some(self.clock.now().0);
        if !job.is_complete {
            job.progress = JobProgress::default();
        }
        let begun = job.clone();
        self.jobs
            .with_files(move |folder| {
                folder.remove_drafts(begun.id())?;
                if !begun.is_complete {
                    folder.remove_file(begun.id(), JobFile::Result)?;
                }
                folder.save(&begun)
            })
            .await?;
        Ok(Some(job))
    }

    /// Runs a job. Returns whether another one may be run now.
    async fn run_job(&self, job: Job, transfers: &dyn TransferJobs) -> Result<bool, Failure> {
        tracing::info!(job = job.id().0, kind = job.work.kind(), "a job has begun");
        let mut run = Run::new(self, &self.jobs.folder, job);
        let outcome = match (run.job.is_complete, run.job.work) {
            (true, _) => Ok(()),
            (false, JobWork::Import { format, options, .. }) => transfers.import(&mut run, format, options).await,
            (false, JobWork::Export { format, .. }) => transfers.export(&mut run, format).await,
            (false, JobWork::Backup { .. }) => self.run_backup(&mut run).await,
        };
        let mut job = run.job;
        let error = match outcome {
            Ok(()) => None,
            Err(Stop::Cancelled) => {
                job.state = JobState::Cancelled;
                None
            }
            Err(Stop::Failed(why)) => {
                job.state = JobState::Failed;
                Some(why)
            }
            // The job stays as it is and is begun again.
            Err(Stop::Interrupted) => return Ok(false),
            Err(Stop::Unavailable(why)) => {
                tracing::warn!(job = job.id().0, why, "a job was interrupted; it is tried again");
                job.error = Some(why);
                self.jobs.with_files(move |folder| folder.save(&job)).await?;
                return Ok(false);
            }
        };
        self.end_job(job, error).await?;
        Ok(true)
    }

    async fn end_job(&self, mut job: Job, error: Option<String>) -> Result<(), Failure> {
        job.state = if job.state.is_end() { job.state } else { JobState::Done };
        job.error = error;
        job.ended_at = Some(self.clock.now().0);
        match &job.error {
            Some(error) => tracing::warn!(job = job.id().0, error, "a job has failed"),
            None => tracing::info!(job = job.id().0, state = job.state.name(), "a job has ended"),
        }
        self.record_of_job(&job, Action::EndJob, &job.origin()).await?;
        self.jobs
            .with_files(move |folder| {
                if job.result_bytes.is_none() {
                    folder.remove_file(job.id(), JobFile::Result)?;
                }
                folder.remove_file(job.id(), JobFile::Input)?;
                folder.remove_drafts(job.id())?;
                folder.save(&job)
            })
            .await
    }

    /// Removes jobs that ended long ago, and backups of the schedule that newer ones have replaced.
    async fn remove_old_jobs(&self) -> Result<(), Failure> {
        let _changing = self.jobs.changing.lock().await;
        let jobs = self.all_jobs().await?;
        let is_complete = |job: &&Job| job.state == JobState::Done;
        let backups = jobs.iter().filter(|job| matches!(job.work, JobWork::Backup { .. })).filter(is_complete);
        *self.jobs.newest_backup.lock() = backups.map(Job::created_at).max();
        let is_scheduled = |job: &&Job| job.work == JobWork::Backup { scheduled: true };
        let kept = jobs.iter().rev().filter(is_scheduled).filter(is_complete);
        let kept: Vec<_> = kept.take(self.jobs.settings.backup_keep).map(Job::id).collect();
        let now = self.clock.now();
        let is_old = |ended_at: Timestamp| now >= ended_at.plus_seconds(self.jobs.settings.keep);
        let old = jobs.iter().filter(|job| match job.work {
            JobWork::Backup { scheduled: true } if job.state == JobState::Done => !kept.contains(&job.id()),
            // One that waits for its file is as old as its creation.
            _ if job.state == JobState::Waiting => is_old(job.created_at()),
            _ => job.ended_at().is_some_and(is_old),
        });
        let old: Vec<_> = old.map(Job::id).collect();
        if old.is_empty() {
            return Ok(());
        }
        self.jobs.with_files(move |folder| old.into_iter().try_for_each(|id| folder.remove(id))).await
    }
}
