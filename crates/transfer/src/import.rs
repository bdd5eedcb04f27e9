//! Sends the rows of a file to the store, in batches, several of which are pending at a time.

use crate::{
    csv::BlankRows,
    error::TransferError,
    observer::{Observer, TransferCounts},
    rejects::Rejects,
    report::{Report, ReportedRow, State},
    row::Row,
    source::{self, Batch, Source},
};
use carnelian_app::{
    App, Failure,
    transfer::{FileFormat, ImportOptions, Importer, PendingBatch, ResumePoint, RowResult},
};
use carnelian_domain::{AccountState, Origin, Problem, Rules};
use std::{collections::VecDeque, iter::Peekable, path::PathBuf, vec::IntoIter};

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

/// What is imported, and how.
#[derive(Clone, Debug)]
pub struct Import {
    /// The file; `None` for stdin.
    pub file: Option<PathBuf>,
    /// Its format; `None` if its name or its content says.
    pub format: Option<FileFormat>,
    /// The account of rows without an account name.
    pub account: Option<String>,
    /// The file for rejected rows.
    pub rejects: Option<PathBuf>,
    /// How the rows are imported.
    pub options: ImportOptions,
}

/// What an import needs besides a registry.
pub struct Prepared {
    import: Import,
    source: Source,
    rejects: Option<Rejects>,
}

/// An import that has come to an end.
pub struct Imported<'a> {
    importer: Importer<'a>,
    /// What became of the rows.
    pub counts: TransferCounts,
    /// How many rows without any text were left out.
    pub blank_rows: u64,
    /// The number of the first one.
    pub first_blank_row: u64,
    /// Why no row after the last one could be read, if the file does not end there.
    pub unreadable: Option<TransferError>,
}

impl Imported<'_> {
    /// Deletes the stored progress of an import whose rows were all read. Until then, the same import finds that they are done.
    pub async fn finish(self) -> Result<(), TransferError> {
        Ok(self.importer.finish().await?)
    }
}

/// Opens the files of an import. What can be known to be wrong with them is an error now, before anything is stored.
pub fn prepare(import: Import, rules: &Rules) -> Result<Prepared, TransferError> {
    let source = source::open(import.file.as_deref(), import.format, import.account.as_deref(), rules)?;
    let rejects = import.rejects.as_deref();
    let rejects = rejects.map(|path| Rejects::new(path, source.header.clone())).transpose()?;
    Ok(Prepared { import, source, rejects })
}

/// Imports a file. The file of rejected rows is complete when this returns.
pub async fn import<'a>(
    app: &'a App,
    prepared: Prepared,
    origin: &'a Origin,
    observer: &mut dyn Observer,
) -> Result<Imported<'a>, TransferError> {
    let Prepared { import, source, rejects } = prepared;
    if let Some(name) = &import.account {
        check_account(app, name, import.options.create_accounts, origin).await?;
    }
    observer.begin(source.bytes);
    let (mut importer, resume) = begin(app, &import, &source, origin).await?;
    if resume.rows == 0 {
        rejects.as_ref().map_or(Ok(()), Rejects::refuse_existing)?;
    }
    if resume.rows > 0 {
        observer.message(&format_args!("resuming an interrupted import of this file after row {}", resume.rows));
    } else if source.digest.is_none() && !import.options.dry_run {
        observer.message(&"reading from a pipe: if interrupted, this import cannot be resumed");
    }
    let mut report = Report::new(observer, rejects);
    let earlier = Earlier { rows: resume.rows, results: resume.results.into_iter().peekable() };
    let unreadable = store(source, &mut importer, earlier, &mut report).await?;
    // A file of rejected rows is complete only if every row was read.
    if unreadable.is_none() {
        report.finish_rejects()?;
    }
    let BlankRows { count: blank_rows, first: first_blank_row } = report.blank;
    Ok(Imported { importer, counts: report.counts, blank_rows, first_blank_row, unreadable })
}

/// Checks the account of rows without an account name.
async fn check_account(app: &App, name: &str, creates: bool, origin: &Origin) -> Result<(), TransferError> {
    let found = app.local_admin(origin).get_account(&name.into()).await.map_err(Failure::from);
    match found {
        Err(Failure::Problem(Problem::AccountNotFound)) if creates => Ok(()),
        Err(Failure::Problem(Problem::AccountNotFound)) => {
            Err(TransferError::failed(format!("unknown account {name:?}; create it with --create-accounts")))
        }
        Err(failure) => Err(failure.into()),
        Ok(account) if account.state != AccountState::Active => Err(TransferError::failed(format!(
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
) -> Result<Option<TransferError>, TransferError> {
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
    source.reader.join().map_err(|_| TransferError::failed("the thread that reads the file failed"))?;
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
) -> Result<(Importer<'a>, ResumePoint), TransferError> {
    let account = import.account.as_ref().map(|name| format!("account {name}")).unwrap_or_default();
    let format = source.format.name();
    let parts = source.digest.as_ref().map(|digest| [digest.as_slice(), format.as_bytes(), account.as_bytes()]);
    let parts = parts.as_ref().map(|parts| &parts[..]);
    Ok(app.import_customers(import.options, parts, origin).await?)
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
async fn send(importer: &mut Importer<'_>, batch: Batch, earlier: &mut Earlier) -> Result<SentBatch, TransferError> {
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
        true => Some(importer.send(drafts, last).await?),
        false => None,
    };
    Ok(SentBatch { rows, read: batch.read, blank: batch.blank, stored })
}

/// Waits until a batch is stored, and reports its rows.
async fn finish_batch(report: &mut Report<'_>, sent: Option<SentBatch>) -> Result<(), TransferError> {
    let Some(SentBatch { rows, read, blank, stored }) = sent else { return Ok(()) };
    let results = match stored {
        Some(stored) => stored.results().await?,
        None => Vec::new(),
    };
    report.blank = blank;
    report.add(rows, results, read)
}
