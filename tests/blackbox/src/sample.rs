//! Sample customers, what a read of them must return, and the keys of an entry of the audit log.

use serde_json::{Value, json};

/// The fields of a contact, in the order of the document.
pub const CONTACT: [&str; 5] = ["name", "title", "phone", "mobile", "email"];

/// The fields of an address, in the order of the document.
pub const ADDRESS: [&str; 6] = ["addressLine1", "addressLine2", "city", "state", "country", "postalCode"];

/// A customer with the required fields only.
pub fn minimal(name: &str, account: &str) -> Value {
    json!({ "name": name, "accountName": account })
}

/// A customer with every field given, and one contact.
pub fn full(name: &str, account: &str) -> Value {
    json!({
        "name": name,
        "accountName": account,
        "securityQuestion": "First concert?",
        "securityAnswer": "Journey",
        "shipToBillAddress": false,
        "contacts": [contact("Grace")],
        "billingAddress": address("Billing"),
        "shippingAddress": address("Shipping"),
    })
}

/// A contact with every field given.
pub fn contact(name: &str) -> Value {
    json!({
        "name": name,
        "title": "Engineer",
        "phone": "+1 555 0100",
        "mobile": "+1 555 0101",
        "email": "grace@example.com",
    })
}

/// An address with every field given.
pub fn address(street: &str) -> Value {
    json!({
        "addressLine1": format!("123 {street} Street"),
        "addressLine2": "Floor 2",
        "city": "Anytown",
        "state": "FLA",
        "country": "USA",
        "postalCode": "36301",
    })
}

/// What a read must return after `sent` was accepted, except the id.
pub fn shown(sent: &Value) -> Value {
    let ship_to_bill = sent["shipToBillAddress"].as_bool().unwrap_or(false);
    let contacts = sent["contacts"].as_array().cloned().unwrap_or_default();
    let billing = filled(&sent["billingAddress"], &ADDRESS);
    let shipping = if ship_to_bill { billing.clone() } else { filled(&sent["shippingAddress"], &ADDRESS) };
    json!({
        "name": sent["name"],
        "accountName": sent["accountName"],
        "securityQuestion": sent["securityQuestion"],
        "securityAnswer": sent["securityAnswer"],
        "shipToBillAddress": ship_to_bill,
        "contacts": contacts.iter().map(|contact| filled(contact, &CONTACT)).collect::<Vec<_>>(),
        "billingAddress": billing,
        "shippingAddress": shipping,
    })
}

/// Asserts that `read` is the customer that was `sent`, with `id`.
#[track_caller]
pub fn assert_shows(read: &Value, sent: &Value, id: u64) {
    let mut expected = shown(sent);
    expected["customerId"] = json!(id);
    assert_eq!(*read, expected, "a read must return what was sent");
}

/// An object with every key of `keys` present, or null for null.
fn filled(value: &Value, keys: &[&str]) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    keys.iter().map(|&key| (key.to_owned(), value[key].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// The keys of an entry of the audit log as it is listed, in their order.
pub const AUDIT_KEYS: [&str; 11] = [
    "sequence",
    "at",
    "actor",
    "action",
    "object",
    "accountId",
    "fields",
    "address",
    "requestId",
    "reason",
    "suppressed",
];
