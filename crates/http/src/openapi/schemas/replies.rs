//! How answers look.

use super::{or_null, reference};
use carnelian_domain::{AccountState, CustomerId, Role, paging::MAX_PAGE_SIZE, rules::TextRule};
use serde_json::{Map, Value, json};

/// An object of which every key is there, and no other.
pub(super) fn closed(properties: Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn customer_id() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 1, "exclusiveMaximum": CustomerId::LIMIT })
}

pub(super) fn customer_written() -> Value {
    closed(json!({
        "customerId": customer_id(),
        "timestamp": {
            "type": "integer",
            "format": "int64",
            "description": "The time of the commit, in whole UNIX seconds.",
        },
    }))
}

pub(super) fn customer_details() -> Value {
    let text = || json!({ "type": ["string", "null"] });
    closed(json!({
        "name": { "type": "string" },
        "accountName": { "type": "string" },
        "securityQuestion": text(),
        "securityAnswer": text(),
        "shipToBillAddress": { "type": "boolean" },
        "contacts": { "type": "array", "items": reference("ContactDetails") },
        "billingAddress": or_null(reference("AddressDetails")),
        "shippingAddress": or_null(reference("AddressDetails")),
        "customerId": customer_id(),
    }))
}

/// A customer with the parts that were asked for.
pub(super) fn listed_customer() -> Value {
    let mut schema = customer_details();
    schema["required"] = json!([]);
    schema["description"] = json!("A customer with the keys that `fields` names, or with every key.");
    schema
}

pub(super) fn page(key: &str, entry: &str) -> Value {
    closed(json!({
        "pageNumber": { "type": "integer", "minimum": 1, "maximum": u32::MAX },
        key: { "type": "array", "maxItems": MAX_PAGE_SIZE, "items": reference(entry) },
        "lastPage": { "type": "boolean", "description": "Whether nothing comes after this page." },
    }))
}

pub(super) fn account() -> Value {
    // An erased account is not listed.
    let states = [AccountState::Active, AccountState::ErasureInProgress].map(AccountState::name);
    closed(json!({
        "accountName": { "type": "string" },
        "accountId": { "type": "string", "pattern": "^[0-9]+$" },
        "status": { "type": "string", "enum": states },
    }))
}

pub(super) fn user() -> Value {
    closed(json!({
        "userName": { "type": "string" },
        "userId": { "type": "string", "pattern": "^[0-9]+$" },
        "accountName": { "type": "string", "description": "The user's home account." },
        "accountGroup": { "type": ["string", "null"] },
        "role": { "type": "string", "enum": Role::ALL.map(Role::name) },
        "status": { "type": "string", "enum": ["ENABLED", "DISABLED"] },
    }))
}

/// A contact or an address as it is shown.
pub(super) fn shown(rules: &[TextRule]) -> Value {
    let properties: Map<_, _> =
        rules.iter().map(|rule| (rule.field.to_owned(), json!({ "type": ["string", "null"] }))).collect();
    closed(properties.into())
}

pub(super) fn echo() -> Value {
    closed(json!({ "context": { "type": "string" } }))
}

pub(super) fn health() -> Value {
    closed(json!({ "status": { "const": "ok" } }))
}

pub(super) fn error() -> Value {
    json!({
        "type": "object",
        "properties": {
            "errorMessage": { "type": "string" },
            "errorCode": { "type": "string", "pattern": "^[0-9]{8}$", "description": "Some errors have none." },
            "violations": {
                "type": "array",
                "minItems": 1,
                "items": reference("Violation"),
                "description": "Every broken rule, the one that `errorCode` names first.",
            },
        },
        "required": ["errorMessage"],
        "additionalProperties": false,
    })
}

pub(super) fn violation() -> Value {
    json!({
        "type": "object",
        "properties": {
            "field": { "type": "string", "description": "The place in the request, as in `contacts[2].mobile`." },
            "errorCode": { "type": "string", "pattern": "^[0-9]{8}$" },
            "errorMessage": { "type": "string" },
            "limit": { "type": "integer", "minimum": 0, "description": "The true upper limit, where there is one." },
        },
        "required": ["field", "errorMessage"],
        "additionalProperties": false,
    })
}

pub(super) fn document() -> Value {
    json!({
        "type": "object",
        "description": "An OpenAPI document.",
        "properties": { "openapi": { "type": "string" }, "info": { "type": "object" }, "paths": { "type": "object" } },
        "required": ["openapi", "info", "paths"],
    })
}
