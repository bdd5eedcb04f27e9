//! How documents of the administration look.

use super::{or_null, reference, replies::closed, short_text, user_name, with_description};
use carnelian_app::{
    administration::KeyStatus,
    erasure::ErasureState,
    requests::{MAX_LIFETIME, MAX_RANGES},
};
use carnelian_domain::{CustomerId, Role};
use serde_json::{Value, json};

/// An object that is sent: unknown keys are ignored, and null counts as missing.
fn sent(mut properties: Value, required: &[&str]) -> Value {
    properties["reason"] = with_description(or_null(short_text()), "Why, for the audit log.");
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn role() -> Value {
    json!({ "type": "string", "enum": Role::ALL.map(Role::name) })
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+$" })
}

fn time(description: &str) -> Value {
    json!({ "type": ["integer", "null"], "format": "int64", "description": description })
}

pub(super) fn new_account() -> Value {
    sent(json!({ "accountName": short_text() }), &["accountName"])
}

pub(super) fn reason() -> Value {
    sent(json!({}), &[])
}

pub(super) fn new_group() -> Value {
    sent(json!({ "groupName": short_text() }), &["groupName"])
}

pub(super) fn group() -> Value {
    closed(json!({
        "groupName": { "type": "string" },
        "groupId": id(),
        "accounts": { "type": "array", "items": reference("Account") },
    }))
}

pub(super) fn new_user() -> Value {
    let role = json!({ "type": ["string", "null"], "enum": Role::ALL.map(|role| Some(role.name())).into_iter().chain([None]).collect::<Vec<_>>() });
    let properties = json!({
        "userName": user_name(),
        "accountName": with_description(short_text(), "The home account."),
        "accountGroup": with_description(or_null(short_text()), "The group whose accounts the user may also act in."),
        "role": with_description(role, "ACCOUNTADMIN, if nothing is said."),
    });
    sent(properties, &["userName", "accountName"])
}

pub(super) fn user_changes() -> Value {
    let properties = json!({
        "role": role(),
        "accountGroup": with_description(or_null(short_text()), "Null takes the user out of its group."),
        "status": { "type": "string", "enum": ["ENABLED", "DISABLED"] },
    });
    sent(properties, &[])
}

pub(super) fn new_key() -> Value {
    let lifetime = json!({
        "type": ["integer", "null"],
        "format": "int64",
        "minimum": 1,
        "maximum": MAX_LIFETIME,
        "description": "For how many seconds it works; for good, if nothing is said.",
    });
    let range = json!({
        "type": "string",
        "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }, { "pattern": NETWORK_V4 }, { "pattern": NETWORK_V6 }],
    });
    let key = json!({
        "type": ["string", "null"],
        "pattern": "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
        "description": "A key that was made elsewhere.",
    });
    let properties = json!({
        "label": with_description(or_null(short_text()), "What to call it in listings."),
        "lifetimeSeconds": lifetime,
        "allowedAddresses": {
            "type": ["array", "null"],
            "maxItems": MAX_RANGES,
            "items": range,
            "description": "Where it works from: addresses, or ranges as in `192.0.2.0/24`. From everywhere, if nothing is said.",
        },
        "key": key,
    });
    sent(properties, &[])
}

const NETWORK_V4: &str = concat!(
    r"^(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}",
    r"/(3[0-2]|[12]?[0-9])$"
);

/// The long form; shorter ones are read as well.
const NETWORK_V6: &str = r"^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$";

pub(super) fn issued_key() -> Value {
    closed(json!({
        "keyId": { "type": "string" },
        "key": {
            "type": ["string", "null"],
            "description": "The key, the only time that it is shown; null for one that was taken over.",
        },
    }))
}

pub(super) fn key() -> Value {
    let states = [KeyStatus::Active, KeyStatus::Expired, KeyStatus::Revoked].map(KeyStatus::name);
    closed(json!({
        "keyId": { "type": "string" },
        "label": { "type": ["string", "null"] },
        "createdAt": { "type": "integer", "format": "int64", "description": "In whole UNIX seconds, as are the other times." },
        "expiresAt": time("From when on it no longer works."),
        "lastUsedAt": time("When it was last used; what was noted in the last minute is lost if the server ends."),
        "allowedAddresses": {
            "type": "array",
            "items": { "type": "string" },
            "description": "Where it works from; from everywhere, if there is none.",
        },
        "status": { "type": "string", "enum": states },
    }))
}

pub(super) fn erasure() -> Value {
    use ErasureState::{Cancelled, Erased, Receipted, Running, Waiting};
    let moment = || json!({ "type": "string", "format": "date-time" });
    let count = || json!({ "type": "integer", "format": "int64", "minimum": 0 });
    let states = [Waiting, Running, Erased, Receipted, Cancelled].map(ErasureState::name);
    let erased_at = json!({ "type": ["string", "null"], "format": "date-time" });
    let receipt = json!({ "type": ["object", "null"] });
    closed(json!({
        "erasureId": id(),
        "accountId": id(),
        "status": { "type": "string", "enum": states },
        "requestedAt": moment(),
        "requestedBy": { "type": "string", "description": "As `actor` of an audit log's entry." },
        "reason": { "type": ["string", "null"] },
        "dueAt": with_description(moment(), "From when on it is carried out; until then it can be taken back."),
        "erasedAt": with_description(erased_at, "When the account's data key was destroyed."),
        "customers": with_description(count(), "How many were erased so far; so are the other counts."),
        "users": count(),
        "keys": count(),
        "receipt": with_description(receipt, "Signed, once no file holds anything of the account."),
    }))
}

pub(super) fn entry() -> Value {
    let text = || json!({ "type": ["string", "null"] });
    closed(json!({
        "sequence": { "type": "integer", "format": "int64", "minimum": 1, "maximum": CustomerId::LIMIT },
        "at": { "type": "string", "format": "date-time" },
        "actor": { "type": "string", "description": "`user:` and an id, `command_line` or `server`." },
        "action": { "type": "string" },
        "object": text(),
        "accountId": text(),
        "fields": {
            "type": "array",
            "items": { "type": "string" },
            "description": "The names of the fields that changed; `*` where it is not known which ones.",
        },
        "address": text(),
        "requestId": text(),
        "reason": text(),
    }))
}
