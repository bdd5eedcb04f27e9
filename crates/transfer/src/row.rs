//! A row of a file, and the errors in it.

use carnelian_domain::{
    CustomerDraft, Problem, RawCustomer, RawText, Rules, Violation, directory::is_control, rules::TextRule,
};
use std::fmt;

/// The column or key for the reason in a file of rejected rows.
pub(crate) const REASON: &str = "rejectReason";

/// The length limit of a row in bytes, exclusive.
pub(crate) const MAX_ROW: u64 = 1 << 20;

/// A row of a file.
pub struct Row {
    /// Its number. In CSV the header is row 1 and empty lines count; in JSON Lines it is the line number.
    pub number: u64,
    /// Its unparsed content.
    pub raw: Raw,
    /// The customer, or the broken rules.
    pub checked: Result<CustomerDraft, Vec<RowError>>,
}

/// The unparsed content of a row.
pub enum Raw {
    /// The cells of a CSV file.
    Record(::csv::ByteRecord),
    /// The bytes of a row of a CSV file whose quoting is wrong, without its line break.
    Misquoted(Vec<u8>),
    /// A line of JSON.
    Line(Vec<u8>),
}

/// An error in a row.
#[derive(Debug)]
pub struct RowError {
    /// The path of the field, as in the API; empty if the error concerns the whole row.
    pub field: String,
    /// The error code of the API, if it has one.
    pub code: Option<&'static str>,
    /// The error message.
    pub message: String,
}

impl RowError {
    /// An error that the API does not have, of a field or, if `field` is empty, of the whole row.
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> RowError {
        RowError { field: field.into(), code: None, message: message.into() }
    }
}

impl From<Problem> for RowError {
    fn from(problem: Problem) -> RowError {
        // The store rejects a row because of one field.
        let field = match problem {
            Problem::AccountNotFound | Problem::ErasureInProgress => "accountName",
            Problem::DuplicateCustomerName => "name",
            _ => "",
        };
        Violation::new(field, problem).into()
    }
}

impl From<Violation> for RowError {
    fn from(violation: Violation) -> RowError {
        let Violation { field, problem, limit } = violation;
        let mut message = problem.message().to_owned();
        // Some messages of the API name a limit that differs from the one in force.
        let names = |limit: &usize| message.split(|c: char| !c.is_ascii_digit()).any(|part| part == limit.to_string());
        if let Some(limit) = limit.filter(|limit| !names(limit)) {
            message += &format!(" (the limit is {limit})");
        }
        RowError { field, code: problem.code(), message }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowError { field, code, message } = self;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        match code {
            Some(code) => write!(f, "{code} {message}"),
            None => f.write_str(message),
        }
    }
}

/// All errors of a row, in one line.
pub(crate) fn joined(errors: &[RowError]) -> String {
    errors.iter().map(RowError::to_string).collect::<Vec<_>>().join("; ")
}

/// Checks a row. `account` is the default for rows without an account name.
pub(crate) fn check<'a>(
    rules: &Rules,
    mut raw: RawCustomer<'a>,
    account: Option<&'a str>,
) -> Result<CustomerDraft, Vec<RowError>> {
    if matches!(raw.account_name, RawText::Absent | RawText::Text("")) {
        raw.account_name = account.map_or(raw.account_name, RawText::Text);
    }
    rules.check(&raw).map_err(|violations| {
        let texts = texts(rules, &raw);
        violations.into_iter().map(|violation| explained(violation, &texts)).collect()
    })
}

/// The error of a violation. The message of the API is about the length also if the text contains a control character.
fn explained(mut violation: Violation, texts: &[(String, RawText<'_>)]) -> RowError {
    let text = texts.iter().find(|(path, _)| *path == violation.field).map(|(_, text)| *text);
    let control = match text {
        Some(RawText::Text(text)) => text.chars().find(|character| is_control(*character)),
        _ => None,
    };
    if control.is_some() {
        violation.limit = None;
    }
    let mut error = RowError::from(violation);
    match control {
        None => {}
        Some('\n' | '\r') => error.message += " (the text contains a line break; check for an unclosed quote)",
        Some(control) => {
            error.message += &format!(" (the text contains the control character U+{:04X})", u32::from(control));
        }
    }
    error
}

/// The texts of a customer with their paths, as violations name them.
fn texts<'a>(rules: &Rules, raw: &RawCustomer<'a>) -> Vec<(String, RawText<'a>)> {
    let mut texts = vec![
        (rules.name.field.to_owned(), raw.name),
        (rules.account_name.field.to_owned(), raw.account_name),
        (rules.security_question.field.to_owned(), raw.security_question),
        (rules.security_answer.field.to_owned(), raw.security_answer),
    ];
    let mut object = |path: String, rules: &[TextRule], values: &[RawText<'a>]| {
        texts.extend(rules.iter().zip(values).map(|(rule, text)| (format!("{path}.{}", rule.field), *text)));
    };
    for (index, contact) in raw.contacts.iter().enumerate() {
        object(format!("contacts[{index}]"), &rules.contact, contact);
    }
    for (name, address) in [("billingAddress", &raw.billing_address), ("shippingAddress", &raw.shipping_address)] {
        object(name.to_owned(), &rules.address, address.as_ref().map_or(&[], |address| &address[..]));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_character_is_named_with_the_violation() {
        let rules = Rules::default();
        let raw = |name| {
            let contact = [RawText::Absent, RawText::Text("a\nb"), RawText::Absent, RawText::Absent, RawText::Absent];
            let account_name = RawText::Text("Acme");
            RawCustomer { name: RawText::Text(name), account_name, contacts: vec![contact], ..RawCustomer::default() }
        };
        let errors = |name| joined(&check(&rules, raw(name), None).expect_err("violations"));
        assert!(errors("A\u{7}").contains("1 - 60. (the text contains the control character U+0007)"));
        assert!(errors("A").contains("contacts[0].") && errors("A").contains("(the text contains a line break;"));
        let long = "x".repeat(61);
        assert!(!errors(&long).split("; contacts").next().is_some_and(|name| name.contains("control")));
    }
}
