//! Quoting in CSV, as RFC 4180 defines it. The CSV library reads any other quoting as well, but what it makes of it is a guess.

use std::fmt;

/// Where the quoting of a record departs from RFC 4180.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuoteError {
    /// The index of the cell.
    pub(crate) cell: usize,
    /// What is wrong with it.
    pub(crate) kind: QuoteErrorKind,
}

/// What is wrong with a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuoteErrorKind {
    /// A cell that does not begin with a quote contains one.
    InPlainCell,
    /// A quoted cell continues after its closing quote.
    AfterQuotedCell,
    /// The file ends in a quoted cell.
    Unclosed,
}

impl fmt::Display for QuoteErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QuoteErrorKind::InPlainCell => {
                "a quote in a cell that does not begin with one; put the cell in quotes and double each quote in it"
            }
            QuoteErrorKind::AfterQuotedCell => {
                "text after the closing quote of a cell; double each quote in it, and check for an unclosed quote before it"
            }
            QuoteErrorKind::Unclosed => "the quote that begins this cell is never closed",
        })
    }
}

#[derive(Clone, Copy)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first of two quotes.
    Closed,
}

/// Reads a record byte by byte.
struct Scanner {
    state: State,
    cell: usize,
}

impl Scanner {
    fn new() -> Scanner {
        Scanner { state: State::CellStart, cell: 0 }
    }

    fn step(&mut self, byte: u8) -> Result<(), QuoteError> {
        let is_line_break = matches!(byte, b'\r' | b'\n');
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::Closed,
            (State::Quoted, _) | (State::CellStart | State::Closed, b'"') => State::Quoted,
            (State::Plain, b'"') => return Err(self.error(QuoteErrorKind::InPlainCell)),
            (_, b',') => {
                self.cell += 1;
                State::CellStart
            }
            // Before the record, or at its end.
            _ if is_line_break => State::CellStart,
            (State::Closed, _) => return Err(self.error(QuoteErrorKind::AfterQuotedCell)),
            _ => State::Plain,
        };
        Ok(())
    }

    fn error(&self, kind: QuoteErrorKind) -> QuoteError {
        QuoteError { cell: self.cell, kind }
    }
}

/// Checks the bytes of one record.
pub(crate) fn check(record: &[u8]) -> Result<(), QuoteError> {
    let mut scanner = Scanner::new();
    record.iter().try_for_each(|byte| scanner.step(*byte))?;
    match scanner.state {
        State::Quoted => Err(scanner.error(QuoteErrorKind::Unclosed)),
        _ => Ok(()),
    }
}

/// The bytes of a record after its first cell; all of them if the quoting of that cell is wrong.
pub(crate) fn without_first_cell(record: &[u8]) -> &[u8] {
    let mut scanner = Scanner::new();
    for (index, byte) in record.iter().enumerate() {
        match scanner.step(*byte) {
            Err(_) => return record,
            Ok(()) if scanner.cell > 0 => return &record[index + 1..],
            Ok(()) => {}
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quoting_as_in_rfc_4180_passes() {
        for good in ["", "a,b", "\"a\",b\r\n", "\n\r\n\"a \"\"b\"\"\r\nc\",\"\"\n", "\"\"\"\"", "a\\,'b'", ",\"\","] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
        for (bad, cell, kind) in [
            ("\"Ann \\\"the\\\" Boss\",Acme", 0, QuoteErrorKind::AfterQuotedCell),
            ("a,\"b\" ,c", 1, QuoteErrorKind::AfterQuotedCell),
            ("a,b \"c\"", 1, QuoteErrorKind::InPlainCell),
            ("a, \"b\"", 1, QuoteErrorKind::InPlainCell),
            ("a,\"b\"\"", 1, QuoteErrorKind::Unclosed),
            ("\"a,b\nc,d\n", 0, QuoteErrorKind::Unclosed),
        ] {
            assert_eq!(check(bad.as_bytes()), Err(QuoteError { cell, kind }), "{bad}");
        }
    }

    #[test]
    fn the_first_cell_ends_at_the_first_comma_outside_quotes() {
        for (record, rest) in
            [("a,b,c", "b,c"), ("\"a,\"\"b\",c", "c"), ("a", ""), ("\"a,b", ""), ("", ""), ("a\"b,c", "a\"b,c")]
        {
            assert_eq!(without_first_cell(record.as_bytes()), rest.as_bytes(), "{record}");
        }
    }
}
