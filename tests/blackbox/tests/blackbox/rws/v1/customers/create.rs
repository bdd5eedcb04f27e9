//! `POST /rws/api/v1/customers`.

mod content;
mod document;
mod duplicates;
mod errors;
mod limits;
mod malformed;
mod media_types;
mod order;
mod types;
mod violations;

use std::time::{SystemTime, UNIX_EPOCH};

use blackbox::problems::REQUIRED_FIELDS_MISSING;
use blackbox::{Fixture, json, sample};
use serde_json::json;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs()
}

#[test]
fn the_answer_is_an_id_and_the_time_and_nothing_more() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let before = now();
    let reply = client.create(&sample::full("Acme Customer", "Acme"));
    let after = now();
    reply.must_succeed("a full customer");
    assert_eq!(json::keys(reply.text()), ["customerId", "timestamp"]);
    assert!((1..1 << 53).contains(&reply.customer_id()), "{}", reply.text());
    let timestamp = reply.json()["timestamp"].as_u64().expect("the timestamp is a whole number");
    assert!((before..=after).contains(&timestamp), "{timestamp} is not between {before} and {after}");
    assert_ne!(client.create(&sample::minimal("Another", "Acme")).customer_id(), reply.customer_id());
}

#[test]
fn only_name_and_account_are_needed() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let body = sample::minimal("Least", "Acme");
    let id = client.create(&body).customer_id();
    sample::assert_shows(&client.read(id).json(), &body, id);
}

#[test]
fn null_means_absent_in_every_optional_field() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let body = json!({
        "name": "Nulls", "accountName": "Acme", "securityQuestion": null, "securityAnswer": null,
        "shipToBillAddress": null, "contacts": null, "billingAddress": null, "shippingAddress": null,
    });
    let id = client.create(&body).customer_id();
    sample::assert_shows(&client.read(id).json(), &body, id);
}

#[test]
fn an_empty_question_or_answer_counts_as_absent() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let mut body = sample::minimal("Empty", "Acme");
    body["securityQuestion"] = "".into();
    body["securityAnswer"] = "".into();
    let read = client.read(client.create(&body).customer_id()).json();
    assert_eq!((&read["securityQuestion"], &read["securityAnswer"]), (&json!(null), &json!(null)));
}

#[test]
fn what_a_read_returned_can_be_sent_back() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("Original", "Acme")).customer_id();
    let mut copy = client.read(id).json();
    copy["name"] = "Copy".into();
    let copy_id = client.create(&copy).customer_id();
    assert_ne!(copy_id, id, "the customerId in a body is ignored");
    sample::assert_shows(&client.read(copy_id).json(), &copy, copy_id);
}

#[test]
fn unknown_fields_are_ignored_wherever_they_stand() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let known = sample::full("Unknown fields", "Acme");
    let mut body = known.clone();
    body["colour"] = json!({ "red": [1, 2, { "three": null }] });
    body["Name"] = json!(5);
    body["contacts"][0]["fax"] = json!(true);
    body["billingAddress"]["planet"] = json!(["Earth"]);
    let id = client.create(&body).customer_id();
    sample::assert_shows(&client.read(id).json(), &known, id);
}

#[test]
fn a_shipping_address_can_be_made_mandatory() {
    let fixture = Fixture::start_with(|launch| launch.config("[compat]\nrequire_shipping_address = true\n"));
    let client = fixture.client();
    let mut body = sample::full("Shipped", "Acme");
    client.create(&body).must_succeed("with a shipping address");
    body["shippingAddress"] = json!(null);
    let refused = client.create(&body);
    refused.must_be(&REQUIRED_FIELDS_MISSING, "without a shipping address");
    assert_eq!(refused.violated_fields(), ["shippingAddress"]);
    body["name"] = "Shipped to the billing address".into();
    body["shipToBillAddress"] = true.into();
    client.create(&body).must_succeed("shipped to the billing address");
}
