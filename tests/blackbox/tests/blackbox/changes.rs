//! What the audit log says of a change: exactly what changed, field by field.

use blackbox::{Client, Request, reference, sample};
use serde_json::{Value, json};

use crate::tenant_fixture::TenantFixture;

/// The fields of a customer at its top level, in the order of a reply.
const FIELDS: [&str; 8] = [
    "name",
    "accountName",
    "securityQuestion",
    "securityAnswer",
    "shipToBillAddress",
    "contacts",
    "billingAddress",
    "shippingAddress",
];

/// Every part of a customer that can change: the published fields, what is no text, and whole parts.
fn parts() -> Vec<String> {
    let mut parts = reference::fields().expect("docs/reference/fields.md is published");
    assert!(parts.len() >= 21, "{parts:?}");
    parts.extend(["shipToBillAddress", "contacts", "billingAddress", "shippingAddress"].map(str::to_owned));
    parts
}

/// The field at the top level that a part belongs to.
fn field_of(part: &str) -> &str {
    part.split(['.', '[']).next().expect("a name")
}

/// Changes a part of a customer.
fn change(customer: &mut Value, part: &str) {
    match part {
        "accountName" => customer[part] = json!("Acme East"),
        "shipToBillAddress" => customer[part] = json!(true),
        "contacts" => customer[part].as_array_mut().expect("contacts").push(sample::contact("Another")),
        "billingAddress" | "shippingAddress" => customer[part] = Value::Null,
        _ => match part.split_once('.') {
            None => customer[part] = json!("Changed"),
            Some(("contacts[]", key)) => customer["contacts"][0][key] = json!("changed"),
            Some((address, key)) => customer[address][key] = json!("changed"),
        },
    }
}

/// The fields of every entry of an action, the oldest first.
fn logged(tenants: &TenantFixture, action: &str) -> Vec<Vec<String>> {
    let list = ["audit", "list", "--json", "--action", action, "--limit", "1000"];
    let entries = tenants.test_dir.cli(&list).json();
    let fields = |entry: &Value| match entry["fields"].as_array() {
        Some(fields) => fields.iter().map(|field| field.as_str().expect("a name").to_owned()).collect(),
        None => Vec::new(),
    };
    entries.as_array().expect("entries").iter().map(fields).collect()
}

#[test]
fn every_field_of_a_customer_that_changes_is_named_alone_and_together() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let base = sample::full("Base", "Acme");
    let id = client.create(&base).customer_id();
    let parts = parts();
    let mut changes: Vec<Vec<&str>> = vec![Vec::new()];
    changes.extend(parts.iter().map(|part| vec![part.as_str()]));
    changes.extend(FIELDS.windows(2).map(<[_]>::to_vec));
    changes.push(FIELDS.iter().step_by(2).copied().collect());
    changes.push(FIELDS.to_vec());
    let mut expected = Vec::new();
    for parts in &changes {
        let mut changed = base.clone();
        parts.iter().for_each(|part| change(&mut changed, part));
        // There and back.
        for customer in [&changed, &base] {
            client.edit(id, customer).must_succeed(&format!("{parts:?}"));
            let named = FIELDS.iter().filter(|field| parts.iter().any(|part| field_of(part) == **field));
            let named: Vec<_> = named.map(|field| (*field).to_owned()).collect();
            // A move is logged for both accounts.
            let entries = if named.iter().any(|field| field == "accountName") { 2 } else { 1 };
            expected.extend(vec![(parts, named); entries]);
        }
    }
    let found = logged(&tenants, "edit_customer");
    assert_eq!(found.len(), expected.len());
    for (found, (parts, expected)) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "a change of {parts:?}");
    }
}

#[test]
fn every_change_of_a_user_is_named_alone_and_together() {
    let tenants = TenantFixture::start();
    tenants.test_dir.user("una", "Acme", &["--group", "West"]);
    let operator = tenants.client(&tenants.opal);
    let una = operator.get("/rws/api/v1/users?username=una&fields=userId").json();
    let path = format!("/admin/v1/users/{}", una["users"][0]["userId"].as_str().expect("an id"));
    let edit = |client: &Client, changes: Value| {
        client.send(Request::new("PATCH", &path).json(&changes)).must_succeed("a change");
    };
    let entries = || {
        let list = ["audit", "list", "--json", "--limit", "1000"];
        let entries = tenants.test_dir.cli(&list).json();
        let of_una = entries.as_array().expect("entries").iter().filter(|entry| entry["actor"] == "user:4");
        of_una.map(|entry| (entry["action"].clone(), entry["fields"].clone())).collect::<Vec<_>>()
    };
    let mut seen = entries().len();
    for (changes, expected) in [
        (json!({}), vec![]),
        (json!({ "roleName": "ACCOUNTADMIN", "accountGroup": "West", "status": "Active" }), vec![]),
        (json!({ "roleName": "ACCOUNTREADONLY" }), vec![("edit_user", json!(["roleName"]))]),
        (json!({ "accountGroup": null }), vec![("edit_user", json!(["accountGroup"]))]),
        (json!({ "accountGroup": null, "roleName": "ACCOUNTREADONLY" }), vec![]),
        (json!({ "status": "Disabled" }), vec![("disable_user", Value::Null)]),
        (json!({ "status": "Disabled" }), vec![]),
        (
            json!({ "roleName": "ACCOUNTADMIN", "accountGroup": "West" }),
            vec![("edit_user", json!(["roleName", "accountGroup"]))],
        ),
        (
            json!({ "roleName": "ACCOUNTREADONLY", "accountGroup": null, "status": "Active" }),
            vec![("edit_user", json!(["roleName", "accountGroup"])), ("enable_user", Value::Null)],
        ),
    ] {
        edit(&operator, changes.clone());
        let all = entries();
        let new: Vec<_> =
            all[seen..].iter().map(|(action, fields)| (action.as_str().expect("a name"), fields.clone())).collect();
        assert_eq!(new, expected, "{changes}");
        seen = all.len();
    }
}
