//! `GET /rws/api/v1/customers/{customerId}`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Fixture, json, sample};
use serde_json::{Value, json};

#[test]
fn every_key_is_there_in_the_order_of_the_contract() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let keys = [
        "name",
        "accountName",
        "securityQuestion",
        "securityAnswer",
        "shipToBillAddress",
        "contacts",
        "billingAddress",
        "shippingAddress",
        "customerId",
    ];
    for body in [sample::full("Full", "Acme"), sample::minimal("Minimal", "Acme")] {
        let id = client.create(&body).customer_id();
        let read = client.read(id);
        read.must_succeed("a customer that exists");
        assert_eq!(json::keys(read.text()), keys);
        assert_eq!(read.header("etag"), Some("\"1\""));
        sample::assert_shows(&read.json(), &body, id);
    }
}

#[test]
fn contacts_and_addresses_keep_the_order_of_their_keys() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("Full", "Acme")).customer_id();
    let read = client.read(id);
    let text = read.text();
    for (opening, keys) in [
        ("\"contacts\":[{", &sample::CONTACT[..]),
        ("\"billingAddress\":{", &sample::ADDRESS[..]),
        ("\"shippingAddress\":{", &sample::ADDRESS[..]),
    ] {
        let start = text.find(opening).unwrap_or_else(|| panic!("no {opening} in {text}")) + opening.len() - 1;
        let end = start + text[start..].find('}').expect("an object is closed");
        assert_eq!(json::keys(&text[start..=end]), keys, "after {opening}");
    }
}

#[test]
fn the_billing_address_is_shown_as_shipping_address_when_it_is_shipped_to() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (name, billing) in [("With billing", sample::address("Billing")), ("Without billing", json!(null))] {
        let mut body = sample::full(name, "Acme");
        body["shipToBillAddress"] = true.into();
        body["billingAddress"] = billing.clone();
        let read = client.read(client.create(&body).customer_id()).json();
        assert_eq!(read["shippingAddress"], billing, "{name}");
        assert_eq!(read["shipToBillAddress"], Value::Bool(true), "{name}");
    }
}

#[test]
fn an_id_that_cannot_be_one_is_invalid() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let ids = [
        "abc",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x10",
        "1%20",
        "1,000",
        "null",
        "%EF%BC%91",
        "9007199254740993",
        "18446744073709551616",
        "999999999999999999999999999999",
    ];
    for id in ids {
        client.get(&format!("{CUSTOMERS}/{id}")).must_be(&INVALID_CUSTOMER_ID, id);
    }
}

#[test]
fn an_unknown_id_is_not_found() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let existing = client.create(&sample::minimal("Existing", "Acme")).customer_id();
    for id in [0, existing + 1, existing.saturating_sub(1), (1 << 53) - 1] {
        client.read(id).must_be(&CUSTOMER_NOT_FOUND, &id.to_string());
    }
}
