//! The file of rejected rows, in the format of the input and with the reasons, to be corrected and imported.

use super::{
    csv::writer,
    file::file_error,
    jsonl::with_reason,
    row::{REASON, Raw, RowError, joined},
};
use crate::{
    CliError,
    atomic_file::{Draft, sync_name},
};
use ::csv::ByteRecord;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// A file of rejected rows. It is written atomically, and only if there are any.
pub(super) struct Rejects {
    path: PathBuf,
    header: ByteRecord,
    output: Option<Output>,
}

enum Output {
    Csv(Box<csv::Writer<Draft>>),
    Lines(Draft),
}

impl Rejects {
    /// Prepares the file. It must not exist, unless an interrupted import is resumed.
    pub(super) fn new(path: &Path, header: ByteRecord, is_resumed: bool) -> Result<Rejects, CliError> {
        if !is_resumed && path.symlink_metadata().is_ok() {
            return Err(exists_error(path));
        }
        Ok(Rejects { path: path.to_owned(), header, output: None })
    }

    /// Adds a row.
    pub(super) fn add(&mut self, raw: &Raw, errors: &[RowError]) -> Result<(), CliError> {
        let reason = joined(errors);
        if self.output.is_none() {
            self.output = Some(self.begin(raw)?);
        }
        let written = match (&mut self.output, raw) {
            (Some(Output::Csv(output)), Raw::Record(record)) => {
                // In the first column, the reason does not shift the cells of a row with too few or too many of them.
                output.write_record(with_first(&self.header, record, reason.as_bytes()).iter()).map_err(Into::into)
            }
            (Some(Output::Lines(output)), Raw::Line(line)) => {
                output.write_all(&with_reason(line, &reason)).and_then(|()| output.write_all(b"\n"))
            }
            _ => Ok(()),
        };
        written.map_err(file_error(&self.path))
    }

    fn begin(&self, raw: &Raw) -> Result<Output, CliError> {
        let draft = Draft::new(&self.path).map_err(file_error(&self.path))?;
        Ok(match raw {
            Raw::Record(_) => {
                let mut output = writer(draft);
                let header = with_first(&self.header, &self.header, REASON.as_bytes());
                output.write_record(header.iter()).map_err(CliError::failed)?;
                Output::Csv(Box::new(output))
            }
            Raw::Line(_) => Output::Lines(draft),
        })
    }

    /// Completes the file and renames it to its final name.
    pub(super) fn finish(self) -> Result<(), CliError> {
        let mut draft = match self.output {
            None => return Ok(()),
            Some(Output::Csv(output)) => {
                output.into_inner().map_err(|error| file_error(&self.path)(error.into_error()))?
            }
            Some(Output::Lines(output)) => output,
        };
        if self.path.symlink_metadata().is_err() {
            // The stored progress of the import is deleted next, so the rename must be durable.
            return draft.keep().map_err(file_error(&self.path));
        }
        // An earlier run may have been interrupted right after the rename.
        if !draft.is_there().map_err(file_error(&self.path))? {
            return Err(exists_error(&self.path));
        }
        sync_name(&self.path).map_err(file_error(&self.path))
    }
}

fn exists_error(path: &Path) -> CliError {
    CliError::failed(format!("{} already exists", path.display()))
}

/// Prepends a cell to a record, replacing an existing reason.
fn with_first(header: &ByteRecord, record: &ByteRecord, first: &[u8]) -> ByteRecord {
    let again = usize::from(header.get(0) == Some(REASON.as_bytes()));
    let mut with = ByteRecord::new();
    with.push_field(first);
    record.iter().skip(again).for_each(|cell| with.push_field(cell));
    with
}
