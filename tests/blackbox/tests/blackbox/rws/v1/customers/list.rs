//! `GET /rws/api/v1/customers`.

mod filters;
mod scope;
mod walks;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, json, sample, wait};
use serde_json::{Value, json};

use crate::rws::v1::paging::page;
use crate::tenant_fixture::TenantFixture;

/// A text, encoded for a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The customers of the first page, which must be the only one.
#[track_caller]
fn customers(client: &Client, query: &str) -> Vec<Value> {
    let (customers, last) = page(client, &format!("{CUSTOMERS}?{query}"), "customers", 1);
    assert!(last, "{query} has one page");
    customers
}

/// Their ids.
#[track_caller]
fn ids(client: &Client, query: &str) -> Vec<u64> {
    customers(client, query).iter().map(|customer| customer["customerId"].as_u64().expect("an id")).collect()
}

#[test]
fn a_customer_is_listed_as_it_is_read() {
    let fixture = Fixture::start();
    let client = fixture.client();
    assert_eq!(customers(&client, ""), Vec::<Value>::new());
    let mut shipped = sample::full("To the billing address", "Acme");
    shipped["shipToBillAddress"] = true.into();
    let bodies = [sample::full("Full", "Acme"), sample::minimal("Zo\u{eb} \u{1f980}", "Acme"), shipped];
    let created: Vec<_> = bodies.iter().map(|body| client.create(body).customer_id()).collect();
    let listed = customers(&client, "");
    for ((customer, id), body) in listed.iter().zip(&created).zip(&bodies) {
        assert_eq!(*customer, client.read(*id).json());
        sample::assert_shows(customer, body, *id);
    }
    // The keys of one customer, as they are written.
    let alone = client.get(&format!("{CUSTOMERS}?name=Full"));
    let text = alone.text().strip_prefix("{\"pageNumber\":1,\"customers\":[").expect("the page begins so");
    let text = text.strip_suffix("],\"lastPage\":true}").expect("the page ends so");
    assert_eq!(text, client.read(created[0]).text());
}

#[test]
fn some_fields_come_in_the_order_of_the_reply() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let body = sample::full("Some", "Acme");
    let whole = client.read(client.create(&body).customer_id());
    for (asked, shown) in [
        ("name", &["name"][..]),
        ("customerId,name", &["name", "customerId"]),
        ("billingAddress,contacts,billingAddress", &["contacts", "billingAddress"]),
        (
            "shippingAddress,securityAnswer,shipToBillAddress",
            &["securityAnswer", "shipToBillAddress", "shippingAddress"],
        ),
        ("accountName%2CsecurityQuestion", &["accountName", "securityQuestion"]),
        (&json::keys(whole.text()).join(","), &json::keys(whole.text()).iter().map(String::as_str).collect::<Vec<_>>()),
    ] {
        let reply = client.get(&format!("{CUSTOMERS}?fields={asked}"));
        reply.must_succeed(asked);
        let customer = &reply.json()["customers"][0];
        let keys: Vec<_> = customer.as_object().expect("an object").keys().collect();
        assert_eq!(keys, shown, "{asked}");
        assert!(shown.iter().all(|&key| customer[key] == whole.json()[key]), "{asked}: {customer}");
    }
}

#[test]
fn only_roles_that_write_see_answers() {
    let tenants = TenantFixture::start();
    tenants.client(&tenants.ada).create(&sample::full("Seen", "Acme")).must_succeed("a customer");
    for (login, answer) in
        [(&tenants.ada, json!("Journey")), (&tenants.opal, json!("Journey")), (&tenants.rita, json!(null))]
    {
        let client = tenants.client(login);
        for query in ["", "name=Seen", "fields=securityAnswer"] {
            assert_eq!(customers(&client, query)[0]["securityAnswer"], answer, "{} {query}", login.user);
        }
        assert_eq!(customers(&client, "")[0]["securityQuestion"], "First concert?");
    }
}

#[test]
fn every_parameter_that_is_wrong_is_named_and_the_smallest_code_answers() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let too_long = format!("namePrefix={}", "x".repeat(61));
    for (query, problem, fields) in [
        ("accountName=", &INVALID_ACCOUNT_ID, &["accountName"][..]),
        ("accountName=a%0Ab", &INVALID_ACCOUNT_ID, &["accountName"]),
        ("accountName=Acme&accountName=Acme", &INVALID_ACCOUNT_ID, &["accountName"]),
        ("name=", &INVALID_NAME, &["name"]),
        ("name=%20%20", &INVALID_NAME, &["name"]),
        ("name=%FF", &INVALID_NAME, &["name"]),
        ("name=a&name=b", &INVALID_NAME, &["name"]),
        ("namePrefix=", &INVALID_NAME, &["namePrefix"]),
        (&too_long, &INVALID_NAME, &["namePrefix"]),
        ("search=", &INVALID_REQUEST, &["search"]),
        ("search=%21", &INVALID_REQUEST, &["search"]),
        ("search=a&search=b", &INVALID_REQUEST, &["search"]),
        ("modifiedSince=yesterday", &INVALID_DATE_FORMAT, &["modifiedSince"]),
        ("modifiedSince=2026-11-31", &INVALID_DATE_FORMAT, &["modifiedSince"]),
        ("modifiedSince=1527590173", &INVALID_DATE_FORMAT, &["modifiedSince"]),
        ("modifiedSince=", &INVALID_DATE_FORMAT, &["modifiedSince"]),
        ("modifiedSince=2026-11-24&modifiedSince=2026-11-24", &INVALID_DATE_FORMAT, &["modifiedSince"]),
        ("fields=", &INVALID_REQUEST, &["fields"]),
        ("fields=name,nothing", &INVALID_REQUEST, &["fields"]),
        ("fields=name&fields=name", &INVALID_REQUEST, &["fields"]),
        ("after=x", &INVALID_CUSTOMER_ID, &["after"]),
        ("after=-1", &INVALID_CUSTOMER_ID, &["after"]),
        ("after=9007199254740993", &INVALID_CUSTOMER_ID, &["after"]),
        ("after=1&after=2", &INVALID_CUSTOMER_ID, &["after"]),
        ("after=1&pageNumber=1", &INVALID_PAGE_NUMBER, &["pageNumber"]),
        (
            "after=x&name=&fields=x&pageNumber=0&modifiedSince=x&pageSize=0&accountName=&namePrefix=&search=",
            &INVALID_ACCOUNT_ID,
            &[
                "accountName",
                "pageSize",
                "pageNumber",
                "modifiedSince",
                "search",
                "fields",
                "name",
                "namePrefix",
                "after",
            ],
        ),
    ] {
        let reply = client.get(&format!("{CUSTOMERS}?{query}"));
        reply.must_be(problem, query);
        assert_eq!(reply.violated_fields(), fields, "{query}");
    }
    let bad_and_unknown = format!("{CUSTOMERS}?accountName=Nobody&pageSize=0");
    client.get(&bad_and_unknown).must_be(&INVALID_PAGE_SIZE, "rules come before the account");
}

#[test]
fn what_is_looked_for_is_not_written_down() {
    let fixture = Fixture::start();
    let client = fixture.client();
    client.create(&sample::minimal("Secret Santa", "Acme")).must_succeed("a customer");
    customers(&client, "name=Secret+Santa&namePrefix=Secret&search=Secret");
    let refused = client.get(&format!("{CUSTOMERS}?name=Secret+Santa&after=Secret"));
    refused.must_be(&INVALID_CUSTOMER_ID, "a refusal");
    let id = refused.header("x-request-id").expect("checked on every answer");
    let logged = || Some(fixture.server.log()).filter(|log| log.contains(id));
    let log = wait::until("the request is logged", wait::PATIENCE, logged);
    assert!(!log.contains("Secret"), "{log}");
}
