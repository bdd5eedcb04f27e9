//! Rejected rows, in the format that they came in and with the reason, so that they can be mended and imported.

use super::{Fault, REASON, Raw, all_of, csv::writer, jsonl::with_reason, of_file};
use crate::{
    CliError,
    whole_file::{draft_of, sync_name},
};
use ::csv::ByteRecord;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file of rejected rows: it gets its name once it is whole, and is not made if there are none.
pub(super) struct Rejects {
    path: PathBuf,
    header: ByteRecord,
    output: Option<Output>,
}

enum Output {
    Csv(Box<csv::Writer<File>>),
    Lines(BufWriter<File>),
}

impl Rejects {
    /// Prepares the file, whose name must be free unless the import is gone on with.
    pub(super) fn new(path: &Path, header: ByteRecord, going_on: bool) -> Result<Rejects, CliError> {
        if !going_on && path.symlink_metadata().is_ok() {
            return Err(is_there(path));
        }
        Ok(Rejects { path: path.to_owned(), header, output: None })
    }

    /// Adds a row.
    pub(super) fn add(&mut self, raw: &Raw, faults: &[Fault]) -> Result<(), CliError> {
        let reason = all_of(faults);
        if self.output.is_none() {
            self.output = Some(self.begin(raw)?);
        }
        let written = match (&mut self.output, raw) {
            (Some(Output::Csv(output)), Raw::Record(record)) => {
                // The reason comes first, so that a row with too few or too many cells stays one.
                output.write_record(with_first(&self.header, record, reason.as_bytes()).iter()).map_err(Into::into)
            }
            (Some(Output::Lines(output)), Raw::Line(line)) => {
                output.write_all(&with_reason(line, &reason)).and_then(|()| output.write_all(b"\n"))
            }
            _ => Ok(()),
        };
        written.map_err(of_file(&self.path))
    }

    fn begin(&self, raw: &Raw) -> Result<Output, CliError> {
        let path = draft_of(&self.path);
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(of_file(&path))?;
        Ok(match raw {
            Raw::Record(_) => {
                let mut output = writer(file);
                let header = with_first(&self.header, &self.header, REASON.as_bytes());
                output.write_record(header.iter()).map_err(CliError::failed)?;
                Output::Csv(Box::new(output))
            }
            Raw::Line(_) => Output::Lines(BufWriter::new(file)),
        })
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<(), CliError> {
        let file = match self.output {
            None => return Ok(()),
            Some(Output::Csv(output)) => output.into_inner().map_err(|error| error.into_error()),
            Some(Output::Lines(output)) => output.into_inner().map_err(|error| error.into_error()),
        };
        file.and_then(|file| file.sync_all()).map_err(of_file(&self.path))?;
        let draft = draft_of(&self.path);
        if self.path.symlink_metadata().is_err() {
            // What was noted of the import is forgotten next, so the name must last.
            let named = fs::rename(draft, &self.path).and_then(|()| sync_name(&self.path));
            return named.map_err(of_file(&self.path));
        }
        // An earlier run may have been cut short right after it had given the file its name.
        let same = fs::read(&draft).and_then(|draft| Ok(draft == fs::read(&self.path)?));
        if !same.map_err(of_file(&self.path))? {
            return Err(is_there(&self.path));
        }
        fs::remove_file(&draft).and_then(|()| sync_name(&self.path)).map_err(of_file(&draft))
    }
}

fn is_there(path: &Path) -> CliError {
    CliError::failed(format!("{} is there already; name another file", path.display()))
}

/// A record with a first cell, instead of the one that its header says is a reason.
fn with_first(header: &ByteRecord, record: &ByteRecord, first: &[u8]) -> ByteRecord {
    let again = usize::from(header.get(0) == Some(REASON.as_bytes()));
    let mut with = ByteRecord::new();
    with.push_field(first);
    record.iter().skip(again).for_each(|cell| with.push_field(cell));
    with
}
