//! Example customers and errors, made by the code that answers requests.

use crate::{
    error, json,
    rws::v1::{shape, wire::CustomerReply},
};
use carnelian_app::{Failure, customers::CustomerDetails};
use carnelian_domain::{
    AccountId, CustomerField, CustomerId, Problem, RawPaging, RawText, Rules, Violation, errors::CATALOGUE,
};
use serde_json::{Value, json};

/// The request of the original API's documentation.
pub(super) fn customer() -> Value {
    json!({
        "name": "Acme Customer",
        "accountName": "Acme",
        "securityQuestion": "FirstConcert",
        "securityAnswer": "Journey",
        "shipToBillAddress": true,
        "billingAddress": {
            "addressLine1": "123 Main",
            "addressLine2": "string",
            "city": "Anytown",
            "state": "FLA",
            "country": "USA",
            "postalCode": "36301",
        },
    })
}

/// The customer that this request creates.
pub(super) fn customer_details() -> Value {
    let rules = Rules::default();
    let text = customer().to_string();
    let document = json::parse(text.as_bytes()).expect("the text was generated as JSON");
    let raw = shape::raw_customer(&rules, &document).expect("the documented request is well formed");
    let draft = rules.check(&raw).expect("the documented request is valid");
    let details = CustomerDetails {
        id: CustomerId(1234),
        account: AccountId(1),
        account_name: draft.account_name.as_str().into(),
        name: draft.name.0.as_str().to_owned(),
        ship_to_bill_address: draft.ship_to_bill_address,
        details: draft.details,
        version: 1,
    };
    json!(CustomerReply::new(&rules, &details, &CustomerField::ALL))
}

/// A field that can have this problem, of the fields in administrative requests.
fn field_of(problem: Problem) -> Option<&'static str> {
    match problem {
        Problem::InvalidCustomerId => Some("customerId"),
        Problem::InvalidDateFormat => Some("modifiedSince"),
        Problem::InvalidRequest => Some("pagesize"),
        Problem::InvalidText => Some("reason"),
        Problem::InvalidRole => Some("roleName"),
        Problem::InvalidStatus => Some("status"),
        Problem::InvalidJob => Some("kind"),
        Problem::InvalidLifetime => Some("lifetimeSeconds"),
        Problem::InvalidKey => Some("key"),
        Problem::InvalidAddressRange => Some("allowedAddresses[0]"),
        _ => None,
    }
}

/// The body of every error. Where an example customer or page can break the rule, the server made the violations.
pub(super) fn errors(rules: &Rules) -> Vec<(Problem, Value)> {
    let customers = broken_customers(rules);
    let customers = customers.iter().filter_map(|customer| check(rules, customer));
    let pages = broken_pages().into_iter().filter_map(|page| page.check().err().map(Failure::Violations));
    let broken: Vec<_> = customers.chain(pages).collect();
    let error = |problem: Problem| match (broken.iter().find(|failure| failure.problem() == problem), field_of(problem))
    {
        (Some(failure), _) => error::body(failure),
        (None, Some(field)) => error::body(&Failure::Violations(vec![Violation::new(field, problem)])),
        (None, None) => error::body(&problem.into()),
    };
    CATALOGUE.iter().map(|row| (row.problem, error(row.problem))).collect()
}

/// The error for a customer that breaks several rules.
pub(super) fn several(rules: &Rules) -> Value {
    let customer = json!({ "accountName": "Acme", "securityQuestion": "FirstConcert", "contacts": [{ "mobile": 5 }] });
    check(rules, &customer).map(|failure| error::body(&failure)).unwrap_or_default()
}

/// The failure of a customer with an invalid structure or invalid fields.
fn check(rules: &Rules, customer: &Value) -> Option<Failure> {
    let text = customer.to_string();
    let document = json::parse(text.as_bytes()).expect("the text was generated as JSON");
    match shape::raw_customer(rules, &document) {
        Ok(raw) => rules.check(&raw).err().map(Failure::Violations),
        Err(failure) => Some(failure),
    }
}

/// Pages that break one rule each.
fn broken_pages() -> [RawPaging<'static>; 2] {
    let none = RawText::Text("0");
    let page = RawPaging::default();
    [RawPaging { page_size: none, ..page }, RawPaging { page_number: none, ..page }]
}

/// Customers that break one rule each.
fn broken_customers(rules: &Rules) -> Vec<Value> {
    let with = |key: &str, value: Value| {
        let mut customer = customer();
        customer[key] = value;
        customer
    };
    let top = [&rules.name, &rules.account_name, &rules.security_question, &rules.security_answer];
    // A number is invalid for every text field, whatever its bounds.
    let mut broken: Vec<_> = top.iter().map(|rule| with(rule.field, json!(5))).collect();
    broken.extend(top.iter().map(|rule| with(rule.field, Value::Null)));
    broken.extend(rules.contact.iter().map(|rule| with("contacts", json!([{ rule.field: 5 }]))));
    broken.extend(rules.address.iter().map(|rule| with("billingAddress", json!({ rule.field: 5 }))));
    broken.push(with("contacts", vec![json!({}); rules.max_contacts + 1].into()));
    broken.push(with("contacts", json!("none")));
    broken
}
