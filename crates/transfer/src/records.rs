//! CSV records with a maximum length. Without a maximum, an unclosed quote would turn the rest of the file into one record.

use crate::{
    error::TransferError,
    quoting::{self, QuoteError},
    row::MAX_ROW,
};
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::{
    collections::VecDeque,
    io::{self, Read},
};

/// The UTF-8 byte order mark, which is skipped at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its cells.
    pub(crate) cells: ByteRecord,
    /// An error in its quoting, with its bytes: then the cells are a guess of the library.
    pub(crate) misquoted: Option<(QuoteError, Vec<u8>)>,
}

/// The records of a file.
pub(crate) struct Records<R> {
    reader: Reader<Bounded<R>>,
    number: u64,
    /// The byte that ended the last record.
    end: u8,
}

/// A reader that stops after a number of bytes.
struct Bounded<R> {
    input: R,
    left: u64,
    /// The bytes that were read ahead, after the last record.
    ahead: VecDeque<u8>,
}

impl<R: Read> Records<R> {
    /// Reads from the start of a file.
    pub(crate) fn new(input: R) -> Records<R> {
        let input = Bounded { input, left: 0, ahead: VecDeque::new() };
        Records { reader: ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input), number: 0, end: 0 }
    }

    /// The number of the last record, as a spreadsheet shows it: the first row is 1, and empty lines count.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The number of bytes read.
    pub(crate) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next record.
    pub(crate) fn read(&mut self) -> Result<Option<Record>, TransferError> {
        self.number += 1;
        self.reader.get_mut().left = MAX_ROW;
        let (mut cells, before) = (ByteRecord::new(), self.position());
        let read = self.reader.read_byte_record(&mut cells);
        let (empty, misquoted) = self.consume(before);
        self.number += empty;
        match read {
            Ok(true) => Ok(Some(Record { cells, misquoted })),
            Ok(false) => Ok(None),
            Err(_) if self.reader.get_ref().left == 0 => Err(TransferError::failed(format!(
                "row {}: the row is longer than 1 MiB; check for an unclosed quote",
                self.number
            ))),
            Err(error) => Err(TransferError::failed(error)),
        }
    }
}

impl<R: Read> Records<R> {
    /// Consumes the bytes of the record that started at `before`. Returns the number of empty lines before it, and an error
    /// in its quoting with its bytes.
    fn consume(&mut self, before: u64) -> (u64, Option<(QuoteError, Vec<u8>)>) {
        let length = usize::try_from(self.position() - before).unwrap_or(usize::MAX);
        let ahead = &mut self.reader.get_mut().ahead;
        let (mut last, mut empty) = (self.end, 0);
        let mark = if before == 0 && ahead.iter().take(BYTE_ORDER_MARK.len()).eq(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        for byte in ahead.iter().skip(mark).take_while(|byte| matches!(byte, b'\r' | b'\n')) {
            // CR LF is one line break.
            empty += u64::from((last, *byte) != (b'\r', b'\n'));
            last = *byte;
        }
        let length = length.min(ahead.len());
        let mut misquoted = None;
        if ahead.iter().take(length).any(|byte| *byte == b'"') {
            let bytes: Vec<_> = ahead.iter().take(length).skip(mark).copied().collect();
            misquoted = quoting::check(&bytes).err().map(|error| (error, bytes.trim_ascii().to_vec()));
        }
        self.end = ahead.drain(..length).next_back().unwrap_or_default();
        (empty, misquoted)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("the row is too long"));
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.input.read(&mut buffer[..most])?;
        self.left -= read as u64;
        self.ahead.extend(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unclosed_quote_is_an_error_and_the_rest_of_the_file_is_not_read() {
        const MUCH: u64 = 64 * MAX_ROW;
        for (start, row) in [("a,b\r\nc,d\r\n", 3), ("a,b\nc,d\n\n", 4)] {
            let mut input = start.as_bytes().chain(&b"e,\""[..]).chain(io::repeat(b'\n')).take(MUCH);
            let mut records = Records::new(&mut input);
            for cells in [["a", "b"], ["c", "d"]] {
                let record = Record { cells: ByteRecord::from(&cells[..]), misquoted: None };
                assert_eq!(records.read().expect("is read"), Some(record));
            }
            let message = records.read().expect_err("has no end").to_string();
            assert!(message.starts_with(&format!("row {row}: ")) && message.contains("quote"), "{message}");
            drop(records);
            assert!(MUCH - input.limit() < 2 * MAX_ROW, "{} bytes are left", input.limit());
        }
    }

    #[test]
    fn records_are_numbered_like_rows_of_a_spreadsheet() {
        let file = "\u{feff}\na\n\nb\r\n\r\n\n\"x\r\n\ny\"\rc\n\r\nd\n\n\n\ne";
        let mut records = Records::new(file.as_bytes());
        for (cell, number) in [("a", 2), ("b", 4), ("x\r\n\ny", 7), ("c", 8), ("d", 10), ("e", 14)] {
            let record = records.read().expect("is read").expect("there is one");
            assert_eq!((&record.cells[0], records.number()), (cell.as_bytes(), number));
        }
        assert_eq!(records.read().expect("is read"), None);
    }

    #[test]
    fn the_length_limit_applies_to_each_record() {
        let long = "x".repeat(MAX_ROW as usize - 4);
        let mut records = Records::new(io::Cursor::new(format!("\"{long}\"\r\n").repeat(3) + &long));
        for number in 1..=4 {
            let record = records.read().expect("is read").expect("there is one");
            assert_eq!((record.cells.len(), record.cells[0].len(), records.number()), (1, long.len(), number));
        }
        assert_eq!(records.read().expect("is read"), None);
    }
}
