//! Reads and checks rows on a thread of its own, ahead of the import.

use crate::{
    csv::{BlankRows, CsvRows},
    error::{TransferError, file_error},
    file_format::{check_content, format_of_content, format_of_name},
    jsonl::JsonRows,
    row::Row,
};
use ::csv::ByteRecord;
use aws_lc_rs::digest::{Context, SHA256};
use carnelian_app::transfer::{BATCH, FileFormat};
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
pub(crate) struct Batch {
    /// The rows, in order.
    pub(crate) rows: Vec<Row>,
    /// The number of bytes read from the file so far.
    pub(crate) read: u64,
    /// The rows without any text so far, which are left out.
    pub(crate) blank: BlankRows,
}

/// A file that is being read.
pub(crate) struct Source {
    /// Its format.
    pub(crate) format: FileFormat,
    /// The header of a CSV file.
    pub(crate) header: ByteRecord,
    /// The digest of its content; `None` if it can be read only once.
    pub(crate) digest: Option<Vec<u8>>,
    /// Its length in bytes, if it is a regular file.
    pub(crate) bytes: Option<u64>,
    /// Its rows, ending with the error of a row that cannot be read.
    pub(crate) batches: Receiver<Result<Batch, TransferError>>,
    /// The thread that reads it.
    pub(crate) reader: JoinHandle<()>,
}

/// Opens a file, or stdin, and starts reading it.
pub(crate) fn open(
    path: Option<&Path>,
    format: Option<FileFormat>,
    account: Option<&str>,
    rules: &Rules,
) -> Result<Source, TransferError> {
    let shown = path.unwrap_or(Path::new("-"));
    let mut input: BufReader<Box<dyn Read + Send>> = match path {
        None => BufReader::with_capacity(CHUNK, Box::new(io::stdin())),
        Some(path) => BufReader::with_capacity(CHUNK, Box::new(File::open(path).map_err(file_error(path))?)),
    };
    let (digest, bytes) = match path {
        None => (None, None),
        Some(path) => digest(path).map_err(file_error(path))?,
    };
    let start = input.fill_buf().map_err(file_error(shown))?;
    let format = format.or_else(|| path.and_then(format_of_name)).unwrap_or_else(|| format_of_content(start));
    check_content(start, format).map_err(|why| TransferError::failed(format!("{}: {why}", shown.display())))?;
    let (batches, source) = channel(AHEAD);
    let (mut rows, header) = match format {
        FileFormat::Csv => {
            let rows = CsvRows::new(input, rules)?;
            let header = rows.header().clone();
            (Rows::Csv(Box::new(rows)), header)
        }
        FileFormat::Jsonl => (Rows::Json(JsonRows::new(input)), ByteRecord::new()),
    };
    let (rules, account) = (rules.clone(), account.map(str::to_owned));
    let thread = Builder::new().name("reader".into());
    let reader = thread
        .spawn(move || read_all(&mut rows, &rules, account.as_deref(), &batches))
        .map_err(TransferError::failed)?;
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
    fn next(&mut self, rules: &Rules, account: Option<&str>) -> Result<Option<Row>, TransferError> {
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
    Unreadable(TransferError),
}

/// Sends all rows, until the end of the file or until the import has ended.
fn read_all(rows: &mut Rows, rules: &Rules, account: Option<&str>, batches: &Sender<Result<Batch, TransferError>>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of rows of each batch of a file, whose rows must be there once and in order.
    fn batches(mut rows: Rows, first: u64, length: u64) -> Vec<usize> {
        let rules = Rules::default();
        let (mut sizes, mut next, mut read) = (Vec::new(), first, 0);
        loop {
            let (batch, then) = read_batch(&mut rows, &rules, None);
            for row in &batch.rows {
                assert_eq!((row.number, row.checked.is_ok()), (next, true));
                next += 1;
            }
            sizes.push(batch.rows.len());
            assert!(batch.read >= read);
            read = batch.read;
            match then {
                Then::More => {}
                Then::End => break,
                Then::Unreadable(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(read, length);
        sizes.retain(|size| *size > 0);
        sizes
    }

    fn input(text: String) -> BufReader<Box<dyn Read + Send>> {
        BufReader::new(Box::new(io::Cursor::new(text)))
    }

    #[test]
    fn a_batch_takes_a_thousand_rows_and_no_row_is_left_out_between_two() {
        for count in [1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH - 1, 2 * BATCH, 2 * BATCH + 1] {
            let mut expected = vec![BATCH; count / BATCH];
            expected.extend(Some(count % BATCH).filter(|rest| *rest > 0));
            let lines: String = (0..count).map(|n| format!("{{\"name\":\"C{n}\",\"accountName\":\"A\"}}\n")).collect();
            let length = lines.len() as u64;
            assert_eq!(batches(Rows::Json(JsonRows::new(input(lines))), 1, length), expected, "{count} lines");
            let table = (0..count).fold("name,accountName\n".to_owned(), |table, n| table + &format!("C{n},A\n"));
            let length = table.len() as u64;
            let rows = CsvRows::new(input(table), &Rules::default()).expect("a header");
            assert_eq!(batches(Rows::Csv(Box::new(rows)), 2, length), expected, "{count} rows of a table");
        }
    }

    #[test]
    fn a_batch_takes_no_more_rows_once_it_has_four_mebibytes() {
        const ROWS: usize = 8;
        let usual = BATCH_BYTES as usize / ROWS;
        for (length, expected) in
            [(usual - 1, [ROWS + 1, ROWS]), (usual, [ROWS, ROWS + 1]), (usual + 1, [ROWS, ROWS + 1])]
        {
            let line = |number: usize| {
                let start = format!("{{\"name\":\"C{number:02}\",\"accountName\":\"A\",\"other\":\"");
                format!("{start}{}\"}}\n", "x".repeat(length - start.len() - 3))
            };
            let lines: String = (0..2 * ROWS + 1).map(line).collect();
            let total = lines.len() as u64;
            assert_eq!(total, (length * (2 * ROWS + 1)) as u64);
            let mut found = batches(Rows::Json(JsonRows::new(input(lines))), 1, total);
            // The rest of the second batch, which is a third one where the bytes are just enough.
            let rest: usize = found.drain(1..).sum();
            assert_eq!([found[0], rest], expected, "lines of {length} bytes");
        }
    }
}
