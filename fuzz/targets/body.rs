//! The body of a create or an edit, from bytes to a customer that may be stored.
#![no_main]

use carnelian_app::{Failure, sealing};
use carnelian_domain::{Problem, Rules};
use carnelian_fuzz::customer;
use carnelian_http::{document, json, raw_customer};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The deepest nesting, as the API's documentation has it.
const MAX_DEPTH: usize = 16;

/// The most places that a wrong shape is shown at.
const MAX_FAULTS: usize = 100;

// One byte chooses the rules, the others are the body.
fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let rules = rules(*choice);
    let Some(document) = parse(body) else { return };
    let Some(draft) = check(&rules, &document) else { return };
    assert_eq!(sealing::decode(&sealing::encode(&draft)), Ok(draft));
});

/// The rules of the specification, or ones so strict that every bound is met often.
fn rules(choice: u8) -> Rules {
    let mut rules = Rules { require_shipping_address: choice & 1 == 1, ..Rules::default() };
    if choice & 2 == 2 {
        let max = usize::from(choice >> 4);
        let top = [&mut rules.name, &mut rules.account_name, &mut rules.security_question, &mut rules.security_answer];
        let all = top.into_iter().chain(&mut rules.contact).chain(&mut rules.address);
        all.for_each(|rule| rule.max = max);
    }
    rules
}

/// Exactly what serde_json reads is read, and means the same, unless it is nested too deep.
fn parse(body: &[u8]) -> Option<json::Json<'_>> {
    let parsed = json::parse(body).ok();
    let model = serde_json::from_slice(body).ok().map(customer::without_numbers);
    assert_eq!(parsed.as_ref().map(customer::value), model.filter(|_| customer::depth(body) <= MAX_DEPTH));

    let read = document(&HeaderMap::new(), body);
    let nothing = |text: &str| matches!(text.trim_matches([' ', '\t', '\r', '\n']), "" | "null");
    let nothing = std::str::from_utf8(body).is_ok_and(nothing);
    match &parsed {
        _ if nothing => assert_eq!(read, Err(Problem::CustomerDetailsRequired)),
        None => assert_eq!(read, Err(Problem::MalformedJson)),
        Some(_) => assert_eq!(read.ok(), parsed),
    }
    parsed
}

/// A document is refused for its shape, or for exactly the rules that it breaks, or taken as it is.
fn check(rules: &Rules, document: &json::Json<'_>) -> Option<carnelian_domain::PersonalDetails> {
    let faults = customer::repeated_keys(document) + customer::wrong_shapes(document);
    let raw = match raw_customer(rules, document) {
        Ok(raw) => raw,
        Err(Failure::Violations(violations)) => {
            assert_eq!(violations.len(), faults.min(MAX_FAULTS));
            assert!(violations.iter().all(|violation| violation.problem == Problem::MalformedJson));
            return None;
        }
        Err(failure) => {
            assert_eq!(failure.problem(), Problem::MalformedJson);
            assert!(!matches!(document, json::Json::Object(_)));
            return None;
        }
    };
    assert_eq!(faults, 0);
    let value: Value = customer::value(document);
    let draft = match rules.check(&raw) {
        Ok(draft) => draft,
        Err(violations) => {
            assert_eq!(violations, customer::violations(rules, &value));
            return None;
        }
    };
    assert_eq!(customer::violations(rules, &value), []);
    assert_eq!(draft, customer::draft(rules, &value));
    let unique = draft.name.unique_form();
    assert!(!unique.is_empty());
    let again = carnelian_domain::CustomerName(carnelian_domain::Text::trusted(unique.clone()));
    assert_eq!(again.unique_form(), unique);
    Some(draft.details)
}
