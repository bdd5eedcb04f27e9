//! The file of rejected rows, in the format of the input and with the reasons, to be corrected and imported.

use crate::{
    csv::{is_reason, writer},
    error::{TransferError, file_error},
    jsonl::with_reason,
    quoting::without_first_cell,
    row::{REASON, Raw, RowError, joined},
};
use ::csv::ByteRecord;
use carnelian_app::atomic_file::{Draft, sync_name};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A file of rejected rows. It is written atomically, and only if there are any.
pub(crate) struct Rejects {
    path: PathBuf,
    /// The header of a CSV file.
    header: ByteRecord,
    draft: Draft,
    is_empty: bool,
}

impl Rejects {
    /// Makes the draft of the file, so that a place where no file can be made is an error at once.
    pub(crate) fn new(path: &Path, header: ByteRecord) -> Result<Rejects, TransferError> {
        let draft = Draft::new(path).map_err(file_error(path))?;
        Ok(Rejects { path: path.to_owned(), header, draft, is_empty: true })
    }

    /// Fails if there is a file of that name, which only the import that has written it may find.
    pub(crate) fn refuse_existing(&self) -> Result<(), TransferError> {
        if self.path.symlink_metadata().is_ok() { Err(exists_error(&self.path)) } else { Ok(()) }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, raw: &Raw, errors: &[RowError]) -> Result<(), TransferError> {
        let reason = joined(errors);
        self.write(raw, &reason).map_err(file_error(&self.path))
    }

    fn write(&mut self, raw: &Raw, reason: &str) -> io::Result<()> {
        if self.is_empty && !self.header.is_empty() {
            let header = csv_row(&with_first(&self.header, &self.header, REASON.as_bytes()))?;
            self.draft.write_all(&header)?;
        }
        self.is_empty = false;
        self.draft.write_all(&match raw {
            // In the first column, the reason does not shift the cells of a row with too few or too many of them.
            Raw::Record(record) => csv_row(&with_first(&self.header, record, reason.as_bytes()))?,
            Raw::Misquoted(bytes) => {
                // As it is: quoted in another way, it would be accepted uncorrected.
                let bytes = if has_reason(&self.header) { without_first_cell(bytes) } else { bytes };
                let reason = csv_row(&ByteRecord::from(vec![reason]))?;
                [reason.trim_ascii_end(), b",", bytes, b"\r\n"].concat()
            }
            Raw::Line(line) => [&with_reason(line, reason)[..], b"\n"].concat(),
        })
    }

    /// Completes the file and renames it to its final name.
    pub(crate) fn finish(mut self) -> Result<(), TransferError> {
        if self.is_empty {
            return Ok(());
        }
        if self.path.symlink_metadata().is_err() {
            // The stored progress of the import is deleted next, so the rename must be durable.
            return self.draft.keep().map_err(file_error(&self.path));
        }
        // An earlier run may have been interrupted right after the rename.
        if !self.draft.is_there().map_err(file_error(&self.path))? {
            return Err(exists_error(&self.path));
        }
        sync_name(&self.path).map_err(file_error(&self.path))
    }
}

fn csv_row(record: &ByteRecord) -> io::Result<Vec<u8>> {
    let mut writer = writer(Vec::new());
    writer.write_byte_record(record)?;
    writer.into_inner().map_err(|error| error.into_error())
}

/// Whether the first column is that of the reasons.
fn has_reason(header: &ByteRecord) -> bool {
    header.get(0).is_some_and(is_reason)
}

fn exists_error(path: &Path) -> TransferError {
    TransferError::failed(format!("{} already exists", path.display()))
}

/// Prepends a cell to a record, replacing an existing reason.
fn with_first(header: &ByteRecord, record: &ByteRecord, first: &[u8]) -> ByteRecord {
    let again = usize::from(has_reason(header));
    let mut with = ByteRecord::new();
    with.push_field(first);
    record.iter().skip(again).for_each(|cell| with.push_field(cell));
    with
}
