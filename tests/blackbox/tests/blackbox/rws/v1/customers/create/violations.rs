//! The list of everything that is wrong.

use blackbox::problems::*;
use blackbox::{Fixture, Problem, json, sample};
use serde_json::{Value, json};

#[test]
fn everything_that_is_wrong_is_listed_at_once_in_the_order_of_codes_then_of_places() {
    let fixture = Fixture::start();
    let reply = fixture.client().create(&all_wrong());
    reply.must_be(&INVALID_NAME, "everything wrong at once");
    let listed: Vec<_> = reply.violations().into_iter().map(|v| (v.field, v.code, v.message, v.limit)).collect();
    let expected = expected().into_iter().map(|(field, problem, limit)| {
        let code = problem.code.expect("field rules have codes").to_owned();
        (field, code, problem.message.to_owned(), limit)
    });
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

#[test]
fn a_single_violation_is_listed_too_and_repeats_the_error() {
    let fixture = Fixture::start();
    let reply = fixture.client().create(&json!({ "accountName": "Acme" }));
    reply.must_be(&NAME_REQUIRED, "no name");
    assert_eq!(json::keys(reply.text()), ["errorMessage", "errorCode", "violations"]);
    let violations = reply.violations();
    assert_eq!(violations.len(), 1);
    assert_eq!((violations[0].field.as_str(), violations[0].code.as_str()), ("name", "10000581"));
    assert_eq!(violations[0].message, NAME_REQUIRED.message);
}

#[test]
fn an_empty_object_lacks_both_names() {
    let fixture = Fixture::start();
    let reply = fixture.client().create(&json!({}));
    reply.must_be(&NAME_REQUIRED, "an empty object");
    assert_eq!(reply.violated_fields(), ["name", "accountName"]);
}

#[test]
fn control_characters_fail_with_the_code_of_their_field() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let cases: [(&str, Problem); 8] = [
        ("/name", INVALID_NAME),
        ("/accountName", INVALID_ACCOUNT_ID),
        ("/securityQuestion", INVALID_QUESTION),
        ("/securityAnswer", INVALID_ANSWER),
        ("/contacts/0/email", INVALID_CONTACT_EMAIL),
        ("/billingAddress/addressLine1", INVALID_LINE1),
        ("/billingAddress/country", INVALID_COUNTRY),
        ("/shippingAddress/postalCode", INVALID_POSTAL_CODE),
    ];
    for control in ['\0', '\t', '\n', '\r', '\u{1f}', '\u{7f}'] {
        for (pointer, problem) in &cases {
            let mut body = sample::full("Control", "Acme");
            *body.pointer_mut(pointer).expect("a full customer has every field") = format!("a{control}b").into();
            client.create(&body).must_be(problem, &format!("{control:?} in {pointer}"));
        }
    }
}

#[test]
fn a_name_or_account_that_is_not_there_is_required() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let blank = "\u{a0}\u{3000} ";
    for name in ["", " ", "   ", "\t", "\n", blank] {
        client.create(&sample::minimal(name, "Acme")).must_be(&NAME_REQUIRED, &format!("the name {name:?}"));
    }
    client.create(&sample::minimal("A", "")).must_be(&ACCOUNT_REQUIRED, "an empty account name");
    client.create(&sample::minimal("A", " ")).must_be(&ACCOUNT_NOT_FOUND, "an account name of white space");
}

#[test]
fn a_question_and_an_answer_need_each_other() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for absent in [json!(null), json!("")] {
        for (given, missing, problem) in [
            ("securityQuestion", "securityAnswer", ANSWER_MISSING),
            ("securityAnswer", "securityQuestion", QUESTION_MISSING),
        ] {
            let mut body = sample::minimal("Half", "Acme");
            body[given] = "given".into();
            body[missing] = absent.clone();
            let reply = client.create(&body);
            reply.must_be(&problem, &format!("{given} with {missing} {absent}"));
            assert_eq!(reply.violated_fields(), [missing]);
        }
    }
}

/// A customer in which everything that can be wrong at once is.
fn all_wrong() -> Value {
    let long = |limit: usize| "x".repeat(limit + 1);
    let contact = json!({
        "name": long(40), "title": long(40), "phone": long(25), "mobile": long(25), "email": long(320),
    });
    let address = json!({
        "addressLine1": long(40), "addressLine2": long(40), "city": long(40), "state": long(40),
        "country": long(150), "postalCode": long(15),
    });
    json!({
        "name": long(60), "securityQuestion": long(100), "securityAnswer": long(100),
        "contacts": vec![contact; 4], "billingAddress": address, "shippingAddress": address,
    })
}

fn expected() -> Vec<(String, Problem, Option<u64>)> {
    let mut list = vec![
        ("name".to_owned(), INVALID_NAME, Some(60)),
        ("accountName".to_owned(), ACCOUNT_REQUIRED, None),
        ("securityQuestion".to_owned(), INVALID_QUESTION, Some(100)),
        ("securityAnswer".to_owned(), INVALID_ANSWER, Some(100)),
    ];
    for (field, problem, limit) in [
        ("name", INVALID_CONTACT_NAME, 40),
        ("title", INVALID_CONTACT_TITLE, 40),
        ("phone", INVALID_CONTACT_PHONE, 25),
        ("mobile", INVALID_CONTACT_MOBILE, 25),
        ("email", INVALID_CONTACT_EMAIL, 320),
    ] {
        list.extend((0..4).map(|index| (format!("contacts[{index}].{field}"), problem, Some(limit))));
    }
    for (field, problem, limit) in [
        ("addressLine1", INVALID_LINE1, 40),
        ("addressLine2", INVALID_LINE2, 40),
        ("city", INVALID_CITY, 40),
        ("state", INVALID_STATE, 40),
        ("country", INVALID_COUNTRY, 150),
        ("postalCode", INVALID_POSTAL_CODE, 15),
    ] {
        let addresses = ["billingAddress", "shippingAddress"];
        list.extend(addresses.map(|address| (format!("{address}.{field}"), problem, Some(limit))));
    }
    list
}
