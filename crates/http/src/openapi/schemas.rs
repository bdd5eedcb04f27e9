//! How documents look, one row per schema; bounds come from the rule table.

use super::{Interface, examples};
use carnelian_domain::{CustomerId, directory::is_control, rules::TextRule};
use serde_json::{Map, Value, json};

/// One schema.
struct Schema {
    name: &'static str,
    make: fn(&Interface<'_>) -> Value,
    /// A whole document of this form, for those that are one.
    example: Option<fn() -> Value>,
}

static SCHEMAS: &[Schema] = &[
    Schema { name: "Customer", make: customer, example: Some(examples::customer) },
    Schema { name: "Contact", make: contact, example: None },
    Schema { name: "Address", make: address, example: None },
    Schema { name: "CustomerWritten", make: |_| customer_written(), example: Some(examples::customer_written) },
    Schema { name: "CustomerDetails", make: |_| customer_details(), example: Some(examples::customer_details) },
    Schema { name: "ContactDetails", make: |interface| shown(&interface.rules.contact), example: None },
    Schema { name: "AddressDetails", make: |interface| shown(&interface.rules.address), example: None },
    Schema { name: "Echo", make: |_| echo(), example: Some(|| json!({ "context": "hello" })) },
    Schema { name: "Health", make: |_| health(), example: Some(|| json!({ "status": "ok" })) },
    Schema { name: "Error", make: |_| error(), example: None },
    Schema { name: "Violation", make: |_| violation(), example: None },
    Schema { name: "Document", make: |_| document(), example: None },
];

/// Every schema.
pub(super) fn all(interface: &Interface<'_>) -> Map<String, Value> {
    SCHEMAS.iter().map(|schema| (schema.name.to_owned(), (schema.make)(interface))).collect()
}

/// A body of that schema, with its example.
pub(super) fn content(name: &str) -> Value {
    let mut content = json!({ "schema": reference(name) });
    if let Some(example) = SCHEMAS.iter().find(|schema| schema.name == name).and_then(|schema| schema.example) {
        content["example"] = example();
    }
    content
}

/// Points to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn or_null(schema: Value) -> Value {
    json!({ "oneOf": [schema, { "type": "null" }] })
}

/// An object of which every key is there, and no other.
fn closed(properties: Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn customer(interface: &Interface<'_>) -> Value {
    let rules = interface.rules;
    let mut schema = json!({
        "type": "object",
        "description": "A customer to create, or to put in the place of another. Unknown keys are ignored; null counts \
            as missing.",
        "properties": {
            rules.name.field: required_text(&rules.name, &["Unique in its account. Not only white space."]),
            rules.account_name.field: required_text(&rules.account_name, &["The account that the customer belongs to."]),
            rules.security_question.field: optional_text(interface, &rules.security_question),
            rules.security_answer.field: optional_text(interface, &rules.security_answer),
            "shipToBillAddress": {
                "type": ["boolean", "null"],
                "default": false,
                "description": "Whether reads show the billing address as the shipping address.",
            },
            "contacts": {
                "type": ["array", "null"],
                "maxItems": rules.max_contacts,
                "items": reference("Contact"),
            },
            "billingAddress": or_null(reference("Address")),
            "shippingAddress": or_null(reference("Address")),
        },
        "required": [rules.name.field, rules.account_name.field],
    });
    let (question, answer) = (rules.security_question.field, rules.security_answer.field);
    schema["if"] = given(question);
    schema["then"] = given(answer);
    schema["else"] = json!({ "not": given(answer) });
    if rules.require_shipping_address {
        let ships_to_billing =
            json!({ "required": ["shipToBillAddress"], "properties": { "shipToBillAddress": { "const": true } } });
        let has_address =
            json!({ "required": ["shippingAddress"], "properties": { "shippingAddress": { "type": "object" } } });
        schema["anyOf"] = json!([ships_to_billing, has_address]);
    }
    schema
}

/// Whether a text is there: null and the empty text count as missing.
fn given(field: &str) -> Value {
    json!({ "required": [field], "properties": { field: { "type": "string", "minLength": 1 } } })
}

fn contact(interface: &Interface<'_>) -> Value {
    object_of(interface, &interface.rules.contact)
}

fn address(interface: &Interface<'_>) -> Value {
    object_of(interface, &interface.rules.address)
}

fn object_of(interface: &Interface<'_>, rules: &[TextRule]) -> Value {
    let properties: Map<_, _> =
        rules.iter().map(|rule| (rule.field.to_owned(), optional_text(interface, rule))).collect();
    json!({ "type": "object", "properties": properties })
}

fn optional_text(interface: &Interface<'_>, rule: &TextRule) -> Value {
    let mut schema = json!({
        "type": ["string", "null"],
        "maxLength": rule.max,
        "pattern": format!("^[^{}]*$", class(is_control)),
    });
    let key = format!("limits.{}", rule.field);
    if interface.settings.iter().any(|setting| setting.key == key) {
        schema["description"] = json!(format!("The limit can be set: `{key}`."));
    }
    schema
}

/// A text that must have a character other than white space.
fn required_text(rule: &TextRule, description: &[&str]) -> Value {
    let any = format!("[^{}]*", class(is_control));
    let visible = format!("[^{}]", class(|character| is_control(character) || character.is_whitespace()));
    json!({
        "type": "string",
        "minLength": rule.min,
        "maxLength": rule.max,
        "pattern": format!("^{any}{visible}{any}$"),
        "description": description.concat(),
    })
}

/// The characters that a predicate holds for, as ranges within the brackets of a regular expression.
fn class(holds: impl Fn(char) -> bool) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for character in ('\0'..='\u{ffff}').filter(|character| holds(*character)) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == u32::from(character) => *last += 1,
            _ => ranges.push((character.into(), character.into())),
        }
    }
    let shown = |(first, last): (u32, u32)| match last - first {
        0 => format!("\\u{first:04x}"),
        _ => format!("\\u{first:04x}-\\u{last:04x}"),
    };
    ranges.into_iter().map(shown).collect()
}

fn customer_id() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 1, "exclusiveMaximum": CustomerId::LIMIT })
}

fn customer_written() -> Value {
    closed(json!({
        "customerId": customer_id(),
        "timestamp": {
            "type": "integer",
            "format": "int64",
            "description": "The time of the commit, in whole UNIX seconds.",
        },
    }))
}

fn customer_details() -> Value {
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

/// A contact or an address as it is shown.
fn shown(rules: &[TextRule]) -> Value {
    let properties: Map<_, _> =
        rules.iter().map(|rule| (rule.field.to_owned(), json!({ "type": ["string", "null"] }))).collect();
    closed(properties.into())
}

fn echo() -> Value {
    closed(json!({ "context": { "type": "string" } }))
}

fn health() -> Value {
    closed(json!({ "status": { "const": "ok" } }))
}

fn error() -> Value {
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

fn violation() -> Value {
    json!({
        "type": "object",
        "properties": {
            "field": { "type": "string", "description": "The place in the request, as in `contacts[2].mobile`." },
            "errorCode": { "type": "string", "pattern": "^[0-9]{8}$" },
            "errorMessage": { "type": "string" },
            "limit": { "type": "integer", "minimum": 0, "description": "The true upper limit, where there is one." },
        },
        "required": ["field", "errorCode", "errorMessage"],
        "additionalProperties": false,
    })
}

fn document() -> Value {
    json!({
        "type": "object",
        "description": "An OpenAPI document.",
        "properties": { "openapi": { "type": "string" }, "info": { "type": "object" }, "paths": { "type": "object" } },
        "required": ["openapi", "info", "paths"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_names_every_character_that_it_holds_for() {
        assert_eq!(class(is_control), "\\u0000-\\u001f\\u007f");
        assert_eq!(class(|character| "abcx\u{ffff}".contains(character)), "\\u0061-\\u0063\\u0078\\uffff");
    }
}
