//! Receives the file that a job imports.

use super::{
    folder::{JobFile, JobFolder},
    record::{Job, JobState},
};
use crate::{App, Failure, atomic_file::Draft, failure::Internal};
use carnelian_domain::{JobId, Problem};
use std::io::Write;
use tokio::task::spawn_blocking;

/// A file that is being received. It belongs to the job once it is complete, and is removed if it is dropped before.
pub struct JobUpload {
    id: JobId,
    /// Taken while a thread writes to it.
    draft: Option<Draft>,
    bytes: u64,
    limit: u64,
}

impl App {
    /// Begins to receive the file of a job that waits for it.
    pub(crate) async fn begin_upload(&self, id: JobId) -> Result<JobUpload, Failure> {
        waiting(self.job(id).await?)?;
        let draft = self.jobs.with_files(move |folder| Draft::new(&folder.path(id, JobFile::Input))).await?;
        Ok(JobUpload { id, draft: Some(draft), bytes: 0, limit: self.jobs.settings.upload_bytes })
    }

    /// Hands a file that was received as a whole over to its job, which is then in the queue.
    pub(crate) async fn finish_upload(&self, upload: JobUpload) -> Result<Job, Failure> {
        let JobUpload { id, draft, bytes, .. } = upload;
        let draft = draft.ok_or_else(lost)?;
        let _changing = self.jobs.changing.lock().await;
        // Another request may have sent the file, or cancelled the job.
        let mut job = waiting(self.job(id).await?)?;
        job.state = JobState::Queued;
        job.progress.total_bytes = Some(bytes);
        let queued = job.clone();
        let keep = move |folder: &JobFolder| {
            draft.keep()?;
            folder.save(&queued)
        };
        self.jobs.with_files(keep).await?;
        self.jobs.signal.notify();
        Ok(job)
    }
}

impl JobUpload {
    /// Adds bytes to the file. Fails if it is larger than allowed.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit {
            return Err(Problem::BodyTooLarge.into());
        }
        let mut draft = self.draft.take().ok_or_else(lost)?;
        let written = spawn_blocking(move || draft.write_all(&bytes).map(|()| draft)).await;
        let written = written.map_err(|error| Failure::Internal(Internal::new(error)))?;
        self.draft = Some(written.map_err(|error| Failure::Unavailable(Internal::new(error)))?);
        Ok(())
    }
}

/// A job that waits for its file.
fn waiting(job: Job) -> Result<Job, Failure> {
    if job.state == JobState::Waiting { Ok(job) } else { Err(Problem::JobClosed.into()) }
}

/// A write that failed has taken the file with it.
fn lost() -> Failure {
    Failure::Internal(Internal::new("the file of a job could not be written before"))
}
