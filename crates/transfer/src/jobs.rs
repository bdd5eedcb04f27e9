//! Imports and exports as jobs of a server.

use crate::{
    error::TransferError,
    export::export,
    import::{Import, import, prepare},
    observer::{Observer, TransferCounts},
};
use carnelian_app::{
    atomic_file::Draft,
    jobs::{Run, Stop, TransferJobs},
    transfer::{FileFormat, ImportOptions},
};
use std::fmt::Display;

/// Carries out the jobs that read or write files of customers.
pub struct CustomerFiles;

#[async_trait::async_trait(?Send)]
impl TransferJobs for CustomerFiles {
    async fn import(&self, run: &mut Run<'_>, format: Option<FileFormat>, options: ImportOptions) -> Result<(), Stop> {
        run.step(|_| ())?;
        let account = run.account_name().await?.map(|name| name.to_string());
        let (file, rejects) = (Some(run.input()), Some(run.result()));
        let (app, origin) = (run.app(), run.origin());
        let prepared = prepare(Import { file, format, account, rejects, options }, app.rules());
        let mut observer = RunObserver { run, stop: None };
        let prepared = observer.outcome(prepared)?;
        let imported = import(app, prepared, &origin, &mut observer).await;
        let mut imported = observer.outcome(imported)?;
        if let Some(unreadable) = imported.unreadable.take() {
            return Err(Stop::Failed(unreadable.to_string()));
        }
        // Recorded before the stored progress is deleted: without both, the rows would be imported once more.
        run.complete()?;
        let finished = imported.finish().await;
        RunObserver { run, stop: None }.outcome(finished)
    }

    async fn export(&self, run: &mut Run<'_>, format: FileFormat) -> Result<(), Stop> {
        run.step(|_| ())?;
        let account = run.account_name().await?;
        let mut draft = Draft::new(&run.result())?;
        let (app, origin) = (run.app(), run.origin());
        let mut observer = RunObserver { run, stop: None };
        let exported = export(app, account.as_deref(), format, &mut draft, &origin, &mut observer).await;
        observer.outcome(exported)?;
        draft.keep()?;
        run.complete()
    }
}

/// Notes the progress of a job.
struct RunObserver<'r, 'a> {
    run: &'r mut Run<'a>,
    /// Why it is to stop.
    stop: Option<Stop>,
}

impl Observer for RunObserver<'_, '_> {
    fn begin(&mut self, bytes: Option<u64>) {
        self.run.job.progress.total_bytes = bytes;
    }

    fn progress(&mut self, counts: &TransferCounts, bytes: u64) -> Result<(), TransferError> {
        let noted = self.run.step(|progress| {
            let TransferCounts { rows, stored_before, created, updated, skipped, rejected } = *counts;
            progress.bytes = bytes;
            progress.rows = rows;
            progress.stored_before = stored_before;
            progress.created = created;
            progress.updated = updated;
            progress.skipped = skipped;
            progress.rejected = rejected;
        });
        noted.map_err(|stop| {
            self.stop = Some(stop);
            TransferError::Stopped
        })
    }

    /// The result has the rows that were rejected, with the reasons.
    fn message(&mut self, _: &dyn Display) {}
}

impl RunObserver<'_, '_> {
    /// The outcome of what was observed, as that of the job.
    fn outcome<T>(&mut self, outcome: Result<T, TransferError>) -> Result<T, Stop> {
        outcome.map_err(|error| match (self.stop.take(), error) {
            (Some(stop), _) => stop,
            (None, TransferError::Unavailable(why)) => Stop::Unavailable(why),
            (None, error) => Stop::Failed(error.to_string()),
        })
    }
}
