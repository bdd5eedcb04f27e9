//! `…/audit`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Request, json, sample};
use serde_json::{Value, json};

use super::{account_id, get, post, user_id};
use crate::tenant_fixture::TenantFixture;

/// The numbers of the entries that a query lists.
#[track_caller]
fn numbers(operator: &Client, query: &str) -> Vec<u64> {
    let page = get(operator, &format!("audit?{query}")).must_succeed(query).json();
    let entries = page["entries"].as_array().expect("entries");
    entries.iter().map(|entry| entry["sequence"].as_u64().expect("a number")).collect()
}

#[test]
fn a_log_of_many_parts_is_listed_whole() {
    /// How many entries are read at once.
    const PART: u64 = 1000;
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let ada = tenants.client(&tenants.ada);
    let create = |prefix: &str| {
        for number in 0..900 {
            ada.create(&sample::minimal(&format!("{prefix} {number}"), "Acme")).must_succeed("a customer");
        }
    };
    let last = || {
        let last = tenants.test_dir.cli(&["audit", "list", "--last", "--limit", "1", "--json"]).json();
        last[0]["sequence"].as_u64().expect("a number")
    };
    create("First");
    let (mut end, mut groups) = (last(), vec![]);
    for goal in [PART - 1, PART, PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1] {
        if goal == 2 * PART - 1 {
            create("Second");
            end = last();
        }
        assert!(end < goal, "the fixture wrote more than was assumed");
        while end < goal {
            let new = json!({ "groupName": format!("Group {end}") });
            post(&operator, "groups", &new).must_succeed("a group");
            end += 1;
            groups.push(end);
        }
        let walked = |query: &str, order: &str| {
            let entries = walk_entries(&operator, query, order);
            entries.iter().map(|entry| entry["sequence"].as_u64().expect("a number")).collect::<Vec<_>>()
        };
        assert_eq!(walked("pageSize=50", "oldest"), (1..=goal).collect::<Vec<_>>());
        assert_eq!(walked("pageSize=50", "newest"), (1..=goal).rev().collect::<Vec<_>>());
        let of_groups = walked("pageSize=50&action=create_group", "oldest");
        assert!(of_groups.ends_with(&groups), "{goal} entries: {of_groups:?}");
        for after in [goal - 51, goal - 50, goal - 49, goal - 1, goal] {
            let expected: Vec<_> = (after + 1..=goal).take(50).collect();
            assert_eq!(numbers(&operator, &format!("order=oldest&after={after}")), expected, "after {after} of {goal}");
        }
    }
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
        ("before=x", &INVALID_REQUEST, "before"),
        ("order=up", &INVALID_REQUEST, "order"),
        ("object=customer", &INVALID_REQUEST, "object"),
        ("object=customer:x", &INVALID_REQUEST, "object"),
        ("actor=ann", &INVALID_REQUEST, "actor"),
        ("requestId=a&requestId=b", &INVALID_REQUEST, "requestId"),
        ("until=tomorrow", &INVALID_DATE_FORMAT, "until"),
        ("pageSize=51", &INVALID_PAGE_SIZE, "pageSize"),
    ] {
        let reply = refused(query);
        reply.must_be(problem, query);
        assert_eq!(reply.violated_fields(), [field], "{query}");
    }
    assert_eq!(refused("accountId=x&action=nothing").violated_fields(), ["accountId", "action"]);
}

/// The entries that a query lists, page after page.
#[track_caller]
fn walk_entries(operator: &Client, query: &str, order: &str) -> Vec<Value> {
    let cursor = if order == "newest" { "before" } else { "after" };
    let (mut walked, mut from) = (Vec::new(), String::new());
    loop {
        let page = get(operator, &format!("audit?{query}&order={order}{from}")).must_succeed(query).json();
        walked.extend(page["entries"].as_array().expect("entries").iter().cloned());
        assert_eq!(page["lastPage"], page["next"].is_null());
        if page["lastPage"] == true {
            return walked;
        }
        from = format!("&{cursor}={}", page["next"]);
    }
}

/// Their actions.
#[track_caller]
fn walk(operator: &Client, query: &str, order: &str) -> Vec<String> {
    let entries = walk_entries(operator, query, order);
    entries.iter().map(|entry| entry["action"].as_str().expect("an action").to_owned()).collect()
}

#[test]
fn the_history_of_a_customer_has_its_changes_and_the_exports_that_reached_it() {
    let tenants = TenantFixture::start();
    let (operator, ada) = (tenants.client(&tenants.opal), tenants.client(&tenants.ada));
    let request = Request::new("POST", CUSTOMERS).header("X-Request-Id", "order-1").json(&sample::full("One", "Acme"));
    let id = ada.send(request).customer_id();
    ada.create(&sample::full("Two", "Acme")).must_succeed("another customer");
    ada.edit(id, &sample::full("One again", "Acme")).must_succeed("an edit");
    for more in [vec!["--account", "Acme"], vec!["--account", "Rival"], vec![]] {
        tenants.test_dir.cli(&[vec!["customer", "export"], more].concat()).done();
    }
    ada.erase(id).must_succeed("an erasure");
    let expected = ["create_customer", "edit_customer", "export_customers", "export_customers", "erase_customer"];
    let reversed: Vec<_> = expected.iter().copied().rev().collect();
    for size in [1, 2, 50] {
        let query = format!("object=customer:{id}&pageSize={size}");
        assert_eq!(walk(&operator, &query, "oldest"), expected, "{size}");
        assert_eq!(walk(&operator, &query, "newest"), reversed, "{size}");
    }
    assert_eq!(walk(&operator, "requestId=order-1", "newest"), ["create_customer"]);
    let actor = format!("user:{}", user_id(&operator, "ada"));
    assert_eq!(walk(&operator, &format!("actor={actor}&pageSize=1"), "newest").len(), 4);
    assert_eq!(walk(&operator, "actor=command_line&action=export_customers", "oldest").len(), 3);
    let at = get(&operator, &format!("audit?object=customer:{id}")).json()["entries"][0]["at"].clone();
    let at = at.as_str().expect("a time");
    assert!(walk(&operator, &format!("object=customer:{id}&until={at}"), "oldest").is_empty());
    assert_eq!(walk(&operator, &format!("object=customer:{id}&since={at}"), "oldest"), expected);
}

#[test]
fn who_has_read_a_security_answer_is_in_the_history_of_the_customer_if_that_is_recorded() {
    for is_recorded in [true, false] {
        let recorded: &[&str] = if is_recorded { &["--audit-security-answers"] } else { &[] };
        let tenants = TenantFixture::start_with(|launch| launch.args(recorded));
        let (operator, ada) = (tenants.client(&tenants.opal), tenants.client(&tenants.ada));
        let id = ada.create(&sample::full("One", "Acme")).customer_id();
        let plain = ada.create(&sample::minimal("Without an answer", "Acme")).customer_id();
        let read = |client: &Client, more: &str| client.get(&format!("{CUSTOMERS}{more}")).must_succeed(more).clone();
        assert_eq!(read(&ada, &format!("/{id}")).json()["securityAnswer"], "Journey");
        read(&ada, "");
        for unseen in [format!("/{id}?fields=name,securityQuestion"), format!("/{plain}"), "?fields=name".into()] {
            read(&ada, &unseen);
        }
        // A reader gets no answer.
        assert!(read(&tenants.client(&tenants.rita), &format!("/{id}")).json()["securityAnswer"].is_null());
        let reads = if is_recorded { 2 } else { 0 };
        let history = walk(&operator, &format!("object=customer:{id}"), "oldest");
        assert_eq!(history[0], "create_customer");
        assert_eq!(history[1..], vec!["read_security_answer"; reads][..]);
        assert_eq!(walk(&operator, &format!("object=customer:{plain}"), "oldest"), ["create_customer"]);
        let actor = format!("user:{}", user_id(&operator, "ada"));
        let of_ada = format!("action=read_security_answer&actor={actor}");
        assert_eq!(walk(&operator, &of_ada, "newest").len(), reads);
    }
}
