//! The schemas of request bodies. Unknown keys are ignored, and null counts as missing.

use super::{
    examples,
    interface::Interface,
    texts::{optional_text, required_text, short_text, user_name, visible_text},
};
use carnelian_app::{
    admin::input::{MAX_LIFETIME, MAX_RANGES},
    jobs::JobWork,
    transfer::{FileFormat, OnDuplicate},
};
use carnelian_domain::{Role, directory::USER_STATES, rules::TextRule};
use serde_json::{Map, Value, json};

/// Every schema with its name.
pub(super) fn all(interface: &Interface<'_>) -> [(&'static str, Value); 10] {
    let rules = interface.rules;
    [
        ("Customer", customer(interface)),
        ("Contact", json!({ "type": "object", "properties": optional_texts(interface, &rules.contact) })),
        ("Address", json!({ "type": "object", "properties": optional_texts(interface, &rules.address) })),
        ("NewAccount", form(json!({ "accountName": with(short_text(), "", "Acme") }), &["accountName"])),
        ("Reason", form(json!({}), &[])),
        ("NewGroup", form(json!({ "groupName": with(short_text(), "", "Acme Group") }), &["groupName"])),
        ("NewUser", new_user()),
        ("UserChanges", user_changes()),
        ("NewKey", new_key()),
        ("NewJob", new_job()),
    ]
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// One of some names, or null.
fn name_or_null(names: &[&str]) -> Value {
    let names: Vec<_> = names.iter().copied().map(Some).chain([None]).collect();
    json!({ "type": ["string", "null"], "enum": names })
}

/// Adds a description, if there is one, and an example.
fn with(mut schema: Value, description: &str, example: impl Into<Value>) -> Value {
    if !description.is_empty() {
        schema["description"] = json!(description);
    }
    schema["examples"] = json!([example.into()]);
    schema
}

fn customer(interface: &Interface<'_>) -> Value {
    let rules = interface.rules;
    let (question, answer) = (&rules.security_question, &rules.security_answer);
    let mut name = visible_text(&rules.name);
    name["description"] = json!("Unique in its account. Not only white space.");
    let mut account = required_text(&rules.account_name);
    account["description"] = json!("The account that the customer belongs to.");
    let mut properties =
        Map::from_iter([(rules.name.field.to_owned(), name), (rules.account_name.field.to_owned(), account)]);
    properties.extend(optional_texts(interface, [question, answer]));
    let others = json!({
        "shipToBillAddress": {
            "type": ["boolean", "null"],
            "default": false,
            "description": "Whether reads show the billing address as the shipping address.",
        },
        "contacts": { "type": ["array", "null"], "maxItems": rules.max_contacts, "items": reference("Contact") },
        "billingAddress": or_null(reference("Address")),
        "shippingAddress": or_null(reference("Address")),
    });
    properties.extend(others.as_object().into_iter().flatten().map(|(key, schema)| (key.clone(), schema.clone())));
    let mut schema = json!({
        "type": "object",
        "description": "A customer to create, or to replace another with. Unknown keys are ignored; null counts as missing.",
        "properties": properties,
        "required": [rules.name.field, rules.account_name.field],
        "if": given(question.field),
        "then": given(answer.field),
        "else": { "not": given(answer.field) },
        "examples": [examples::customer()],
    });
    if rules.require_shipping_address {
        schema["anyOf"] = json!([
            { "required": ["shipToBillAddress"], "properties": { "shipToBillAddress": { "const": true } } },
            { "required": ["shippingAddress"], "properties": { "shippingAddress": { "type": "object" } } },
        ]);
    }
    schema
}

/// Whether a text is present: null and the empty text count as missing.
fn given(field: &str) -> Value {
    json!({ "required": [field], "properties": { field: { "type": "string", "minLength": 1 } } })
}

fn optional_texts<'a>(interface: &Interface<'_>, rules: impl IntoIterator<Item = &'a TextRule>) -> Map<String, Value> {
    let property = |rule: &TextRule| {
        let mut schema = optional_text(rule);
        let key = format!("limits.{}", rule.field);
        if interface.settings.iter().any(|setting| setting.key == key) {
            schema["description"] = json!(format!("The limit is configurable: `{key}`."));
        }
        (rule.field.to_owned(), schema)
    };
    rules.into_iter().map(property).collect()
}

/// The body of an administrative request, which can always state a reason.
fn form(mut properties: Value, required: &[&str]) -> Value {
    properties["reason"] = with(or_null(short_text()), "Recorded in the audit log.", "Requested by the customer");
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn new_user() -> Value {
    let role = name_or_null(&Role::ALL.map(Role::name));
    let properties = json!({
        "username": with(user_name(), "", "ann"),
        "accountName": with(short_text(), "The home account.", "Acme"),
        "accountGroup": with(or_null(short_text()), "The group whose accounts the user may also access.", "Acme Group"),
        "roleName": with(role, "The default is ACCOUNTADMIN.", Role::AccountAdmin.name()),
    });
    form(properties, &["username", "accountName"])
}

fn user_changes() -> Value {
    let role = name_or_null(&Role::ALL.map(Role::name));
    let properties = json!({
        "roleName": with(role, "", Role::AccountReadOnly.name()),
        "accountGroup": with(or_null(short_text()), "Null removes the user from its group.", Value::Null),
        "status": name_or_null(&USER_STATES.map(|(name, _)| name)),
    });
    form(properties, &[])
}

fn new_job() -> Value {
    let kind = json!({ "type": "string", "enum": JobWork::KINDS });
    let (formats, cases) = (FileFormat::ALL.map(FileFormat::name), OnDuplicate::ALL.map(OnDuplicate::name));
    let flag = json!({ "type": ["boolean", "null"], "default": false });
    let account = "The only account of an export, or that of rows without an account name of an import.";
    let format = "The format of the file. Of an import, its content says by default; of an export, the default is csv.";
    let on_duplicate = "What an import does with a row whose name exists in its account. The default is fail.";
    let properties = json!({
        "kind": with(kind, "What the job does.", "import"),
        "accountName": with(or_null(short_text()), account, "Acme"),
        "format": with(name_or_null(&formats), format, "csv"),
        "onDuplicate": with(name_or_null(&cases), on_duplicate, "skip"),
        "createAccounts": with(flag.clone(), "Whether an import creates accounts that are missing.", false),
        "dryRun": with(flag, "Whether an import only checks all rows.", true),
    });
    form(properties, &["kind"])
}

fn new_key() -> Value {
    let lifetime = json!({ "type": ["integer", "null"], "format": "int64", "minimum": 1, "maximum": MAX_LIFETIME });
    let range = json!({
        "type": "string",
        "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }, { "pattern": NETWORK_V4 }, { "pattern": NETWORK_V6 }],
    });
    let ranges = json!({ "type": ["array", "null"], "maxItems": MAX_RANGES, "items": range });
    let places =
        "Addresses, and ranges such as `192.0.2.0/24`, from which the key is accepted. The default is everywhere.";
    let key = json!({
        "type": ["string", "null"],
        "pattern": "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    });
    let properties = json!({
        "label": with(or_null(short_text()), "The name of the key in listings.", "web shop"),
        "lifetimeSeconds": with(lifetime, "For how many seconds the key is accepted. By default it does not expire.", 7_776_000),
        "allowedAddresses": with(ranges, places, vec!["192.0.2.0/24"]),
        "key": with(key, "An existing key to import.", Value::Null),
    });
    form(properties, &[])
}

/// An IPv4 range in CIDR notation.
const NETWORK_V4: &str = concat!(
    r"^(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}",
    r"/(3[0-2]|[12]?[0-9])$"
);

/// An IPv6 range in CIDR notation, in the long form. The server accepts shorter forms too.
const NETWORK_V6: &str = r"^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$";
