//! The records of a CSV file, none of them longer than a row may be. A quote that is never closed would make one record of
//! all that is left of the file.

use super::LONGEST;
use crate::Refusal;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::io::{self, Read};

/// The records of a file.
pub(super) struct Records<R> {
    reader: Reader<Bounded<R>>,
    number: u64,
}

/// Hands out so many bytes of a file and no more.
struct Bounded<R> {
    input: R,
    left: u64,
}

impl<R: Read> Records<R> {
    /// Begins to read.
    pub(super) fn new(input: R) -> Records<R> {
        let input = Bounded { input, left: 0 };
        Records { reader: ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input), number: 0 }
    }

    /// The number of the last record that was read; the first one is 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next record.
    pub(super) fn read(&mut self) -> Result<Option<ByteRecord>, Refusal> {
        self.number += 1;
        self.reader.get_mut().left = LONGEST;
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(true) => Ok(Some(record)),
            Ok(false) => Ok(None),
            Err(_) if self.reader.get_ref().left == 0 => Err(Refusal::refused(format!(
                "row {}: a row must be shorter than 1 MiB; is there a quote that is not closed?",
                self.number
            ))),
            Err(error) => Err(Refusal::refused(error)),
        }
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
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_end_is_refused_and_not_read_to_its_end() {
        const MUCH: u64 = 64 * LONGEST;
        for start in ["a,b\r\nc,d\r\n", "a,b\nc,d\n\n"] {
            let mut input = start.as_bytes().chain(&b"e,\""[..]).chain(io::repeat(b'\n')).take(MUCH);
            let mut records = Records::new(&mut input);
            for cells in [["a", "b"], ["c", "d"]] {
                assert_eq!(records.read().expect("is read"), Some(ByteRecord::from(&cells[..])));
            }
            let why = records.read().expect_err("has no end").why().to_owned();
            assert!(why.starts_with("row 3: ") && why.contains("quote"), "{why}");
            drop(records);
            assert!(MUCH - input.limit() < 2 * LONGEST, "{} bytes are left", input.limit());
        }
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
