//! What an import reports: a line for each rejected row, the progress, and the counts.

use crate::{
    csv::BlankRows,
    error::TransferError,
    observer::{Observer, TransferCounts},
    rejects::Rejects,
    row::{Raw, RowError, joined},
};
use carnelian_app::transfer::RowResult;

/// A row to be reported.
pub(crate) struct ReportedRow {
    /// Its number.
    pub(crate) number: u64,
    /// Its unparsed content.
    pub(crate) raw: Raw,
    /// Its state.
    pub(crate) state: State,
}

/// The state of a row.
pub(crate) enum State {
    /// Stored before an interruption.
    StoredBefore,
    /// It breaks rules.
    Invalid(Vec<RowError>),
    /// Processed before an interruption, with this result.
    Done(RowResult),
    /// Sent to the store; its result follows.
    Sent,
}

/// The output and the counters of an import.
pub(crate) struct Report<'a> {
    pub(crate) observer: &'a mut dyn Observer,
    rejects: Option<Rejects>,
    pub(crate) counts: TransferCounts,
    /// The rows without any text.
    pub(crate) blank: BlankRows,
}

impl<'a> Report<'a> {
    /// A report without rows.
    pub(crate) fn new(observer: &'a mut dyn Observer, rejects: Option<Rejects>) -> Report<'a> {
        Report { observer, rejects, counts: TransferCounts::default(), blank: BlankRows::default() }
    }

    /// Adds the rows of a batch; `results` are those of its sent rows, and `read` is the number of bytes read so far.
    pub(crate) fn add(
        &mut self,
        rows: Vec<ReportedRow>,
        results: Vec<RowResult>,
        read: u64,
    ) -> Result<(), TransferError> {
        let mut results = results.into_iter();
        for row in rows {
            self.counts.rows += 1;
            let result = match row.state {
                State::StoredBefore => {
                    self.counts.stored_before += 1;
                    continue;
                }
                State::Invalid(errors) => {
                    self.reject(row.number, &row.raw, &errors)?;
                    continue;
                }
                State::Done(result) => result,
                State::Sent => {
                    results.next().ok_or_else(|| TransferError::failed("the store returned too few results"))?
                }
            };
            match result {
                RowResult::Created => self.counts.created += 1,
                RowResult::Updated => self.counts.updated += 1,
                RowResult::Skipped => self.counts.skipped += 1,
                RowResult::Rejected(problem) => self.reject(row.number, &row.raw, &[problem.into()])?,
            }
        }
        self.observer.progress(&self.counts, read)
    }

    fn reject(&mut self, number: u64, raw: &Raw, errors: &[RowError]) -> Result<(), TransferError> {
        self.counts.rejected += 1;
        self.observer.message(&format_args!("row {number}: {}", joined(errors)));
        self.rejects.as_mut().map_or(Ok(()), |rejects| rejects.add(raw, errors))
    }

    /// Completes the file of rejected rows.
    pub(crate) fn finish_rejects(&mut self) -> Result<(), TransferError> {
        self.rejects.take().map_or(Ok(()), Rejects::finish)
    }
}
