//! Every wrong JSON type in every field.

use blackbox::problems::*;
use blackbox::{Fixture, Problem, sample};
use serde_json::{Value, json};

/// Every JSON type, one value each.
fn values() -> [(&'static str, Value); 6] {
    [
        ("null", json!(null)),
        ("boolean", json!(true)),
        ("number", json!(17)),
        ("string", json!("text")),
        ("array", json!(["text"])),
        ("object", json!({ "name": "text" })),
    ]
}

/// String fields, and the error if a value has another type.
const STRINGS: [(&str, Problem); 21] = [
    ("/name", INVALID_NAME),
    ("/accountName", INVALID_ACCOUNT_ID),
    ("/securityQuestion", INVALID_QUESTION),
    ("/securityAnswer", INVALID_ANSWER),
    ("/contacts/0/name", INVALID_CONTACT_NAME),
    ("/contacts/0/title", INVALID_CONTACT_TITLE),
    ("/contacts/0/phone", INVALID_CONTACT_PHONE),
    ("/contacts/0/mobile", INVALID_CONTACT_MOBILE),
    ("/contacts/0/email", INVALID_CONTACT_EMAIL),
    ("/billingAddress/addressLine1", INVALID_LINE1),
    ("/billingAddress/addressLine2", INVALID_LINE2),
    ("/billingAddress/city", INVALID_CITY),
    ("/billingAddress/state", INVALID_STATE),
    ("/billingAddress/country", INVALID_COUNTRY),
    ("/billingAddress/postalCode", INVALID_POSTAL_CODE),
    ("/shippingAddress/addressLine1", INVALID_LINE1),
    ("/shippingAddress/addressLine2", INVALID_LINE2),
    ("/shippingAddress/city", INVALID_CITY),
    ("/shippingAddress/state", INVALID_STATE),
    ("/shippingAddress/country", INVALID_COUNTRY),
    ("/shippingAddress/postalCode", INVALID_POSTAL_CODE),
];

/// All other fields and their types.
const SHAPES: [(&str, &str); 5] = [
    ("/shipToBillAddress", "boolean"),
    ("/contacts", "array"),
    ("/contacts/0", "object"),
    ("/billingAddress", "object"),
    ("/shippingAddress", "object"),
];

#[test]
fn a_value_that_is_no_string_fails_with_the_code_of_its_field() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (pointer, problem) in STRINGS {
        for (kind, value) in values().into_iter().filter(|(kind, _)| !["string", "null"].contains(kind)) {
            let case = format!("{kind} in {pointer}");
            let reply = client.create(&with(pointer, value, &case));
            reply.must_be(&problem, &case);
            assert_eq!(reply.violated_fields(), [field(pointer)], "{case}");
        }
    }
}

#[test]
fn null_in_a_string_field_means_that_it_is_absent() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let required = [("/name", NAME_REQUIRED), ("/accountName", ACCOUNT_REQUIRED)];
    let halves = [("/securityQuestion", QUESTION_MISSING), ("/securityAnswer", ANSWER_MISSING)];
    for (pointer, problem) in required.into_iter().chain(halves) {
        client.create(&with(pointer, json!(null), pointer)).must_be(&problem, pointer);
    }
    for (pointer, _) in &STRINGS[4..] {
        let body = with(pointer, json!(null), pointer);
        let reply = client.create(&body);
        reply.must_succeed(pointer);
        sample::assert_shows(&client.read(reply.customer_id()).json(), &body, reply.customer_id());
    }
}

#[test]
fn a_wrong_shape_is_not_well_formed_and_names_its_place() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (pointer, right) in SHAPES {
        for (kind, value) in values().into_iter().filter(|(kind, _)| *kind != right) {
            // Absence is fine, but an entry of an array cannot be absent.
            let absent = kind == "null" && pointer != "/contacts/0";
            let case = format!("{kind} in {pointer}");
            let reply = client.create(&with(pointer, value, &case));
            if absent {
                reply.must_succeed(&case);
            } else {
                reply.must_be(&NOT_WELL_FORMED, &case);
                assert_eq!(reply.violated_fields(), [field(pointer)], "{case}");
            }
        }
    }
}

#[test]
fn every_wrong_shape_is_listed() {
    let fixture = Fixture::start();
    let body = r#"{
        "name": "Shapes", "accountName": "Acme", "shipToBillAddress": "true",
        "contacts": [{}, 5, {}, "four"], "billingAddress": [], "shippingAddress": "here"
    }"#;
    let reply = fixture.client().create_bytes(body);
    reply.must_be(&NOT_WELL_FORMED, "wrong shapes");
    let fields = ["shipToBillAddress", "contacts[1]", "contacts[3]", "billingAddress", "shippingAddress"];
    assert_eq!(reply.violated_fields(), fields);
    assert!(reply.violations().iter().all(|violation| Some(violation.code.as_str()) == NOT_WELL_FORMED.code));
}

#[test]
fn a_top_level_that_is_no_object_is_not_well_formed() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (kind, value) in values().into_iter().filter(|(kind, _)| !["null", "object"].contains(kind)) {
        client.create(&value).must_be(&NOT_WELL_FORMED, kind);
    }
    client.create(&json!(null)).must_be(&DETAILS_REQUIRED, "null");
}

/// A full customer with `value` at `pointer`, named after the case unless the name is what is tried.
fn with(pointer: &str, value: Value, case: &str) -> Value {
    let mut body = sample::full(case, "Acme");
    *body.pointer_mut(pointer).expect("a full customer has every field") = value;
    body
}

/// What `violations` calls the field at `pointer`.
fn field(pointer: &str) -> String {
    pointer[1..].replace("contacts/0", "contacts[0]").replace('/', ".")
}
