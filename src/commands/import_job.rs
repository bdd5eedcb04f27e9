//! `carnelian customer import` while a server has the registry open: the server runs the import as a job, and the command
//! shows its progress.

use super::{customer, input::open_input, output::print_message, progress::Progress};
use crate::{
    CliError, cli,
    file_errors::{explain, refuse_if_there},
};
use carnelian_app::{
    App, Failure,
    admin::jobs::NewJob,
    atomic_file::Draft,
    jobs::{Job, JobState},
};
use carnelian_domain::{JobId, Origin};
use carnelian_transfer::TransferCounts;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};
use tokio::{signal::ctrl_c, time::interval};

/// How many bytes of the file are copied at once.
const CHUNK: u64 = 1 << 20;

/// How often the progress of the job is read.
const INTERVAL: Duration = Duration::from_millis(100);

/// Has the server import a file.
pub(super) async fn import(app: &App, import: &cli::Import, origin: &Origin) -> Result<(), CliError> {
    refuse_if_there(import.rejects.as_deref(), false)?;
    let job = create(app, import, origin).await?;
    print_message(format_args!("the server imports the file as job {}", job.id()));
    let ended = wait_for_end(app, job, origin).await?;
    let progress = &ended.progress;
    let counts = TransferCounts {
        rows: progress.rows,
        stored_before: progress.stored_before,
        created: progress.created,
        updated: progress.updated,
        skipped: progress.skipped,
        rejected: progress.rejected,
    };
    let summarized = customer::summarize(&counts, import.dry_run);
    match (ended.state, &ended.error) {
        (JobState::Cancelled, _) => {
            return Err(CliError::failed("the import was cancelled; the same command resumes it"));
        }
        (_, Some(error)) => return Err(CliError::failed(error)),
        _ => {}
    }
    if ended.result_bytes.is_some() {
        let result = app.local_admin(origin).get_job_result(ended.id()).await.map_err(CliError::failed)?;
        match &import.rejects {
            Some(path) => copy(result.file, path).map_err(|error| explain(path, &error))?,
            None => print_message(format_args!("job {} has the rejected rows with the reasons", ended.id())),
        }
    }
    summarized
}

/// Creates the job and hands it the file.
async fn create(app: &App, import: &cli::Import, origin: &Origin) -> Result<Job, CliError> {
    let input = open_input(&import.file).map_err(|error| explain(&import.file, &error))?;
    let new = NewJob::Import {
        format: customer::format(import),
        account: import.account.clone(),
        options: customer::options(import),
    };
    let admin = app.local_admin(origin);
    let job = admin.create_job(&new).await.map_err(CliError::failed)?;
    let mut upload = admin.begin_upload(job.id()).await.map_err(CliError::failed)?;
    let mut input = input;
    loop {
        let mut chunk = Vec::new();
        let read = input.by_ref().take(CHUNK).read_to_end(&mut chunk);
        if read.map_err(|error| explain(&import.file, &error))? == 0 {
            break;
        }
        upload.write(chunk).await.map_err(|failure| CliError::failed(failure.for_log()))?;
    }
    admin.put_job_input(upload).await.map_err(CliError::failed)
}

/// Waits until the job has ended, and shows its progress. An interrupt cancels it.
async fn wait_for_end(app: &App, job: Job, origin: &Origin) -> Result<Job, CliError> {
    let (id, admin) = (job.id(), app.local_admin(origin));
    let mut progress = Progress::new(app.clock());
    job.progress.total_bytes.into_iter().for_each(|bytes| progress.set_total(bytes));
    let (mut ticks, mut is_interrupted) = (interval(INTERVAL), false);
    loop {
        let job = admin.get_job(id).await.map_err(CliError::failed)?;
        if job.state.is_end() {
            return Ok(job);
        }
        if !app.are_jobs_served().map_err(CliError::failed)? {
            return Err(stopped(id));
        }
        progress.update(job.progress.rows, job.progress.bytes);
        tokio::select! {
            _ = ticks.tick() => {}
            interrupted = ctrl_c(), if !is_interrupted => {
                interrupted.map_err(CliError::failed)?;
                is_interrupted = true;
                match admin.cancel_job(id).await.map_err(Failure::from) {
                    // It has ended meanwhile.
                    Ok(_) | Err(Failure::Problem(_)) => {}
                    Err(failure) => return Err(CliError::failed(failure.for_log())),
                }
            }
        }
    }
}

fn stopped(id: JobId) -> CliError {
    CliError::failed(format!("the server has stopped; it resumes job {id} when it is started again"))
}

fn copy(mut from: File, path: &Path) -> io::Result<()> {
    let mut draft = Draft::new(path)?;
    io::copy(&mut from, &mut draft)?;
    draft.keep()
}
