//! The examples, made by the code that answers requests wherever there is such code.

use crate::{
    error, json,
    rws::v1::{shape, wire::CustomerReply},
};
use carnelian_app::{Failure, administration::KeyStatus, customers::CustomerDetails, erasure::ErasureState};
use carnelian_domain::{
    AccountId, AccountState, Action, CustomerField, CustomerId, Problem, RawPaging, RawText, Role, Rules, Violation,
    errors::CATALOGUE,
};
use serde_json::{Value, json};

/// The customer that the API's own documentation creates.
const ID: u64 = 1234;

/// The id of a key.
const KEY_ID: &str = "0123456789abcdef";

/// The call of the API's own documentation.
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

/// The answer of the API's own documentation.
pub(super) fn customer_written() -> Value {
    json!({ "customerId": ID, "timestamp": 1_527_590_173 })
}

/// What a read of that customer shows.
pub(super) fn customer_details() -> Value {
    let rules = Rules::default();
    let text = customer().to_string();
    let document = json::parse(text.as_bytes()).expect("it was written as JSON");
    let raw = shape::raw_customer(&rules, &document).expect("the shape of the documentation's own call is right");
    let draft = rules.check(&raw).expect("the documentation's own call breaks no rule");
    let details = CustomerDetails {
        id: CustomerId(ID),
        account: AccountId(1),
        account_name: draft.account_name.as_str().into(),
        name: draft.name.0.as_str().to_owned(),
        ship_to_bill_address: draft.ship_to_bill_address,
        details: draft.details,
        version: 1,
    };
    json!(CustomerReply::new(&rules, &details, &CustomerField::ALL))
}

/// A page of customers of whom some parts were asked for, as the query's own example does.
pub(super) fn customer_page() -> Value {
    let customer = customer_details();
    page("customers", json!({ "name": customer["name"], "customerId": customer["customerId"] }))
}

/// A page of one entry.
pub(super) fn page(key: &str, entry: Value) -> Value {
    json!({ "pageNumber": 1, key: [entry], "lastPage": true })
}

/// The account of that customer.
pub(super) fn account() -> Value {
    json!({ "accountName": "Acme", "accountId": "1", "status": AccountState::Active.name() })
}

/// A user of that account.
pub(super) fn user() -> Value {
    json!({
        "userName": "ann",
        "userId": "1",
        "accountName": "Acme",
        "accountGroup": "Acme Group",
        "role": Role::AccountAdmin.name(),
        "status": "ENABLED",
    })
}

pub(super) fn new_account() -> Value {
    json!({ "accountName": "Acme", "reason": "They asked for it" })
}

pub(super) fn reason() -> Value {
    json!({ "reason": "They asked for it" })
}

pub(super) fn new_group() -> Value {
    json!({ "groupName": "Acme Group" })
}

pub(super) fn group() -> Value {
    json!({ "groupName": "Acme Group", "groupId": "1", "accounts": [account()] })
}

pub(super) fn new_user() -> Value {
    json!({ "userName": "ann", "accountName": "Acme", "accountGroup": "Acme Group", "role": Role::AccountAdmin.name() })
}

pub(super) fn user_changes() -> Value {
    json!({ "role": Role::AccountReadOnly.name(), "accountGroup": null })
}

pub(super) fn new_key() -> Value {
    json!({ "label": "for the shop", "lifetimeSeconds": 7_776_000, "allowedAddresses": ["192.0.2.0/24"] })
}

pub(super) fn issued_key() -> Value {
    json!({ "keyId": KEY_ID, "key": format!("crk1_{KEY_ID}…") })
}

pub(super) fn key() -> Value {
    json!({
        "keyId": KEY_ID,
        "label": "for the shop",
        "createdAt": 1_527_590_173,
        "expiresAt": 1_535_366_173,
        "lastUsedAt": null,
        "allowedAddresses": ["192.0.2.0/24"],
        "status": KeyStatus::Active.name(),
    })
}

pub(super) fn erasure() -> Value {
    json!({
        "erasureId": "1",
        "accountId": "1",
        "status": ErasureState::Waiting.name(),
        "requestedAt": "2026-11-24T08:30:00.000Z",
        "requestedBy": "user:1",
        "reason": "They asked for it",
        "dueAt": "2026-12-24T08:30:00.000Z",
        "erasedAt": null,
        "customers": 0,
        "users": 0,
        "keys": 0,
        "receipt": null,
    })
}

pub(super) fn entry() -> Value {
    json!({
        "sequence": 1,
        "at": "2026-11-24T08:30:00.000Z",
        "actor": "user:1",
        "action": Action::CreateAccount.name(),
        "object": "account:1",
        "accountId": "1",
        "fields": [],
        "address": "192.0.2.7",
        "requestId": "9b165953d3d41a06",
        "reason": "They asked for it",
    })
}

/// Where a rule for what an operator sends can be broken.
fn place(problem: Problem) -> Option<&'static str> {
    match problem {
        Problem::InvalidCustomerId => Some("customerId"),
        Problem::InvalidText => Some("reason"),
        Problem::InvalidRole => Some("role"),
        Problem::InvalidStatus => Some("status"),
        Problem::InvalidLifetime => Some("lifetimeSeconds"),
        Problem::InvalidKey => Some("key"),
        Problem::InvalidAddressRange => Some("allowedAddresses[0]"),
        _ => None,
    }
}

/// The answer to every problem: with the rules that are broken, where a customer can be sent that breaks them.
pub(super) fn errors(rules: &Rules) -> Vec<(Problem, Value)> {
    let customers = broken_customers(rules);
    let customers = customers.iter().filter_map(|customer| refusal(rules, customer));
    let pages = broken_pages().into_iter().filter_map(|page| page.check().err().map(Failure::Violations));
    let broken: Vec<_> = customers.chain(pages).collect();
    let answer = |problem: Problem| match (broken.iter().find(|failure| failure.problem() == problem), place(problem)) {
        (Some(failure), _) => error::body(failure),
        (None, Some(place)) => error::body(&Failure::Violations(vec![Violation::new(place, problem)])),
        (None, None) => error::body(&problem.into()),
    };
    CATALOGUE.iter().map(|row| (row.problem, answer(row.problem))).collect()
}

/// The answer to a customer that breaks several rules.
pub(super) fn several(rules: &Rules) -> Value {
    let customer = json!({ "accountName": "Acme", "securityQuestion": "FirstConcert", "contacts": [{ "mobile": 5 }] });
    refusal(rules, &customer).map(|failure| error::body(&failure)).unwrap_or_default()
}

/// What a customer is answered for its shape and its fields.
fn refusal(rules: &Rules, customer: &Value) -> Option<Failure> {
    let text = customer.to_string();
    let document = json::parse(text.as_bytes()).expect("it was written as JSON");
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
    // A number breaks the rule of a text however long a text may be.
    let mut broken: Vec<_> = top.iter().map(|rule| with(rule.field, json!(5))).collect();
    broken.extend(top.iter().map(|rule| with(rule.field, Value::Null)));
    broken.extend(rules.contact.iter().map(|rule| with("contacts", json!([{ rule.field: 5 }]))));
    broken.extend(rules.address.iter().map(|rule| with("billingAddress", json!({ rule.field: 5 }))));
    broken.push(with("contacts", vec![json!({}); rules.max_contacts + 1].into()));
    broken.push(with("contacts", json!("none")));
    broken
}
