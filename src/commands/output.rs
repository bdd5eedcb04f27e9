//! Output: results go to stdout, messages to stderr. If the reader of stdout closes the pipe, a command ends silently.

use crate::{CliError, seconds::Seconds};
use carnelian_domain::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;
use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
    os::fd::AsFd,
};

/// The units of sizes, the largest first, and their bytes.
const UNITS: [(&str, u64); 4] = [("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)];

/// The text with every character escaped that a terminal could act on: control characters other than a line break, and
/// the characters that change the direction of text. They are escaped as in JSON, so JSON keeps its meaning.
///
/// Names may contain such characters: only the ASCII control characters are forbidden in them.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_escaped(character) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn is_escaped(character: char) -> bool {
    let is_bidirectional =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_bidirectional || (character.is_control() && character != '\n')
}

/// Prints one line to stdout.
pub(crate) fn print_result(line: impl std::fmt::Display) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(stdout_error)
}

/// Writes bytes to stdout as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(stdout_error)
}

/// An error of writing to stdout.
pub(crate) fn stdout_error(error: impl Into<io::Error>) -> CliError {
    let error = error.into();
    match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::StdoutClosed,
        _ => CliError::failed(format!("stdout: {error}")),
    }
}

/// A number of things: `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Prints a message to stderr. Errors are ignored: a closed stderr does not stop a command.
pub(crate) fn print_message(message: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{}", printable(&message.to_string()));
}

/// Prints a listing as JSON or as an aligned table.
pub(crate) fn print_listing(json: bool, columns: &[&str], rows: Vec<Vec<Value>>) -> Result<(), CliError> {
    if json {
        let objects: Vec<_> = rows.into_iter().map(|row| object(columns, row)).collect();
        let text = serde_json::to_string_pretty(&objects).map_err(CliError::failed)?;
        return print_result(printable(&text));
    }
    let mut table = vec![columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| row.iter().map(cell).collect()));
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns.len()).map(width).collect();
    for row in &table {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        print_result(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints a row of a listing whose other rows are not known yet: a line of JSON, or its cells.
pub(crate) fn print_row(json: bool, columns: &[&str], row: Vec<Value>) -> Result<(), CliError> {
    if json {
        let text = serde_json::to_string(&object(columns, row)).map_err(CliError::failed)?;
        return print_result(printable(&text));
    }
    print_result(row.iter().map(cell).collect::<Vec<_>>().join("  "))
}

/// Whether the reader of stdout has closed it.
pub(crate) fn is_stdout_closed() -> bool {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let closed = PollFlags::POLLERR | PollFlags::POLLHUP;
    poll(&mut polled, PollTimeout::ZERO).is_ok() && polled[0].revents().is_some_and(|events| events.intersects(closed))
}

fn object(columns: &[&str], row: Vec<Value>) -> serde_json::Map<String, Value> {
    columns.iter().map(|column| (*column).to_owned()).zip(row).collect()
}

/// How a column of a listing shows the value of a document of the administration API.
#[derive(Clone, Copy)]
pub(crate) enum Cell {
    /// As it is.
    Same,
    /// Digits as a number.
    Number,
    /// A list without entries as null.
    List,
    /// Of each object in a list the text of this key.
    Names(&'static str),
}

/// The columns of a listing: each shows the value of the key that it is called by.
pub(crate) type Columns = [(&'static str, Cell)];

/// Prints documents of the administration API as a listing.
pub(crate) fn print_documents(json: bool, columns: &Columns, documents: &[Value]) -> Result<(), CliError> {
    print_listing(json, &names_of(columns), documents.iter().map(|document| row_of(columns, document)).collect())
}

/// The names of columns.
pub(crate) fn names_of(columns: &Columns) -> Vec<&'static str> {
    columns.iter().map(|(name, _)| *name).collect()
}

/// What columns show of a document.
pub(crate) fn row_of(columns: &Columns, document: &Value) -> Vec<Value> {
    let shown = |(name, cell): &(&str, Cell)| {
        let value = &document[*name];
        match cell {
            Cell::Same => value.clone(),
            Cell::Number => {
                value.as_str().and_then(|digits| digits.parse::<u64>().ok()).map_or(Value::Null, Value::from)
            }
            Cell::List if value.as_array().is_some_and(Vec::is_empty) => Value::Null,
            Cell::List => value.clone(),
            Cell::Names(key) => value.as_array().into_iter().flatten().map(|object| object[*key].clone()).collect(),
        }
    };
    columns.iter().map(shown).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text).into_owned(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A moment and how long ago it was.
pub(crate) fn age_of(moment: Timestamp, now: Timestamp) -> String {
    let ago = now.0.saturating_sub(moment.0).max(0).unsigned_abs() / 1000;
    format!("{}, {} ago", moment.to_iso8601(), span(ago))
}

/// Seconds in their largest unit, rounded down.
pub(crate) fn span(seconds: u64) -> String {
    let unit = [24 * 60 * 60, 60 * 60, 60].into_iter().find(|unit| seconds >= *unit).unwrap_or(1);
    match seconds - seconds % unit {
        0 => "0s".to_owned(),
        whole => Seconds(whole).to_string(),
    }
}

/// A number of bytes in its largest unit.
pub(crate) fn size(bytes: u64) -> String {
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_could_act_on_is_escaped_as_in_json() {
        let name = "A\u{85}\u{9b}31m\u{202e}\u{2066}\u{200f}\u{61c}\u{7f}\u{1b}\t\r";
        let escaped = printable(name);
        assert_eq!(escaped, r"A\u0085\u009b31m\u202e\u2066\u200f\u061c\u007f\u001b\u0009\u000d");
        assert_eq!(serde_json::from_str::<String>(&format!("\"{escaped}\"")).expect("a string"), name);
        for plain in ["two\nlines", "Zoë", "שלום", "😀\u{200d}"] {
            assert_eq!(printable(plain), plain);
        }
    }

    #[test]
    fn sizes_and_spans_are_shown_in_their_largest_unit() {
        for (bytes, shown) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 kB"), (5 << 30, "5.0 GB")] {
            assert_eq!(size(bytes), shown);
        }
        for (seconds, shown) in [(0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (90_000, "1d")] {
            assert_eq!(span(seconds), shown);
        }
    }
}
