//! How documents look, one row per schema; bounds come from the rule table.

mod administration;
mod replies;

use super::{Interface, examples};
use carnelian_domain::{
    directory::{MAX_NAME, is_control},
    rules::TextRule,
};
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
    Schema {
        name: "CustomerWritten",
        make: |_| replies::customer_written(),
        example: Some(examples::customer_written),
    },
    Schema {
        name: "CustomerDetails",
        make: |_| replies::customer_details(),
        example: Some(examples::customer_details),
    },
    Schema { name: "ContactDetails", make: |interface| replies::shown(&interface.rules.contact), example: None },
    Schema { name: "AddressDetails", make: |interface| replies::shown(&interface.rules.address), example: None },
    Schema { name: "ListedCustomer", make: |_| replies::listed_customer(), example: None },
    Schema {
        name: "CustomerPage",
        make: |_| replies::page("customers", "ListedCustomer"),
        example: Some(examples::customer_page),
    },
    Schema { name: "Account", make: |_| replies::account(), example: Some(examples::account) },
    Schema {
        name: "AccountPage",
        make: |_| replies::page("accounts", "Account"),
        example: Some(|| examples::page("accounts", examples::account())),
    },
    Schema { name: "User", make: |_| replies::user(), example: Some(examples::user) },
    Schema {
        name: "UserPage",
        make: |_| replies::page("users", "User"),
        example: Some(|| examples::page("users", examples::user())),
    },
    Schema { name: "NewAccount", make: |_| administration::new_account(), example: Some(examples::new_account) },
    Schema { name: "Reason", make: |_| administration::reason(), example: Some(examples::reason) },
    Schema { name: "NewGroup", make: |_| administration::new_group(), example: Some(examples::new_group) },
    Schema { name: "Group", make: |_| administration::group(), example: Some(examples::group) },
    Schema {
        name: "GroupPage",
        make: |_| replies::page("groups", "Group"),
        example: Some(|| examples::page("groups", examples::group())),
    },
    Schema { name: "NewUser", make: |_| administration::new_user(), example: Some(examples::new_user) },
    Schema { name: "UserChanges", make: |_| administration::user_changes(), example: Some(examples::user_changes) },
    Schema { name: "NewKey", make: |_| administration::new_key(), example: Some(examples::new_key) },
    Schema { name: "IssuedKey", make: |_| administration::issued_key(), example: Some(examples::issued_key) },
    Schema { name: "Key", make: |_| administration::key(), example: Some(examples::key) },
    Schema {
        name: "KeyPage",
        make: |_| replies::page("keys", "Key"),
        example: Some(|| examples::page("keys", examples::key())),
    },
    Schema { name: "Erasure", make: |_| administration::erasure(), example: Some(examples::erasure) },
    Schema {
        name: "ErasurePage",
        make: |_| replies::page("erasures", "Erasure"),
        example: Some(|| examples::page("erasures", examples::erasure())),
    },
    Schema { name: "Entry", make: |_| administration::entry(), example: Some(examples::entry) },
    Schema {
        name: "EntryPage",
        make: |_| replies::page("entries", "Entry"),
        example: Some(|| examples::page("entries", examples::entry())),
    },
    Schema { name: "Echo", make: |_| replies::echo(), example: Some(|| json!({ "context": "hello" })) },
    Schema { name: "Health", make: |_| replies::health(), example: Some(|| json!({ "status": "ok" })) },
    Schema { name: "Error", make: |_| replies::error(), example: None },
    Schema { name: "Violation", make: |_| replies::violation(), example: None },
    Schema { name: "Document", make: |_| replies::document(), example: None },
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

/// Whether a body of that schema must say something.
pub(super) fn is_required(name: &str, interface: &Interface<'_>) -> bool {
    let schema = SCHEMAS.iter().find(|schema| schema.name == name).map(|schema| (schema.make)(interface));
    schema.is_some_and(|schema| schema["required"].is_array())
}

/// Points to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn or_null(schema: Value) -> Value {
    json!({ "oneOf": [schema, { "type": "null" }] })
}

fn customer(interface: &Interface<'_>) -> Value {
    let rules = interface.rules;
    let mut schema = json!({
        "type": "object",
        "description": "A customer to create, or to put in the place of another. Unknown keys are ignored; null counts \
            as missing.",
        "properties": {
            rules.name.field: with_description(visible_text(&rules.name), "Unique in its account. Not only white space."),
            rules.account_name.field: with_description(some_text(&rules.account_name), "The account that the customer belongs to."),
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
        schema["anyOf"] = address_to_ship_to();
    }
    schema
}

/// One of two ways to say where goods go.
fn address_to_ship_to() -> Value {
    let to_billing = json!({ "shipToBillAddress": { "const": true } });
    let to_its_own = json!({ "shippingAddress": { "type": "object" } });
    json!([
        { "required": ["shipToBillAddress"], "properties": to_billing },
        { "required": ["shippingAddress"], "properties": to_its_own },
    ])
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

/// A text that is not empty.
pub(super) fn some_text(rule: &TextRule) -> Value {
    required_text(rule, &format!("^[^{}]*$", class(is_control)))
}

/// A text that has a character other than white space.
pub(super) fn visible_text(rule: &TextRule) -> Value {
    let any = format!("[^{}]*", class(is_control));
    let visible = format!("[^{}]", class(|character| is_control(character) || character.is_whitespace()));
    required_text(rule, &format!("^{any}{visible}{any}$"))
}

/// A name, a label or a reason.
pub(super) fn short_text() -> Value {
    named_text(is_control)
}

/// What a user can be called.
fn user_name() -> Value {
    named_text(|character| is_control(character) || character == ':')
}

/// A text without white space around it, and without some characters.
fn named_text(forbidden: fn(char) -> bool) -> Value {
    let any = class(forbidden);
    let visible = class(|character| forbidden(character) || character.is_whitespace());
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_NAME,
        "pattern": format!("^[^{visible}]([^{any}]*[^{visible}])?$"),
    })
}

fn required_text(rule: &TextRule, pattern: &str) -> Value {
    json!({
        "type": "string",
        "minLength": rule.min,
        "maxLength": rule.max,
        "pattern": pattern,
    })
}

fn with_description(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_names_every_character_that_it_holds_for() {
        assert_eq!(class(is_control), "\\u0000-\\u001f\\u007f");
        assert_eq!(class(|character| "abcx\u{ffff}".contains(character)), "\\u0061-\\u0063\\u0078\\uffff");
    }
}
