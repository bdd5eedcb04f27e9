//! Sends the rows of a file to the store, in batches, several of which are pending at a time.

use super::{
    csv::BlankRows,
    file::failure_error,
    progress::Progress,
    rejects::Rejects,
    report::{Report, ReportedRow, State},
    row::Row,
    source::{self, Batch, Source},
};
use crate::{
    CliError,
    cli::{Format, Import, OnDuplicate},
};
use carnelian_app::{
    App,
    admin::AdminError,
    transfer::{self, ImportOptions, Importer, PendingBatch, ResumePoint, RowResult},
};
use carnelian_domain::{AccountState, Origin, Rules};
use carnelian_store::Conflict;
use std::{collections::VecDeque, iter::Peekable, vec::IntoIter};

/// The number of pending batches: one is written, one is synced, and one waits.
const PENDING: usize = 3;

/// A batch of rows that was sent to the store.
struct SentBatch {
    rows: Vec<ReportedRow>,
    read: u64,
    blank: BlankRows,
    /// `None` if there was nothing to store.
    stored: Option<PendingBatch>,
}

/// What an import needs besides a registry.
pub(crate) struct Prepared {
    source: Source,
    rejects: Option<Rejects>,
}

/// Opens the files of an import. What can be known to be wrong with them is an error now, before anything is stored.
pub(crate) fn prepare(import: &Import, rules: &Rules) -> Result<Prepared, CliError> {
    let source = source::open(import, rules)?;
    let rejects = import.rejects.as_deref();
    let rejects = rejects.map(|path| Rejects::new(path, source.header.clone())).transpose()?;
    Ok(Prepared { source, rejects })
}

/// Imports a file.
pub(crate) async fn import(app: &App, import: &Import, prepared: Prepared, origin: &Origin) -> Result<(), CliError> {
    if let Some(name) = &import.account {
        check_account(app, name, import.create_accounts, origin).await?;
    }
    let Prepared { source, rejects } = prepared;
    let (mut importer, resume) = begin(app, import, &source, origin).await?;
    if resume.rows == 0 {
        rejects.as_ref().map_or(Ok(()), Rejects::refuse_existing)?;
    }
    let mut report = Report::new(Progress::new(app.clock(), source.bytes), rejects, import.dry_run);
    if resume.rows > 0 {
        report.print(&format!("resuming an interrupted import of this file after row {}", resume.rows));
    } else if source.digest.is_none() && !import.dry_run {
        report.print("reading from a pipe: if interrupted, this import cannot be resumed");
    }
    let earlier = Earlier { rows: resume.rows, results: resume.results.into_iter().peekable() };
    if let Some(error) = store(source, &mut importer, earlier, &mut report).await? {
        // The unreadable row is the reason why the import ends; rejected rows were reported one by one.
        drop(report.finish());
        return Err(error);
    }
    // The stored progress is deleted last: until then, the same command finds that all rows are done.
    report.finish_rejects()?;
    importer.finish().await.map_err(failure_error)?;
    report.finish()
}

/// Checks the account of rows without an account name.
async fn check_account(app: &App, name: &str, creates: bool, origin: &Origin) -> Result<(), CliError> {
    match app.local_admin(origin).get_account(&name.into()).await {
        Err(AdminError::Conflict(Conflict::NoSuchAccount)) if creates => Ok(()),
        Err(AdminError::Conflict(Conflict::NoSuchAccount)) => {
            Err(CliError::failed(format!("unknown account {name:?}; create it with --create-accounts")))
        }
        Err(error) => Err(CliError::failed(error)),
        Ok(account) if account.state != AccountState::Active => Err(CliError::failed(format!(
            "the erasure of account {name:?} was requested, so nothing can be created in it"
        ))),
        Ok(_) => Ok(()),
    }
}

/// Stores the rows up to the end of the file or the first unreadable row, whose error it returns.
async fn store(
    mut source: Source,
    importer: &mut Importer<'_>,
    mut earlier: Earlier,
    report: &mut Report<'_>,
) -> Result<Option<CliError>, CliError> {
    let (mut pending, mut unreadable) = (VecDeque::new(), None);
    while let Some(batch) = source.batches.recv().await {
        match batch {
            Ok(batch) => pending.push_back(send(importer, batch, &mut earlier).await?),
            Err(error) => unreadable = Some(error),
        }
        if pending.len() == PENDING {
            finish_batch(report, pending.pop_front()).await?;
        }
    }
    // A panic of the reader must not look like the end of the file.
    source.reader.join().map_err(|_| CliError::failed("the thread that reads the file failed"))?;
    while !pending.is_empty() {
        finish_batch(report, pending.pop_front()).await?;
    }
    Ok(unreadable)
}

async fn begin<'a>(
    app: &'a App,
    import: &Import,
    source: &Source,
    origin: &'a Origin,
) -> Result<(Importer<'a>, ResumePoint), CliError> {
    let options = ImportOptions {
        create_accounts: import.create_accounts,
        on_duplicate: match import.on_duplicate {
            OnDuplicate::Fail => transfer::OnDuplicate::Fail,
            OnDuplicate::Skip => transfer::OnDuplicate::Skip,
            OnDuplicate::Update => transfer::OnDuplicate::Update,
        },
        dry_run: import.dry_run,
    };
    let account = import.account.as_ref().map(|name| format!("account {name}")).unwrap_or_default();
    let format = match source.format {
        Format::Csv => "csv",
        Format::Jsonl => "jsonl",
    };
    let parts = source.digest.as_ref().map(|digest| [digest.as_slice(), format.as_bytes(), account.as_bytes()]);
    let parts = parts.as_ref().map(|parts| &parts[..]);
    app.import_customers(options, parts, origin).await.map_err(failure_error)
}

/// The rows that were stored before an interruption.
struct Earlier {
    rows: u64,
    /// The results of those that the store has not created or replaced, in order.
    results: Peekable<IntoIter<(u64, RowResult)>>,
}

impl Earlier {
    /// The state of a row, if it was processed before the interruption.
    fn state(&mut self, number: u64) -> Option<State> {
        if number > self.rows {
            return None;
        }
        let result = self.results.next_if(|(row, _)| *row == number);
        Some(result.map_or(State::StoredBefore, |(_, result)| State::Done(result)))
    }
}

/// Sends the valid rows of a batch that are not stored yet.
async fn send(importer: &mut Importer<'_>, batch: Batch, earlier: &mut Earlier) -> Result<SentBatch, CliError> {
    let (mut drafts, mut rows) = (Vec::new(), Vec::with_capacity(batch.rows.len()));
    for Row { number, raw, checked } in batch.rows {
        let state = match (checked, earlier.state(number)) {
            (Err(errors), _) => State::Invalid(errors),
            (Ok(_), Some(before)) => before,
            (Ok(draft), None) => {
                drafts.push((number, draft));
                State::Sent
            }
        };
        rows.push(ReportedRow { number, raw, state });
    }
    let last = rows.last().map_or(0, |row| row.number);
    let stored = match last > earlier.rows {
        true => Some(importer.send(drafts, last).await.map_err(failure_error)?),
        false => None,
    };
    Ok(SentBatch { rows, read: batch.read, blank: batch.blank, stored })
}

/// Waits until a batch is stored, and reports its rows.
async fn finish_batch(report: &mut Report<'_>, sent: Option<SentBatch>) -> Result<(), CliError> {
    let Some(SentBatch { rows, read, blank, stored }) = sent else { return Ok(()) };
    let results = match stored {
        Some(stored) => stored.results().await.map_err(failure_error)?,
        None => Vec::new(),
    };
    report.blank = blank;
    report.add(rows, results, read)
}
