//! Jobs of this server.

use super::{Admin, AdminError};
use crate::jobs::{Job, JobResult, JobWork};
use carnelian_domain::{JobId, Page, Paging};

impl Admin<'_> {
    /// Creates a job, which this server runs.
    pub async fn create_job(&self, work: JobWork) -> Result<Job, AdminError> {
        Ok(self.app.add_job(work, &self.origin).await?)
    }

    /// Lists the jobs of this server, the newest first.
    pub async fn list_jobs(&self, paging: Paging) -> Result<Page<Job>, AdminError> {
        Ok(paging.page(self.app.all_jobs().await?.into_iter().rev()))
    }

    /// Reads a job.
    pub async fn get_job(&self, id: JobId) -> Result<Job, AdminError> {
        Ok(self.app.job(id).await?)
    }

    /// Cancels a job that has not ended.
    pub async fn cancel_job(&self, id: JobId) -> Result<Job, AdminError> {
        Ok(self.app.cancel(id, &self.origin).await?)
    }

    /// Deletes a job that has ended, with its files.
    pub async fn delete_job(&self, id: JobId) -> Result<Job, AdminError> {
        Ok(self.app.delete(id, &self.origin).await?)
    }

    /// Opens the result of a job.
    pub async fn get_job_result(&self, id: JobId) -> Result<JobResult, AdminError> {
        Ok(self.app.open_result(id, &self.origin).await?)
    }
}
