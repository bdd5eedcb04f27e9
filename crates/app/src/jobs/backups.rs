//! Backups as jobs, and the schedule that creates them.

use super::{
    record::{Job, JobState, JobWork},
    run::{Run, Stop},
};
use crate::{
    App, Failure,
    atomic_file::Draft,
    backup::{self, BackupError},
};
use carnelian_domain::{Actor, Origin};
use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
};

/// The size of the buffer of a file: a job looks once in so many bytes whether it is to stop.
const BUFFER: usize = 1 << 18;

/// How many seconds after a backup of the schedule that has failed the next one is tried.
const RETRY: u64 = 10 * 60;

impl App {
    /// Writes a backup, verifies what was written, and replaces the ledger of the folder, which opens this backup and all
    /// older ones.
    pub(super) async fn run_backup(&self, run: &mut Run<'_>) -> Result<(), Stop> {
        run.step(|_| ())?;
        let (path, origin) = (run.result(), run.origin());
        let mut draft = Draft::new(&path)?;
        let mut file = BufWriter::with_capacity(BUFFER, run.observed(&mut draft));
        let written = self.back_up(&mut file, &origin).await;
        let written = written.and_then(|records| file.flush().map(|()| records).map_err(BackupError::from));
        drop(file);
        let records = written.map_err(|error| run.reason(error))?;
        // Written after the backup, so that the ledger knows everything that is in it.
        let mut ledger = Draft::new(&self.jobs.folder.ledger())?;
        self.write_ledger(&mut ledger, &origin).await?;
        ledger.keep()?;
        draft.keep()?;
        let mut file = BufReader::with_capacity(BUFFER, run.observed(File::open(&path)?));
        let verified = backup::check(&self.keys.backups, &mut file);
        drop(file);
        verified.map_err(|error| run.reason(error))?;
        run.job.progress.rows = records;
        run.complete()
    }

    /// Creates the next backup of the schedule, if it is due.
    pub(super) async fn schedule_backup(&self) -> Result<(), Failure> {
        let Some(every) = self.jobs.settings.backup_every else { return Ok(()) };
        let jobs = self.all_jobs().await?;
        let scheduled = jobs.iter().rev().find(|job| job.work == JobWork::Backup { scheduled: true });
        let now = self.clock.now();
        let is_due = |last: &Job| match last.state {
            JobState::Waiting | JobState::Queued | JobState::Running => false,
            JobState::Done => now >= last.created_at().plus_seconds(every),
            JobState::Failed | JobState::Cancelled => now >= last.created_at().plus_seconds(every.min(RETRY)),
        };
        if scheduled.is_none_or(is_due) {
            self.add_job(JobWork::Backup { scheduled: true }, &Origin::new(Actor::Server)).await?;
        }
        Ok(())
    }
}
