//! Reads and checks rows on a thread of its own, ahead of the import.

use super::{
    csv::{BlankRows, CsvRows},
    file::{check_content, file_error, format_of_content, format_of_name},
    jsonl::JsonRows,
    row::Row,
};
use crate::{
    CliError,
    cli::{Format, Import},
    commands::input::is_dash,
};
use ::csv::ByteRecord;
use aws_lc_rs::digest::{Context, SHA256};
use carnelian_app::transfer::BATCH;
use carnelian_domain::Rules;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    thread::{Builder, JoinHandle},
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The number of batches that are read ahead.
const AHEAD: usize = 2;

/// The size in bytes from which a batch takes no more rows.
const BATCH_BYTES: u64 = 4 << 20;

/// The number of bytes read at once.
const CHUNK: usize = 1 << 18;

/// Rows that are stored together.
pub(super) struct Batch {
    /// The rows, in order.
    pub(super) rows: Vec<Row>,
    /// The number of bytes read from the file so far.
    pub(super) read: u64,
    /// The rows without any text so far, which are left out.
    pub(super) blank: BlankRows,
}

/// A file that is being read.
pub(super) struct Source {
    /// Its format.
    pub(super) format: Format,
    /// The header of a CSV file.
    pub(super) header: ByteRecord,
    /// The digest of its content; `None` if it can be read only once.
    pub(super) digest: Option<Vec<u8>>,
    /// Its length in bytes, if it is a regular file.
    pub(super) bytes: Option<u64>,
    /// Its rows, ending with the error of a row that cannot be read.
    pub(super) batches: Receiver<Result<Batch, CliError>>,
    /// The thread that reads it.
    pub(super) reader: JoinHandle<()>,
}

/// Opens a file and starts reading it.
pub(super) fn open(import: &Import, rules: &Rules) -> Result<Source, CliError> {
    let path = &import.file;
    let mut input: BufReader<Box<dyn Read + Send>> = if is_dash(path) {
        BufReader::with_capacity(CHUNK, Box::new(io::stdin()))
    } else {
        BufReader::with_capacity(CHUNK, Box::new(File::open(path).map_err(file_error(path))?))
    };
    let (digest, bytes) = if is_dash(path) { (None, None) } else { digest(path).map_err(file_error(path))? };
    let start = input.fill_buf().map_err(file_error(path))?;
    let format = import.format.or_else(|| format_of_name(path)).unwrap_or_else(|| format_of_content(start));
    check_content(start, format).map_err(|why| CliError::failed(format!("{}: {why}", path.display())))?;
    let (batches, source) = channel(AHEAD);
    let (mut rows, header) = match format {
        Format::Csv => {
            let rows = CsvRows::new(input, rules)?;
            let header = rows.header().clone();
            (Rows::Csv(Box::new(rows)), header)
        }
        Format::Jsonl => (Rows::Json(JsonRows::new(input)), ByteRecord::new()),
    };
    let (rules, account) = (rules.clone(), import.account.clone());
    let thread = Builder::new().name("reader".into());
    let reader =
        thread.spawn(move || read_all(&mut rows, &rules, account.as_deref(), &batches)).map_err(CliError::failed)?;
    Ok(Source { format, header, digest, bytes, batches: source, reader })
}

/// The digest and the length of a regular file; neither for a pipe, which can be read only once.
fn digest(path: &Path) -> io::Result<(Option<Vec<u8>>, Option<u64>)> {
    if !path.metadata()?.is_file() {
        return Ok((None, None));
    }
    let (mut file, mut chunk, mut length) = (File::open(path)?, vec![0; CHUNK], 0);
    let mut context = Context::new(&SHA256);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((Some(context.finish().as_ref().to_vec()), Some(length))),
            read => {
                context.update(&chunk[..read]);
                length += read as u64;
            }
        }
    }
}

enum Rows {
    Csv(Box<CsvRows<BufReader<Box<dyn Read + Send>>>>),
    Json(JsonRows<BufReader<Box<dyn Read + Send>>>),
}

impl Rows {
    fn next(&mut self, rules: &Rules, account: Option<&str>) -> Result<Option<Row>, CliError> {
        match self {
            Rows::Csv(rows) => rows.next(rules, account),
            Rows::Json(rows) => rows.next(rules, account),
        }
    }

    fn blank(&self) -> BlankRows {
        match self {
            Rows::Csv(rows) => rows.blank(),
            Rows::Json(_) => BlankRows::default(),
        }
    }

    fn position(&self) -> u64 {
        match self {
            Rows::Csv(rows) => rows.position(),
            Rows::Json(rows) => rows.position(),
        }
    }
}

/// What follows a batch.
enum Then {
    More,
    End,
    /// The next row cannot be read, nor any row after it.
    Unreadable(CliError),
}

/// Sends all rows, until the end of the file or until the import has ended.
fn read_all(rows: &mut Rows, rules: &Rules, account: Option<&str>, batches: &Sender<Result<Batch, CliError>>) {
    loop {
        let (batch, then) = read_batch(rows, rules, account);
        let has_rows = !batch.rows.is_empty() || batch.blank.count > 0;
        if has_rows && batches.blocking_send(Ok(batch)).is_err() {
            return;
        }
        match then {
            Then::More => {}
            Then::End => return,
            // The import may have ended.
            Then::Unreadable(error) => return drop(batches.blocking_send(Err(error))),
        }
    }
}

fn read_batch(rows: &mut Rows, rules: &Rules, account: Option<&str>) -> (Batch, Then) {
    let (mut batch, end, mut then) = (Vec::with_capacity(BATCH), rows.position() + BATCH_BYTES, Then::More);
    while batch.len() < BATCH && rows.position() < end {
        match rows.next(rules, account) {
            Ok(Some(row)) => batch.push(row),
            Ok(None) => then = Then::End,
            Err(error) => then = Then::Unreadable(error),
        }
        if !matches!(then, Then::More) {
            break;
        }
    }
    (Batch { rows: batch, read: rows.position(), blank: rows.blank() }, then)
}
