//! Jobs of this server.

use super::{Admin, AdminError};
use crate::{
    Failure,
    jobs::{Job, JobResult, JobUpload, JobWork},
    transfer::{FileFormat, ImportOptions},
};
use carnelian_domain::{Action, JobId, Page, Paging};
use carnelian_store::IdOrName;

/// A job to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewJob {
    /// An import of a file that is uploaded.
    Import {
        /// The format of the file; `None` if its content says.
        format: Option<FileFormat>,
        /// The account of rows without an account name.
        account: Option<String>,
        /// How the rows are imported.
        options: ImportOptions,
    },
    /// An export.
    Export {
        /// The format of the file.
        format: FileFormat,
        /// The account; `None` for all of them.
        account: Option<String>,
    },
    /// A backup.
    Backup,
}

impl NewJob {
    fn account(&self) -> Option<&str> {
        match self {
            NewJob::Import { account, .. } | NewJob::Export { account, .. } => account.as_deref(),
            NewJob::Backup => None,
        }
    }
}

impl Admin<'_> {
    /// Creates a job, which the server of this data directory runs.
    pub async fn create_job(&self, new: &NewJob) -> Result<Job, AdminError> {
        let account = match new.account() {
            Some(name) => Some(self.account(&IdOrName::Name(name.into())).await?.id.0),
            None => None,
        };
        let work = match new {
            NewJob::Import { format, options, .. } => JobWork::Import { format: *format, account, options: *options },
            NewJob::Export { format, .. } => JobWork::Export { format: *format, account },
            NewJob::Backup => JobWork::Backup { scheduled: false },
        };
        Ok(self.app.add_job(work, &self.origin).await?)
    }

    /// Begins to receive the file of an import.
    pub async fn begin_upload(&self, id: JobId) -> Result<JobUpload, AdminError> {
        Ok(self.app.begin_upload(id).await?)
    }

    /// Hands the file of an import over to its job.
    pub async fn put_job_input(&self, upload: JobUpload) -> Result<Job, AdminError> {
        Ok(self.app.finish_upload(upload).await?)
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
        Ok(self.app.cancel(id, self.recorded(id, Action::CancelJob)).await?)
    }

    /// Deletes a job that has ended, with its files.
    pub async fn delete_job(&self, id: JobId) -> Result<Job, AdminError> {
        Ok(self.app.delete(id, self.recorded(id, Action::DeleteJob)).await?)
    }

    /// Opens the result of a job.
    pub async fn get_job_result(&self, id: JobId) -> Result<JobResult, AdminError> {
        Ok(self.app.open_result(id, self.recorded(id, Action::GetJobResult)).await?)
    }

    /// Records what is done with a job, and confirms the caller's rights after that wait.
    async fn recorded(&self, id: JobId, action: Action) -> Result<(), Failure> {
        let job = self.app.job(id).await?;
        self.app.record_of_job(&job, action, &self.origin).await?;
        self.confirmed().await.map(drop)
    }
}
