//! JSON Lines: one customer per line, in the form of the API.

use crate::{
    csv::not_utf8,
    error::TransferError,
    row::{MAX_ROW, REASON, Raw, Row, RowError, check},
};
use carnelian_app::{Failure, customers::CustomerDetails};
use carnelian_domain::{Address, CustomerDraft, Problem, Rules};
use carnelian_http::{
    Contacts, Fields,
    json::{self, NotWellFormed},
    raw_customer, shown,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::io::{BufRead, Read, Write};

/// The rows of a JSON Lines file.
pub struct JsonRows<R> {
    input: R,
    number: u64,
    position: u64,
}

impl<R: BufRead> JsonRows<R> {
    /// Reads from the start of a file.
    pub fn new(input: R) -> JsonRows<R> {
        JsonRows { input, number: 0, position: 0 }
    }

    /// The number of bytes read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next row. Empty lines are counted and skipped.
    pub fn next(&mut self, rules: &Rules, account: Option<&str>) -> Result<Option<Row>, TransferError> {
        loop {
            let mut line = Vec::new();
            self.input.by_ref().take(MAX_ROW).read_until(b'\n', &mut line).map_err(TransferError::failed)?;
            if line.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            self.position += line.len() as u64;
            if line.len() as u64 == MAX_ROW {
                return Err(TransferError::failed(format!("row {}: the line is longer than 1 MiB", self.number)));
            }
            let line = line.trim_ascii_end();
            let line = if self.number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
            if line.is_empty() {
                continue;
            }
            let checked = read(rules, line, account);
            return Ok(Some(Row { number: self.number, raw: Raw::Line(line.to_vec()), checked }));
        }
    }
}

fn read(rules: &Rules, line: &[u8], account: Option<&str>) -> Result<CustomerDraft, Vec<RowError>> {
    if std::str::from_utf8(line).is_err() {
        return Err(vec![RowError::new("", not_utf8(line))]);
    }
    let document = json::parse(line).map_err(|NotWellFormed { column }| vec![malformed(line, column)])?;
    let raw = raw_customer(rules, &document).map_err(|failure| match failure {
        Failure::Violations(violations) => violations.into_iter().map(RowError::from).collect(),
        other => vec![RowError::from(other.problem())],
    })?;
    check(rules, raw, account)
}

/// The error of a line that is not JSON, with the position.
fn malformed(line: &[u8], column: usize) -> RowError {
    let mut fault = RowError::from(Problem::MalformedJson);
    let characters = String::from_utf8_lossy(&line[..column.min(line.len())]).chars().count();
    fault.message += &match column >= line.len() && line.first() == Some(&b'{') {
        true => format!(" (the line ends at column {characters}; each line must be a whole object)"),
        false => format!(" (column {characters})"),
    };
    fault
}

/// Adds the reason to a rejected line, or replaces an earlier reason. A line that is not an object stays unchanged.
pub(crate) fn with_reason(line: &[u8], reason: &str) -> Vec<u8> {
    let Ok(json::Json::Object(entries)) = json::parse(line) else { return line.to_vec() };
    let line = line.trim_ascii();
    let key = format!(",\"{REASON}\":");
    let earlier = line.windows(key.len()).rposition(|part| part == key.as_bytes());
    let known = entries.iter().filter(|(key, _)| key == REASON).count();
    let body = match (known, earlier) {
        (0, _) => &line[..line.len() - 1],
        // An earlier import has added it at the end.
        (1, Some(at)) if entries.last().is_some_and(|(key, _)| key == REASON) => &line[..at],
        _ => return line.to_vec(),
    };
    let reason = serde_json::to_string(reason).unwrap_or_default();
    let comma = if entries.len() == known { "" } else { "," };
    [body, format!("{comma}\"{REASON}\":{reason}}}").as_bytes()].concat()
}

/// Writes customers as JSON Lines.
pub struct JsonWriter<W> {
    output: W,
}

impl<W: Write> JsonWriter<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> JsonWriter<W> {
        JsonWriter { output }
    }

    /// Writes a customer.
    pub fn write(&mut self, rules: &Rules, customer: &CustomerDetails) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.output, &Line { rules, customer })?;
        self.output.write_all(b"\n")
    }

    /// Writes buffered data.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

/// A customer in the form of a request that creates it: with the shipping address that was sent, and without its id.
struct Line<'a> {
    rules: &'a Rules,
    customer: &'a CustomerDetails,
}

impl<'a> Serialize for Line<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Line { rules, customer } = self;
        let details = &customer.details;
        let address = |address: &'a Option<Address>| {
            address.as_ref().map(|address| Fields { rules: &rules.address, values: &address.0 })
        };
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry(rules.name.field, &customer.name)?;
        object.serialize_entry(rules.account_name.field, &*customer.account_name)?;
        object.serialize_entry(rules.security_question.field, &shown(&details.security_question))?;
        object.serialize_entry(rules.security_answer.field, &shown(&details.security_answer))?;
        object.serialize_entry("shipToBillAddress", &customer.ship_to_bill_address)?;
        object.serialize_entry("contacts", &Contacts { rules, contacts: &details.contacts })?;
        object.serialize_entry("billingAddress", &address(&details.billing_address))?;
        object.serialize_entry("shippingAddress", &address(&details.shipping_address))?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_replaces_an_earlier_one() {
        let once = with_reason(br#"{"name":"A"}"#, "bad");
        assert_eq!(once, br#"{"name":"A","rejectReason":"bad"}"#);
        assert_eq!(with_reason(&once, "\"worse\""), br#"{"name":"A","rejectReason":"\"worse\""}"#);
        assert_eq!(with_reason(b"{}", "bad"), br#"{"rejectReason":"bad"}"#);
        for other in [&b"[1]"[..], b"{", br#"{"rejectReason":1,"name":"A"}"#] {
            assert_eq!(with_reason(other, "bad"), other);
        }
    }
}
