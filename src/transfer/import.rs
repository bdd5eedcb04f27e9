//! The way of the rows into the registry: read ahead, sent in batches, a few of them on their way at once.

use super::{
    Row, of_failure,
    progress::Progress,
    rejects::Rejects,
    report::{Report, ReportedRow, State},
    source::{self, Batch, Source},
};
use crate::{
    CliError,
    cli::{Import, OnDuplicate},
};
use carnelian_app::{
    App,
    transfer::{self, EarlierRows, ImportOptions, Importer, OnTheirWay, RowEnd},
};
use carnelian_domain::Origin;
use std::{collections::VecDeque, iter::Peekable, vec::IntoIter};

/// How many batches are on their way at once: one is written, one is synced, and one waits.
const ON_THEIR_WAY: usize = 3;

/// Rows that were sent, and what is to be told of them.
struct Sent {
    rows: Vec<ReportedRow>,
    read: u64,
    /// `None` if there was nothing to send.
    stored: Option<OnTheirWay>,
}

/// Imports a file.
pub(crate) async fn import(app: &App, import: &Import, origin: &Origin) -> Result<(), CliError> {
    if !import.create_accounts
        && let Some(name) = &import.account
        && app.list_accounts().await.map_err(CliError::failed)?.iter().all(|account| account.name != *name)
    {
        return Err(CliError::failed(format!("there is no account {name:?}; --create-accounts makes it")));
    }
    let source = source::open(import, app.rules())?;
    let (mut importer, earlier) = begin(app, import, &source, origin).await?;
    let rejects = import.rejects.as_deref();
    let rejects = rejects.map(|path| Rejects::new(path, source.header.clone(), earlier.rows > 0)).transpose()?;
    let mut report = Report::new(Progress::new(app.clock(), source.bytes), rejects, import.dry_run);
    if earlier.rows > 0 {
        report.say(&format!("an import of this file was cut short; going on behind row {}", earlier.rows));
    } else if source.digest.is_none() && !import.dry_run {
        report.say("reading what can be read only once: after an interruption this import cannot be gone on with");
    }
    let earlier = Earlier { rows: earlier.rows, others: earlier.others.into_iter().peekable() };
    if let Some(refusal) = store(source, &mut importer, earlier, &mut report).await? {
        // It is told in the end, since the import ends with it; rows that were rejected before have been told.
        drop(report.finish());
        return Err(refusal);
    }
    // What was noted of the import goes last: until then the same command would only find that everything is done.
    report.finish_rejects()?;
    importer.finish().await.map_err(of_failure)?;
    report.finish()
}

/// Stores every row, up to one that cannot be read: that is what is returned then.
async fn store(
    mut source: Source,
    importer: &mut Importer<'_>,
    mut earlier: Earlier,
    report: &mut Report<'_>,
) -> Result<Option<CliError>, CliError> {
    let (mut on_their_way, mut unreadable) = (VecDeque::new(), None);
    while let Some(batch) = source.batches.recv().await {
        match batch {
            Ok(batch) => on_their_way.push_back(send(importer, batch, &mut earlier).await?),
            Err(refusal) => unreadable = Some(refusal),
        }
        if on_their_way.len() == ON_THEIR_WAY {
            settle(report, on_their_way.pop_front()).await?;
        }
    }
    // Its end must not be taken for the end of the file.
    source.reader.join().map_err(|_| CliError::failed("reading the file has failed"))?;
    while !on_their_way.is_empty() {
        settle(report, on_their_way.pop_front()).await?;
    }
    Ok(unreadable)
}

async fn begin<'a>(
    app: &'a App,
    import: &Import,
    source: &Source,
    origin: &'a Origin,
) -> Result<(Importer<'a>, EarlierRows), CliError> {
    let options = ImportOptions {
        create_accounts: import.create_accounts,
        on_duplicate: match import.on_duplicate {
            OnDuplicate::Fail => transfer::OnDuplicate::Fail,
            OnDuplicate::Skip => transfer::OnDuplicate::Skip,
            OnDuplicate::Update => transfer::OnDuplicate::Update,
        },
        dry_run: import.dry_run,
    };
    let format = format!("{:?} {:?}", source.format, import.account);
    let parts = source.digest.as_ref().map(|digest| [digest.as_slice(), format.as_bytes()]);
    let parts = parts.as_ref().map(|parts| &parts[..]);
    app.import_customers(options, parts, origin).await.map_err(of_failure)
}

/// The rows that were done before an interruption.
struct Earlier {
    rows: u64,
    others: Peekable<IntoIter<(u64, RowEnd)>>,
}

impl Earlier {
    /// What became of a row, if it was done.
    fn of(&mut self, number: u64) -> Option<State> {
        if number > self.rows {
            return None;
        }
        let other = self.others.next_if(|(other, _)| *other == number);
        Some(other.map_or(State::Before, |(_, end)| State::Ended(end)))
    }
}

/// Sends the rows of a batch that keep to the rules and are not done yet.
async fn send(importer: &mut Importer<'_>, batch: Batch, earlier: &mut Earlier) -> Result<Sent, CliError> {
    let (mut drafts, mut rows) = (Vec::new(), Vec::with_capacity(batch.rows.len()));
    for Row { number, raw, checked } in batch.rows {
        let state = match (checked, earlier.of(number)) {
            (Err(faults), _) => State::Broken(faults),
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
        true => Some(importer.send(drafts, last).await.map_err(of_failure)?),
        false => None,
    };
    Ok(Sent { rows, read: batch.read, stored })
}

/// Waits until rows are stored, and tells what became of them.
async fn settle(report: &mut Report<'_>, sent: Option<Sent>) -> Result<(), CliError> {
    let Some(Sent { rows, read, stored }) = sent else { return Ok(()) };
    let ends = match stored {
        Some(stored) => stored.ends().await.map_err(of_failure)?,
        None => Vec::new(),
    };
    report.note(rows, ends, read)
}
