//! What is told of an import: a line for every rejected row, how far it is, and a summary.

use super::{Fault, Raw, all_of, progress::Progress, rejects::Rejects};
use crate::CliError;
use carnelian_app::transfer::RowEnd;

/// A row whose end is known, or soon will be.
pub(super) struct ReportedRow {
    /// Its number.
    pub(super) number: u64,
    /// As it stands in the file.
    pub(super) raw: Raw,
    /// What is known of it.
    pub(super) state: State,
}

/// What is known of a row.
pub(super) enum State {
    /// It was stored before.
    Before,
    /// It breaks rules.
    Broken(Vec<Fault>),
    /// What became of it.
    Ended(RowEnd),
    /// It is on its way.
    Sent,
}

/// What is told, and what was counted.
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
}

impl<'a> Report<'a> {
    /// Begins with nothing.
    pub(super) fn new(progress: Progress<'a>, rejects: Option<Rejects>, dry_run: bool) -> Report<'a> {
        Report { progress, rejects, dry_run, rows: 0, before: 0, created: 0, updated: 0, skipped: 0, rejected: 0 }
    }

    /// Says something.
    pub(super) fn say(&self, sentence: &str) {
        self.progress.say(sentence);
    }

    /// Takes in rows, so much of the file being done with them; `ends` are of those that were on their way.
    pub(super) fn note(&mut self, rows: Vec<ReportedRow>, ends: Vec<RowEnd>, read: u64) -> Result<(), CliError> {
        let mut ends = ends.into_iter();
        for row in rows {
            self.rows += 1;
            let end = match row.state {
                State::Before => {
                    self.before += 1;
                    continue;
                }
                State::Broken(faults) => {
                    self.reject(row.number, &row.raw, &faults)?;
                    continue;
                }
                State::Ended(end) => end,
                State::Sent => ends.next().ok_or_else(|| CliError::failed("the store has lost count of rows"))?,
            };
            match end {
                RowEnd::Created => self.created += 1,
                RowEnd::Updated => self.updated += 1,
                RowEnd::Skipped => self.skipped += 1,
                RowEnd::Refused(problem) => self.reject(row.number, &row.raw, &[problem.into()])?,
            }
        }
        self.progress.note(self.rows, read);
        Ok(())
    }

    fn reject(&mut self, number: u64, raw: &Raw, faults: &[Fault]) -> Result<(), CliError> {
        self.rejected += 1;
        self.progress.say(format_args!("row {number}: {}", all_of(faults)));
        self.rejects.as_mut().map_or(Ok(()), |rejects| rejects.add(raw, faults))
    }

    /// Finishes the file of rejected rows.
    pub(super) fn finish_rejects(&mut self) -> Result<(), CliError> {
        self.rejects.take().map_or(Ok(()), Rejects::finish)
    }

    /// Tells what became of everything; rejected rows are a refusal.
    pub(super) fn finish(self) -> Result<(), CliError> {
        let Report { rows, created, updated, skipped, rejected, .. } = self;
        let mut summary =
            format!("{rows} rows: {created} created, {updated} updated, {skipped} skipped, {rejected} rejected");
        if self.before > 0 {
            summary += &format!(", {} stored before the interruption", self.before);
        }
        if self.dry_run {
            summary += "; this was a dry run, and nothing was written";
        }
        self.progress.say(summary);
        match rejected {
            0 => Ok(()),
            1 => Err(CliError::failed("1 row was rejected")),
            _ => Err(CliError::failed(format!("{rejected} rows were rejected"))),
        }
    }
}
