//! `…/audit`.

use blackbox::problems::*;
use blackbox::{Client, json, sample};
use serde_json::json;

use super::{account_id, get, post};
use crate::tenant_fixture::TenantFixture;

/// The numbers of the entries that a query lists.
#[track_caller]
fn numbers(operator: &Client, query: &str) -> Vec<u64> {
    let page = get(operator, &format!("audit?{query}")).must_succeed(query).json();
    let entries = page["entries"].as_array().expect("entries");
    entries.iter().map(|entry| entry["sequence"].as_u64().expect("a number")).collect()
}

#[test]
fn entries_are_those_of_the_command_line() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    tenants.client(&tenants.ada).create(&sample::full("Audited", "Acme")).must_succeed("a customer");
    let listed = get(&operator, "audit").json()["entries"].as_array().expect("entries").clone();
    let from_cli = tenants.test_dir.cli(&["audit", "list", "--json"]).json();
    let from_cli = from_cli.as_array().expect("a list");
    assert_eq!(listed.len(), from_cli.len());
    for (listed, known) in listed.iter().zip(from_cli) {
        assert_eq!(json::keys(&listed.to_string()), sample::AUDIT_KEYS);
        for key in ["sequence", "at", "actor", "action", "object", "address", "requestId", "reason"] {
            assert_eq!(listed[key], known[key], "{key}");
        }
    }
    assert!(!get(&operator, "audit").text().contains("Audited"), "names are not shown");
}

#[test]
fn conditions_hold_together() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let whole = numbers(&operator, "");
    assert_eq!(whole, (1..=whole.len() as u64).collect::<Vec<_>>());
    post(&operator, "accounts", &json!({ "accountName": "New" })).must_succeed("an account");
    let last = whole.len() as u64 + 1;
    let new = account_id(&operator, "New");
    assert_eq!(numbers(&operator, &format!("after={}", last - 2)), [last - 1, last]);
    assert_eq!(numbers(&operator, &format!("accountId={new}")), [last]);
    assert!(numbers(&operator, &format!("accountId={new}&action=create_user")).is_empty());
    assert_eq!(numbers(&operator, "action=create_account").len(), 6, "five of the fixture, and one");
    let at = get(&operator, &format!("audit?after={}", last - 1)).json()["entries"][0]["at"].clone();
    let since = at.as_str().expect("a time");
    assert!(numbers(&operator, &format!("since={since}")).ends_with(&[last]));
    assert!(numbers(&operator, "since=2100-01-01T00:00:00Z").is_empty());
    let mut walked: Vec<u64> = Vec::new();
    loop {
        let after = walked.last().copied().unwrap_or(0);
        let part = numbers(&operator, &format!("action=create_account&pageSize=4&after={after}"));
        if part.is_empty() {
            break;
        }
        walked.extend(part);
    }
    assert_eq!(walked, numbers(&operator, "action=create_account"));
}

#[test]
fn a_condition_that_is_none_is_refused() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let refused = |query: &str| get(&operator, &format!("audit?{query}"));
    for (query, problem, field) in [
        ("after=x", &INVALID_REQUEST, "after"),
        ("after=9223372036854775808", &INVALID_REQUEST, "after"),
        ("after=1&after=2", &INVALID_REQUEST, "after"),
        ("action=nothing", &INVALID_REQUEST, "action"),
        ("since=yesterday", &INVALID_DATE_FORMAT, "since"),
        ("accountId=x", &INVALID_ACCOUNT_ID, "accountId"),
        ("after=1&pageNumber=2", &INVALID_PAGE_NUMBER, "pageNumber"),
    ] {
        let reply = refused(query);
        reply.must_be(problem, query);
        assert_eq!(reply.violated_fields(), [field], "{query}");
    }
    assert_eq!(refused("accountId=x&action=nothing").violated_fields(), ["accountId", "action"]);
}
