//! The other parts of a request that are parsed: `If-Match`, `Idempotency-Key`, `Content-Type`, and the customer id in the path.
#![no_main]

use carnelian_domain::{CustomerId, Problem};
use carnelian_fuzz::if_match::{self, IfMatch};
use carnelian_http::{accepted_versions, document, idempotent};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_TYPE, IF_MATCH},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if_match(input);
    idempotency_key(input);
    media_type(input);
    if let Ok(text) = std::str::from_utf8(input) {
        customer_id(text);
    }
});

/// Each line is a header. A list that follows the grammar means what the grammar says; any other allows no more than it names.
fn if_match(input: &[u8]) {
    let mut headers = HeaderMap::new();
    let lines: Vec<_> = input.split(|byte| *byte == b'\n').collect();
    for line in &lines {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(IF_MATCH, value);
    }
    let joined = lines.join(b", ".as_slice());
    let found = accepted_versions(&headers).only;
    match if_match::read(&joined) {
        IfMatch::Any => assert_eq!(found, None),
        IfMatch::Versions(versions) => assert_eq!(found, Some(versions)),
        IfMatch::Malformed => {
            assert!(found.is_some());
            for version in found.into_iter().flatten() {
                let tag = format!("\"{version}\"").into_bytes();
                assert!(joined.windows(tag.len()).any(|window| window == tag));
            }
        }
    }
}

/// A key is the same with and without quotes, and has only what needs no escape between them.
fn idempotency_key(value: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(value) else { return };
    let headers = HeaderMap::from_iter([(HeaderName::from_static("idempotency-key"), header)]);
    let found = idempotent(&headers, value).map(|request| request.expect("a key").key.as_bytes());
    let key = match value {
        [b'"', key @ .., b'"'] => key,
        key => key,
    };
    let plain = key.iter().all(|byte| (b'!'..=b'~').contains(byte) && !b"\"\\".contains(byte));
    let good = plain && (1..=255).contains(&key.len());
    assert_eq!(found, if good { Ok(key) } else { Err(Problem::InvalidIdempotencyKey) });
}

/// A body is JSON if its type says so, whatever the case and the parameters.
fn media_type(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let (essence, _) = text.split_once(';').unwrap_or((&text, ""));
    let is_json = match essence.trim().split_once('/') {
        Some(("application", subtype)) => subtype == "json" || subtype.ends_with("+json"),
        _ => false,
    };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, value)]);
    assert_eq!(document(&headers, b"{}").is_ok(), is_json);
}

/// An id is digits that say a number of at most 2^53, and what is shown of it is read again.
fn customer_id(text: &str) {
    let digits = !text.is_empty() && text.chars().all(|character| character.is_ascii_digit());
    let significant = text.trim_start_matches('0');
    let small = significant.len() < 16 || significant.len() == 16 && significant <= "9007199254740992";
    let id = CustomerId::parse(text);
    assert_eq!(id.is_some(), digits && small);
    if let Some(id) = id {
        assert_eq!(id.to_string(), if significant.is_empty() { "0" } else { significant });
        assert_eq!(CustomerId::parse(&id.to_string()), Some(id));
    }
}
