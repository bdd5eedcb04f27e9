//! A second model of customer documents: the expected outcome, computed from the whole document instead of field by field.

use carnelian_domain::{
    Address, Contact, CustomerDraft, CustomerName, PersonalDetails, Problem, Rules, Text, Violation, rules::TextRule,
};
use carnelian_http::json::Json;
use serde_json::Value;
use std::collections::HashSet;

/// The document as serde_json would have read it: numbers are all 0, and of a key that comes twice the last one counts.
pub fn value(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(_) => 0.into(),
        Json::Text(text) => Value::String(text.to_string()),
        Json::Array(elements) => elements.iter().map(value).collect(),
        Json::Object(entries) => entries.iter().map(|(key, entry)| (key.to_string(), value(entry))).collect(),
    }
}

/// The same document with every number 0.
pub fn without_numbers(value: Value) -> Value {
    match value {
        Value::Number(_) => 0.into(),
        Value::Array(elements) => elements.into_iter().map(without_numbers).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, entry)| (key, without_numbers(entry))).collect(),
        other => other,
    }
}

/// Greatest nesting of arrays and objects in the text of a document.
pub fn depth(text: &[u8]) -> usize {
    let (mut open, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => open += 1,
            b']' | b'}' if !quoted => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Number of keys that repeat an earlier key of their object.
pub fn repeated_keys(json: &Json<'_>) -> usize {
    match json {
        Json::Array(elements) => elements.iter().map(repeated_keys).sum(),
        Json::Object(entries) => {
            let different: HashSet<_> = entries.iter().map(|(key, _)| key).collect();
            entries.len() - different.len() + entries.iter().map(|(_, entry)| repeated_keys(entry)).sum::<usize>()
        }
        _ => 0,
    }
}

/// Number of values with a shape that is not allowed.
pub fn wrong_shapes(document: &Json<'_>) -> usize {
    let Json::Object(entries) = document else { return 0 };
    let wrong = |(key, value): &(_, Json<'_>)| match (AsRef::<str>::as_ref(key), value) {
        (_, Json::Null) | ("shipToBillAddress", Json::Bool(_)) => 0,
        ("billingAddress" | "shippingAddress", Json::Object(_)) => 0,
        ("contacts", Json::Array(contacts)) => contacts.iter().filter(|one| !matches!(one, Json::Object(_))).count(),
        ("shipToBillAddress" | "billingAddress" | "shippingAddress" | "contacts", _) => 1,
        _ => 0,
    };
    entries.iter().map(wrong).sum()
}

/// Every violation of a document whose shape is right, in the order in which they are answered.
pub fn violations(rules: &Rules, document: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, value, rule) in texts(rules, document) {
        if !value.is_null() && !value.as_str().is_some_and(|text| fits(rule, text)) {
            found.push(Violation { field: path, problem: rule.invalid, limit: Some(rule.max) });
        }
    }
    let contacts = document["contacts"].as_array().map_or(0, Vec::len);
    if contacts > rules.max_contacts {
        let limit = Some(rules.max_contacts);
        found.push(Violation { field: "contacts".into(), problem: Problem::TooManyContacts, limit });
    }
    let no_shipping_address = document["shipToBillAddress"] != true && document["shippingAddress"].is_null();
    let empty = |key: &str| document[key].is_null() || document[key] == "";
    let missing = [
        ("name", no_name(&document["name"]), Problem::CustomerNameRequired),
        ("accountName", empty("accountName"), Problem::AccountIdRequired),
        ("securityAnswer", empty("securityAnswer") && !empty("securityQuestion"), Problem::SecurityAnswerMissing),
        ("securityQuestion", empty("securityQuestion") && !empty("securityAnswer"), Problem::SecurityQuestionMissing),
        ("shippingAddress", no_shipping_address && rules.require_shipping_address, Problem::RequiredFieldsMissing),
    ];
    let missing = missing.into_iter().filter(|(_, missing, _)| *missing);
    found.extend(missing.map(|(field, _, problem)| Violation::new(field, problem)));
    found.sort_by_key(|violation| violation.problem.code());
    found
}

/// Whether a text has an allowed length and no control characters.
pub fn fits(rule: &TextRule, text: &str) -> bool {
    let control = text.contains(|c| matches!(c, '\0'..='\x1f' | '\x7f'));
    (rule.min..=rule.max).contains(&text.chars().count()) && !control
}

/// Whether a text is nothing but white space.
pub fn blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

fn no_name(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(blank)
}

/// Every text that a rule applies to, in document order; missing required texts are left out.
fn texts<'a>(rules: &'a Rules, document: &'a Value) -> Vec<(String, &'a Value, &'a TextRule)> {
    let top = [&rules.name, &rules.account_name, &rules.security_question, &rules.security_answer];
    let mut texts: Vec<_> = top.map(|rule| (rule.field.to_owned(), &document[rule.field], rule)).into();
    texts.retain(|(_, value, rule)| !(rule.field == "name" && no_name(value) || rule.min > 0 && *value == ""));
    for (index, contact) in document["contacts"].as_array().into_iter().flatten().enumerate() {
        texts.extend(
            rules.contact.iter().map(|rule| (format!("contacts[{index}].{}", rule.field), &contact[rule.field], rule)),
        );
    }
    for address in ["billingAddress", "shippingAddress"] {
        texts.extend(
            rules
                .address
                .iter()
                .map(|rule| (format!("{address}.{}", rule.field), &document[address][rule.field], rule)),
        );
    }
    texts
}

/// The draft that a valid document must produce: the values as sent, with an empty question or answer as none.
pub fn draft(rules: &Rules, document: &Value) -> CustomerDraft {
    let text = |object: &Value, field: &str| object[field].as_str().map(|text| Text::trusted(text.to_owned()));
    let required = |field| text(document, field).expect("a required text");
    let optional = |field| text(document, field).filter(|text| !text.as_str().is_empty());
    let contact = |contact: &Value| Contact(rules.contact.each_ref().map(|rule| text(contact, rule.field)));
    let address = |address: &str| {
        let address = document[address].as_object().map(|_| &document[address])?;
        Some(Address(rules.address.each_ref().map(|rule| text(address, rule.field))))
    };
    CustomerDraft {
        name: CustomerName(required("name")),
        account_name: required("accountName"),
        ship_to_bill_address: document["shipToBillAddress"] == true,
        details: PersonalDetails {
            security_question: optional("securityQuestion"),
            security_answer: optional("securityAnswer"),
            contacts: document["contacts"].as_array().into_iter().flatten().map(contact).collect(),
            billing_address: address("billingAddress"),
            shipping_address: address("shippingAddress"),
        },
    }
}
