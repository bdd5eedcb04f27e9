//! The output of an import: a line for each rejected row, the progress, and a summary.

use super::{
    csv::BlankRows,
    progress::Progress,
    rejects::Rejects,
    row::{Raw, RowError, joined},
};
use crate::{CliError, commands::output::counted};
use carnelian_app::transfer::RowResult;

/// A row to be reported.
pub(super) struct ReportedRow {
    /// Its number.
    pub(super) number: u64,
    /// Its unparsed content.
    pub(super) raw: Raw,
    /// Its state.
    pub(super) state: State,
}

/// The state of a row.
pub(super) enum State {
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
pub(super) struct Report<'a> {
    progress: Progress<'a>,
    rejects: Option<Rejects>,
    dry_run: bool,
    rows: u64,
    before: u64,
    created: u64,
    updated: u64,
    skipped: u64,
    rejected: u64,
    /// The rows without any text.
    pub(super) blank: BlankRows,
}

impl<'a> Report<'a> {
    /// A report without rows.
    pub(super) fn new(progress: Progress<'a>, rejects: Option<Rejects>, dry_run: bool) -> Report<'a> {
        let (rows, before, created, updated, skipped, rejected, blank) = (0, 0, 0, 0, 0, 0, BlankRows::default());
        Report { progress, rejects, dry_run, rows, before, created, updated, skipped, rejected, blank }
    }

    /// Prints a message.
    pub(super) fn print(&self, message: &str) {
        self.progress.print(message);
    }

    /// Adds the rows of a batch; `results` are those of its sent rows, and `read` is the number of bytes read so far.
    pub(super) fn add(&mut self, rows: Vec<ReportedRow>, results: Vec<RowResult>, read: u64) -> Result<(), CliError> {
        let mut results = results.into_iter();
        for row in rows {
            self.rows += 1;
            let result = match row.state {
                State::StoredBefore => {
                    self.before += 1;
                    continue;
                }
                State::Invalid(errors) => {
                    self.reject(row.number, &row.raw, &errors)?;
                    continue;
                }
                State::Done(result) => result,
                State::Sent => results.next().ok_or_else(|| CliError::failed("the store returned too few results"))?,
            };
            match result {
                RowResult::Created => self.created += 1,
                RowResult::Updated => self.updated += 1,
                RowResult::Skipped => self.skipped += 1,
                RowResult::Rejected(problem) => self.reject(row.number, &row.raw, &[problem.into()])?,
            }
        }
        self.progress.update(self.rows, read);
        Ok(())
    }

    fn reject(&mut self, number: u64, raw: &Raw, errors: &[RowError]) -> Result<(), CliError> {
        self.rejected += 1;
        self.progress.print(format_args!("row {number}: {}", joined(errors)));
        self.rejects.as_mut().map_or(Ok(()), |rejects| rejects.add(raw, errors))
    }

    /// Completes the file of rejected rows.
    pub(super) fn finish_rejects(&mut self) -> Result<(), CliError> {
        self.rejects.take().map_or(Ok(()), Rejects::finish)
    }

    /// Prints the summary. Rejected rows are an error.
    pub(super) fn finish(self) -> Result<(), CliError> {
        let Report { rows, created, updated, skipped, rejected, .. } = self;
        match self.blank {
            BlankRows { count: 0, .. } => {}
            BlankRows { count: 1, first } => self.progress.print(format_args!("row {first} is empty and was left out")),
            BlankRows { count, first } => {
                self.progress.print(format_args!("{count} empty rows were left out, the first of them row {first}"));
            }
        }
        let mut summary = format!(
            "{}: {created} created, {updated} updated, {skipped} skipped, {rejected} rejected",
            counted(rows, "row")
        );
        if self.before > 0 {
            summary += &format!(", {} stored before the interruption", self.before);
        }
        if self.dry_run {
            summary += " (dry run, nothing was written)";
        }
        self.progress.print(summary);
        match rejected {
            0 => Ok(()),
            1 => Err(CliError::failed("1 row was rejected")),
            _ => Err(CliError::failed(format!("{rejected} rows were rejected"))),
        }
    }
}
