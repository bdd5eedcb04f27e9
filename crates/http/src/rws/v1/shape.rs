//! The shape of a customer document: which values must be objects, arrays or booleans, and that no key is repeated.

use crate::{
    error::{MAX_VIOLATIONS, SHOWN_KEY},
    json::{self, Json},
};
use carnelian_app::Failure;
use carnelian_domain::{
    Problem, RawCustomer, RawText, Rules, Violations,
    rules::{ADDRESS_FIELDS, CONTACT_FIELDS, TextRule},
};
use hyper::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use std::{borrow::Cow, collections::HashSet, fmt::Write};

/// Reads the body of a request into a JSON document: media type, presence, syntax.
pub fn document<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Json<'a>, Problem> {
    check_content(headers)?;
    let body = trim(body);
    if matches!(body, b"" | b"null") {
        return Err(Problem::CustomerDetailsRequired);
    }
    json::parse(body).map_err(|_| Problem::MalformedJson)
}

/// The body without a byte order mark at its beginning, and without leading and trailing JSON white space.
pub(crate) fn trim(mut body: &[u8]) -> &[u8] {
    body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] | [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = body {
        body = rest;
    }
    body
}

/// Checks that a body is JSON as it is.
pub(crate) fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    if !is_json(headers) {
        Err(Problem::UnsupportedMediaType)
    } else if !is_identity(headers) {
        Err(Problem::UnsupportedContentEncoding)
    } else {
        Ok(())
    }
}

/// Whether a body is not encoded, for instance compressed.
fn is_identity(headers: &HeaderMap) -> bool {
    let codings =
        headers.get_all(CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.map(<[u8]>::trim_ascii).all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
}

/// Whether the media type is JSON; a body without a media type is taken for JSON.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().all(|value| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

/// Reads a document into a raw customer, or reports every path where the shape is wrong.
pub fn raw_customer<'a>(rules: &Rules, document: &'a Json<'a>) -> Result<RawCustomer<'a>, Failure> {
    let Json::Object(entries) = document else { return Err(Problem::MalformedJson.into()) };
    let mut violations = Violations::at_most(MAX_VIOLATIONS);
    find_repeated_keys(document, &mut violations);
    let mut raw = RawCustomer::default();
    for (key, value) in entries {
        let key = key.as_ref();
        match key {
            "shipToBillAddress" => raw.ship_to_bill_address = boolean(key, value, &mut violations),
            "contacts" => raw.contacts = contacts(rules, value, &mut violations),
            "billingAddress" => raw.billing_address = address(rules, key, value, &mut violations),
            "shippingAddress" => raw.shipping_address = address(rules, key, value, &mut violations),
            _ if key == rules.name.field => raw.name = text(value),
            _ if key == rules.account_name.field => raw.account_name = text(value),
            _ if key == rules.security_question.field => raw.security_question = text(value),
            _ if key == rules.security_answer.field => raw.security_answer = text(value),
            _ => {}
        }
    }
    Ok(violations.finish(Some(raw))?)
}

fn text<'a>(value: &'a Json<'a>) -> RawText<'a> {
    match value {
        Json::Null => RawText::Absent,
        Json::Text(text) => RawText::Text(text),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => RawText::WrongType,
    }
}

fn boolean(key: &str, value: &Json<'_>, violations: &mut Violations) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(value) => *value,
        _ => {
            violations.add(key, Problem::MalformedJson);
            false
        }
    }
}

fn contacts<'a>(rules: &Rules, value: &'a Json<'a>, violations: &mut Violations) -> Vec<[RawText<'a>; CONTACT_FIELDS]> {
    match value {
        Json::Null => Vec::new(),
        Json::Array(contacts) => {
            let contact = |(index, contact): (usize, &'a Json<'a>)| match contact {
                Json::Object(entries) => Some(fields_of(&rules.contact, entries)),
                _ => {
                    violations.add(format_args!("contacts[{index}]"), Problem::MalformedJson);
                    None
                }
            };
            contacts.iter().enumerate().filter_map(contact).collect()
        }
        _ => {
            violations.add("contacts", Problem::MalformedJson);
            Vec::new()
        }
    }
}

fn address<'a>(
    rules: &Rules,
    key: &str,
    value: &'a Json<'a>,
    violations: &mut Violations,
) -> Option<[RawText<'a>; ADDRESS_FIELDS]> {
    match value {
        Json::Null => None,
        Json::Object(entries) => Some(fields_of(&rules.address, entries)),
        _ => {
            violations.add(key, Problem::MalformedJson);
            None
        }
    }
}

/// The fields of an object that the rules name, in the order of the rules.
fn fields_of<'a, const N: usize>(rules: &[TextRule; N], entries: &'a [(Cow<'a, str>, Json<'a>)]) -> [RawText<'a>; N] {
    rules.each_ref().map(|rule| {
        let entry = entries.iter().find(|(key, _)| key == rule.field);
        entry.map_or(RawText::Absent, |(_, value)| text(value))
    })
}

/// Up to this many keys, comparing each with each is faster than hashing.
const FEW_KEYS: usize = 16;

/// Reports the path of every key that is repeated in its object.
pub(crate) fn find_repeated_keys(document: &Json<'_>, violations: &mut Violations) {
    find_repeated_below(document, &mut String::new(), violations);
}

fn find_repeated_below(value: &Json<'_>, path: &mut String, violations: &mut Violations) {
    let length = path.len();
    match value {
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                if matches!(element, Json::Array(_) | Json::Object(_)) {
                    let _ = write!(path, "[{index}]");
                    find_repeated_below(element, path, violations);
                    path.truncate(length);
                }
            }
        }
        Json::Object(entries) => {
            let mut seen = HashSet::new();
            for (index, (key, value)) in entries.iter().enumerate() {
                let repeated = match entries.len() <= FEW_KEYS {
                    true => entries[..index].iter().any(|(earlier, _)| earlier == key),
                    false => !seen.insert(key),
                };
                let nested = matches!(value, Json::Array(_) | Json::Object(_));
                if repeated || nested {
                    let dot = if path.is_empty() { "" } else { "." };
                    path.push_str(dot);
                    path.extend(key.chars().take(SHOWN_KEY));
                    if repeated {
                        violations.add(&*path, Problem::MalformedJson);
                    }
                    find_repeated_below(value, path, violations);
                    path.truncate(length);
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {}
    }
}
