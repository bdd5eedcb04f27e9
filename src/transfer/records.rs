//! The records of a CSV file, none of them longer than a row may be. A quote that is never closed would make one record of
//! all that is left of the file.

use super::LONGEST;
use crate::CliError;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::{
    collections::VecDeque,
    io::{self, Read},
};

/// What a file may begin with and does not count.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The records of a file.
pub(super) struct Records<R> {
    reader: Reader<Bounded<R>>,
    number: u64,
    /// The byte that ended the last record.
    end: u8,
}

/// Hands out so many bytes of a file and no more.
struct Bounded<R> {
    input: R,
    left: u64,
    /// What was handed out behind the last record.
    ahead: VecDeque<u8>,
}

impl<R: Read> Records<R> {
    /// Begins to read.
    pub(super) fn new(input: R) -> Records<R> {
        let input = Bounded { input, left: 0, ahead: VecDeque::new() };
        Records { reader: ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input), number: 0, end: 0 }
    }

    /// The number of the last record that was read, as a table shows it: the first row is 1, and empty lines count.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next record.
    pub(super) fn read(&mut self) -> Result<Option<ByteRecord>, CliError> {
        self.number += 1;
        self.reader.get_mut().left = LONGEST;
        let (mut record, before) = (ByteRecord::new(), self.position());
        let read = self.reader.read_byte_record(&mut record);
        self.number += self.pass(before);
        match read {
            Ok(true) => Ok(Some(record)),
            Ok(false) => Ok(None),
            Err(_) if self.reader.get_ref().left == 0 => Err(CliError::failed(format!(
                "row {}: a row must be shorter than 1 MiB; is there a quote that is not closed?",
                self.number
            ))),
            Err(error) => Err(CliError::failed(error)),
        }
    }
}

impl<R: Read> Records<R> {
    /// Passes over the bytes of a record that began at a position; says how many empty lines stood before it.
    fn pass(&mut self, before: u64) -> u64 {
        let length = usize::try_from(self.position() - before).unwrap_or(usize::MAX);
        let ahead = &mut self.reader.get_mut().ahead;
        let (mut last, mut empty) = (self.end, 0);
        let mark = if before == 0 && ahead.iter().take(BYTE_ORDER_MARK.len()).eq(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        for byte in ahead.iter().skip(mark).take_while(|byte| matches!(byte, b'\r' | b'\n')) {
            // Both together end one line.
            empty += u64::from((last, *byte) != (b'\r', b'\n'));
            last = *byte;
        }
        self.end = ahead.drain(..length.min(ahead.len())).next_back().unwrap_or_default();
        empty
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("a row has used up what it may have"));
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
    fn a_record_without_an_end_is_refused_and_not_read_to_its_end() {
        const MUCH: u64 = 64 * LONGEST;
        for (start, row) in [("a,b\r\nc,d\r\n", 3), ("a,b\nc,d\n\n", 4)] {
            let mut input = start.as_bytes().chain(&b"e,\""[..]).chain(io::repeat(b'\n')).take(MUCH);
            let mut records = Records::new(&mut input);
            for cells in [["a", "b"], ["c", "d"]] {
                assert_eq!(records.read().expect("is read"), Some(ByteRecord::from(&cells[..])));
            }
            let why = records.read().expect_err("has no end").message().to_owned();
            assert!(why.starts_with(&format!("row {row}: ")) && why.contains("quote"), "{why}");
            drop(records);
            assert!(MUCH - input.limit() < 2 * LONGEST, "{} bytes are left", input.limit());
        }
    }

    #[test]
    fn a_record_has_the_number_of_its_row_in_a_table() {
        let file = "\u{feff}\na\n\nb\r\n\r\n\n\"x\r\n\ny\"\rc\n\r\nd\n\n\n\ne";
        let mut records = Records::new(file.as_bytes());
        for (cell, number) in [("a", 2), ("b", 4), ("x\r\n\ny", 7), ("c", 8), ("d", 10), ("e", 14)] {
            let record = records.read().expect("is read").expect("there is one");
            assert_eq!((&record[0], records.number()), (cell.as_bytes(), number));
        }
        assert_eq!(records.read().expect("is read"), None);
    }

    #[test]
    fn records_may_have_nearly_as_many_bytes_as_are_allowed_one_after_the_other() {
        let long = "x".repeat(LONGEST as usize - 4);
        let mut records = Records::new(io::Cursor::new(format!("\"{long}\"\r\n").repeat(3) + &long));
        for number in 1..=4 {
            let record = records.read().expect("is read").expect("there is one");
            assert_eq!((record.len(), record[0].len(), records.number()), (1, long.len(), number));
        }
        assert_eq!(records.read().expect("is read"), None);
    }
}
