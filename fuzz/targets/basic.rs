//! The value of an `Authorization` header.
#![no_main]

use carnelian_domain::directory::check_user_name;
use carnelian_http::parse_basic;
use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;

/// How every value begins, in any case.
const SCHEME: &str = "Basic ";

fuzz_target!(|input: &[u8]| {
    as_a_header(input);
    as_credentials(input);
});

/// What is accepted says the same as what it was read from.
fn as_a_header(value: &[u8]) {
    let Some(credentials) = parse_basic(value) else { return };
    let text = format!("{}:{}", credentials.user_name(), credentials.key());
    let (scheme, rest) = value.split_at(SCHEME.len());
    assert!(scheme.eq_ignore_ascii_case(SCHEME.as_bytes()));
    let unpadded = |encoded: &[u8]| String::from_utf8_lossy(encoded.trim_ascii()).trim_end_matches('=').to_owned();
    assert_eq!(unpadded(BASE64.encode(text.as_bytes()).as_bytes()), unpadded(rest));
    assert!(!credentials.user_name().contains(':'));
}

/// Every text with a colon can be sent, and every user can sign in with any key.
fn as_credentials(input: &[u8]) {
    let found = parse_basic(format!("{SCHEME}{}", BASE64.encode(input)).as_bytes());
    let found = found.as_ref().map(|found| (found.user_name(), found.key()));
    let text = std::str::from_utf8(input).ok();
    assert_eq!(found, text.and_then(|text| text.split_once(':')));

    let Some((user_name, key)) = text.and_then(|text| text.split_once('\n')) else { return };
    let signed = parse_basic(format!("{SCHEME}{}", BASE64.encode(format!("{user_name}:{key}").as_bytes())).as_bytes());
    let signed = signed.expect("credentials");
    let same = (signed.user_name(), signed.key()) == (user_name, key);
    assert!(same || check_user_name(user_name).is_err());
}
