//! CSV: a header of field paths, as the API names them in violations, and one row per customer.
//!
//! A cell is a text, but a customer also distinguishes missing and empty texts, and missing and empty objects:
//!
//! | cell | meaning |
//! |---|---|
//! | empty | the field is missing |
//! | `\` | an empty text |
//! | `\N` | the field is missing, and its contact or address exists |
//! | `\\…` | a text that starts with one backslash |
//! | anything else | the text itself |

use crate::{
    error::TransferError,
    quoting::QuoteErrorKind,
    records::{Record, Records},
    row::{REASON, Raw, Row, RowError, check},
};
use carnelian_app::customers::CustomerDetails;
use carnelian_domain::{
    Problem, RawCustomer, RawText, Rules, Text,
    rules::{ADDRESS_FIELDS, CONTACT_FIELDS},
};
use csv::{ByteRecord, Terminator, WriterBuilder};
use std::io::{Read, Write};

/// A missing field of an object that exists.
const NULL: &str = "\\N";

/// An empty text.
const EMPTY: &str = "\\";

/// A column of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    AccountName,
    SecurityQuestion,
    SecurityAnswer,
    ShipToBillAddress,
    Contact {
        index: usize,
        field: usize,
    },
    Billing(usize),
    Shipping(usize),
    /// A column that a read or a file of rejected rows adds.
    Ignored,
}

/// All columns with their names, in the order of an export.
fn columns(rules: &Rules) -> Vec<(String, Column)> {
    let mut columns = vec![
        (rules.name.field.to_owned(), Column::Name),
        (rules.account_name.field.to_owned(), Column::AccountName),
        (rules.security_question.field.to_owned(), Column::SecurityQuestion),
        (rules.security_answer.field.to_owned(), Column::SecurityAnswer),
        ("shipToBillAddress".to_owned(), Column::ShipToBillAddress),
    ];
    for index in 0..rules.max_contacts {
        let fields = rules.contact.iter().enumerate();
        columns.extend(
            fields.map(|(field, rule)| (format!("contacts[{index}].{}", rule.field), Column::Contact { index, field })),
        );
    }
    let address = |name: &'static str, column: fn(usize) -> Column| {
        let fields = rules.address.iter().enumerate();
        fields.map(move |(field, rule)| (format!("{name}.{}", rule.field), column(field)))
    };
    columns.extend(address("billingAddress", Column::Billing));
    columns.extend(address("shippingAddress", Column::Shipping));
    columns
}

/// The separators that other files have in place of commas, and their names.
const OTHER_SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")];

/// The rows of a CSV file.
pub struct CsvRows<R> {
    records: Records<R>,
    header: ByteRecord,
    columns: Vec<Column>,
    blank: BlankRows,
}

/// The rows of a file that have no text in any cell, which spreadsheets append to their tables.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlankRows {
    /// How many there are.
    pub(crate) count: u64,
    /// The number of the first one.
    pub(crate) first: u64,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header. An unknown or repeated column is an error. Names may differ in case and surrounding white space.
    pub fn new(input: R, rules: &Rules) -> Result<CsvRows<R>, TransferError> {
        let mut records = Records::new(input);
        let header = records.read()?;
        let Record { cells: mut header, misquoted } =
            header.ok_or_else(|| TransferError::failed("the file is empty; expected a CSV header"))?;
        let at = |cell: usize, why: String| {
            TransferError::failed(format!("row {}: column {}: {why}", records.number(), cell + 1))
        };
        if let Some((error, _)) = misquoted {
            return Err(at(error.cell, error.kind.to_string()));
        }
        // Spreadsheets append empty cells to a row.
        header.truncate(header.iter().rposition(|cell| !cell.trim_ascii().is_empty()).map_or(0, |last| last + 1));
        if header.is_empty() {
            return Err(at(0, "the header names no column".to_owned()));
        }
        let known = columns(rules);
        let mut columns = Vec::new();
        for (index, cell) in header.iter().enumerate() {
            let name = std::str::from_utf8(cell).map_err(|_| at(index, not_utf8(cell)))?;
            let column = column(name.trim(), &known).ok_or_else(|| at(index, unknown_column(name)))?;
            if column != Column::Ignored && columns.contains(&column) {
                return Err(at(index, format!("duplicate column {name:?}")));
            }
            columns.push(column);
        }
        Ok(CsvRows { records, header, columns, blank: BlankRows::default() })
    }

    /// The header.
    pub(crate) fn header(&self) -> &ByteRecord {
        &self.header
    }

    /// The number of bytes read.
    pub(crate) fn position(&self) -> u64 {
        self.records.position()
    }

    /// The rows without any text that were skipped.
    pub(crate) fn blank(&self) -> BlankRows {
        self.blank
    }

    /// The next row. Rows without any text are counted and skipped.
    pub fn next(&mut self, rules: &Rules, account: Option<&str>) -> Result<Option<Row>, TransferError> {
        loop {
            let Some(Record { cells, misquoted }) = self.records.read()? else { return Ok(None) };
            let number = self.records.number();
            if let Some((error, bytes)) = misquoted {
                let row_error = RowError::new(self.column_name(error.cell), error.kind.to_string());
                if error.kind == QuoteErrorKind::Unclosed {
                    return Err(TransferError::failed(format!("row {number}: {row_error}")));
                }
                return Ok(Some(Row { number, raw: Raw::Misquoted(bytes), checked: Err(vec![row_error]) }));
            }
            if cells.iter().all(<[u8]>::is_empty) {
                self.blank.first = if self.blank.count == 0 { number } else { self.blank.first };
                self.blank.count += 1;
                continue;
            }
            let checked = self.check_encoding(&cells);
            let checked = checked.and_then(|()| raw_customer(rules, &self.columns, &cells));
            let checked = checked.and_then(|raw| check(rules, raw, account));
            return Ok(Some(Row { number, raw: Raw::Record(cells), checked }));
        }
    }

    /// The name of a column, for messages.
    fn column_name(&self, index: usize) -> String {
        let name = self.header.get(index).map(|name| String::from_utf8_lossy(name).trim().to_owned());
        name.unwrap_or_else(|| format!("column {}", index + 1))
    }

    fn check_encoding(&self, cells: &ByteRecord) -> Result<(), Vec<RowError>> {
        let bad = cells.iter().enumerate().filter(|(_, cell)| std::str::from_utf8(cell).is_err());
        let errors: Vec<_> = bad.map(|(index, cell)| RowError::new(self.column_name(index), not_utf8(cell))).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// The column that a header names.
fn column(name: &str, known: &[(String, Column)]) -> Option<Column> {
    let ignored = is_reason(name.as_bytes()) || name.eq_ignore_ascii_case("customerId");
    let known = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, column)| *column);
    known.or(ignored.then_some(Column::Ignored))
}

/// Whether a cell of the header names the column of the reasons.
pub(crate) fn is_reason(name: &[u8]) -> bool {
    name.trim_ascii().eq_ignore_ascii_case(REASON.as_bytes())
}

fn unknown_column(name: &str) -> String {
    let separators = OTHER_SEPARATORS.iter().find(|(separator, _)| name.contains(*separator));
    let advice = match separators {
        Some((_, separators)) => format!("the cells are separated by {separators}; separate them by commas"),
        None if name.trim().is_empty() => "it needs a name, or be removed".to_owned(),
        None => "expected a field path such as \"contacts[0].name\"".to_owned(),
    };
    format!("unknown column {name:?}: {advice}")
}

/// The error of a text that is not UTF-8.
pub(crate) fn not_utf8(text: &[u8]) -> String {
    let at = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), |text| text.len());
    let byte = text.get(at).copied().unwrap_or_default();
    format!("not UTF-8 (byte {byte:02X}, as in a file in Windows-1252 or ISO 8859-1); convert the file to UTF-8")
}

/// The meaning of a cell.
#[derive(Clone, Copy)]
enum Cell<'a> {
    Absent,
    Null,
    Text(RawText<'a>),
}

fn cell(bytes: &[u8]) -> Cell<'_> {
    match std::str::from_utf8(bytes) {
        Ok("") => Cell::Absent,
        Ok(NULL) => Cell::Null,
        Ok(EMPTY) => Cell::Text(RawText::Text("")),
        Ok(text) if text.starts_with("\\\\") => Cell::Text(RawText::Text(&text[1..])),
        Ok(text) => Cell::Text(RawText::Text(text)),
        // Refused before, with its own error.
        Err(_) => Cell::Text(RawText::WrongType),
    }
}

impl<'a> Cell<'a> {
    fn text(self) -> RawText<'a> {
        match self {
            Cell::Absent | Cell::Null => RawText::Absent,
            Cell::Text(text) => text,
        }
    }

    /// Sets a field of an object, which thereby exists unless the cell is empty.
    fn put<const N: usize>(self, object: &mut Option<[RawText<'a>; N]>, field: usize) {
        if !matches!(self, Cell::Absent) {
            object.get_or_insert([RawText::Absent; N])[field] = self.text();
        }
    }
}

fn raw_customer<'a>(
    rules: &Rules,
    columns: &[Column],
    record: &'a ByteRecord,
) -> Result<RawCustomer<'a>, Vec<RowError>> {
    // Empty cells at the end of a row may be missing, and may be too many.
    if record.iter().skip(columns.len()).any(|cell| !cell.is_empty()) {
        let message = format!("the row has {} cells, the header has {}", record.len(), columns.len());
        return Err(vec![RowError::new("", message)]);
    }
    if let Some(separators) = other_separators(columns, record) {
        return Err(vec![RowError::new(
            "",
            format!("the cells are separated by {separators}; separate them by commas"),
        )]);
    }
    let mut raw = RawCustomer::default();
    let mut contacts: Vec<Option<[RawText<'a>; CONTACT_FIELDS]>> = vec![None; rules.max_contacts];
    for (column, bytes) in columns.iter().zip(record) {
        let cell = cell(bytes);
        match *column {
            Column::Name => raw.name = cell.text(),
            Column::AccountName => raw.account_name = cell.text(),
            Column::SecurityQuestion => raw.security_question = cell.text(),
            Column::SecurityAnswer => raw.security_answer = cell.text(),
            Column::ShipToBillAddress => raw.ship_to_bill_address = boolean(cell.text())?,
            Column::Contact { index, field } => cell.put(&mut contacts[index], field),
            Column::Billing(field) => cell.put::<ADDRESS_FIELDS>(&mut raw.billing_address, field),
            Column::Shipping(field) => cell.put::<ADDRESS_FIELDS>(&mut raw.shipping_address, field),
            Column::Ignored if bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r')) => {
                return Err(vec![line_break_error()]);
            }
            Column::Ignored => {}
        }
    }
    // A contact before another one exists even if its cells are empty.
    let count = contacts.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    raw.contacts = contacts.into_iter().take(count).map(Option::unwrap_or_default).collect();
    Ok(raw)
}

/// The separators of a row that has one cell, if it is not separated by commas.
fn other_separators(columns: &[Column], record: &ByteRecord) -> Option<&'static str> {
    let only = record.get(0).filter(|_| record.len() == 1 && columns.len() > 1)?;
    let has = |(separator, _): &&(char, &str)| only.iter().any(|byte| char::from(*byte) == *separator);
    OTHER_SEPARATORS.iter().find(has).map(|(_, name)| *name)
}

/// In other columns the rules reject a line break. In an ignored column, an unclosed quote would silently swallow rows.
fn line_break_error() -> RowError {
    let message = "a line break in an ignored column; check for an unclosed quote".to_owned();
    RowError::new("", message)
}

fn boolean(text: RawText<'_>) -> Result<bool, Vec<RowError>> {
    match text {
        RawText::Absent => Ok(false),
        RawText::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        RawText::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        RawText::Text(_) | RawText::WrongType => {
            let (field, code) = ("shipToBillAddress".to_owned(), Problem::MalformedJson.code());
            Err(vec![RowError { field, code, message: "Expected true or false.".to_owned() }])
        }
    }
}

/// Writes customers as CSV.
pub struct CsvWriter<W: Write> {
    writer: csv::Writer<W>,
    columns: Vec<Column>,
}

/// A writer of CSV records.
pub(crate) fn writer<W: Write>(output: W) -> csv::Writer<W> {
    WriterBuilder::new().terminator(Terminator::CRLF).flexible(true).from_writer(output)
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header.
    pub fn new(output: W, rules: &Rules) -> Result<CsvWriter<W>, csv::Error> {
        let (names, columns): (Vec<_>, Vec<_>) = columns(rules).into_iter().unzip();
        let mut writer = writer(output);
        writer.write_record(&names)?;
        Ok(CsvWriter { writer, columns })
    }

    /// Writes a customer.
    pub fn write(&mut self, customer: &CustomerDetails) -> Result<(), csv::Error> {
        for column in &self.columns {
            write_cell(&mut self.writer, customer, *column)?;
        }
        self.writer.write_record(None::<&[u8]>)
    }

    /// Writes buffered data.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

fn write_cell(
    writer: &mut csv::Writer<impl Write>,
    customer: &CustomerDetails,
    column: Column,
) -> Result<(), csv::Error> {
    let details = &customer.details;
    let text = |text: &Option<Text>| encoded(text.as_ref().map(Text::as_str));
    match column {
        Column::Name => writer.write_field(encoded(Some(&customer.name))),
        Column::AccountName => writer.write_field(encoded(Some(&customer.account_name))),
        Column::SecurityQuestion => writer.write_field(text(&details.security_question)),
        Column::SecurityAnswer => writer.write_field(text(&details.security_answer)),
        Column::ShipToBillAddress => writer.write_field(customer.ship_to_bill_address.to_string()),
        Column::Contact { index, field } => {
            writer.write_field(object_field(details.contacts.get(index).map(|contact| &contact.0[..]), field))
        }
        Column::Billing(field) => {
            writer.write_field(object_field(details.billing_address.as_ref().map(|address| &address.0[..]), field))
        }
        Column::Shipping(field) => {
            writer.write_field(object_field(details.shipping_address.as_ref().map(|address| &address.0[..]), field))
        }
        Column::Ignored => Ok(()),
    }
}

/// A field of an object. The first field of an object without any text marks its existence.
fn object_field(object: Option<&[Option<Text>]>, field: usize) -> String {
    match object {
        None => String::new(),
        Some(texts) if field == 0 && texts.iter().all(Option::is_none) => NULL.to_owned(),
        Some(texts) => encoded(texts[field].as_ref().map(Text::as_str)),
    }
}

fn encoded(text: Option<&str>) -> String {
    match text {
        None => String::new(),
        Some("") => EMPTY.to_owned(),
        Some(text) if text.starts_with('\\') => format!("\\{text}"),
        Some(text) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_round_trip() {
        for text in ["", "\\", "\\N", "\\\\", "\\\\N", "N", " ", "=1+1", "a\"b,c", "\\x", "😀"] {
            let encoded = encoded(Some(text));
            assert!(matches!(cell(encoded.as_bytes()), Cell::Text(RawText::Text(read)) if read == text), "{text:?}");
        }
        assert!(matches!(cell(encoded(None).as_bytes()), Cell::Absent));
        assert!(matches!(cell(b"\\x"), Cell::Text(RawText::Text("\\x"))), "a single backslash is literal");
    }
}
