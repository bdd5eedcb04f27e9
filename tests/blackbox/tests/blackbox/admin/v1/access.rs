//! Access to administration.

use std::time::{Duration, Instant};

use blackbox::problems::*;
use blackbox::{Client, Reply, Request, reference, wait};
use serde_json::{Value, json};

use super::{get, newest, patch, user_id};
use crate::tenant_fixture::TenantFixture;

/// Every route below `/admin`, with something in the place of its parameters.
fn routes() -> Vec<(String, String)> {
    let routes = reference::routes().expect("docs/reference/routes.md is published").into_iter();
    let routes: Vec<_> = routes
        .filter(|route| route.template.starts_with("/admin/"))
        .map(|route| (route.method, route.template.replace(['{', '}'], "")))
        .collect();
    assert!(routes.len() >= 18, "{routes:?}");
    routes
}

fn call(client: &Client, (method, target): &(String, String)) -> Reply {
    // A body that is none comes after the role.
    client.send(Request::new(method, target).json_bytes("{"))
}

#[test]
fn only_an_operator_can_administer() {
    let tenants = TenantFixture::start();
    for route in routes() {
        call(&tenants.server.client(), &route).must_be(&AUTHENTICATION_REQUIRED, &route.1);
        for login in [&tenants.ada, &tenants.rita, &tenants.rex] {
            call(&tenants.client(login), &route).must_be(&ROLE_NOT_ALLOWED, &format!("{route:?} by {}", login.user));
        }
    }
}

#[test]
fn refused_administration_is_logged() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let head = newest(&operator, 1)[0]["sequence"].as_u64().expect("a number");
    let request = Request::new("POST", "/admin/v1/accounts").header("X-Request-Id", "refused-1");
    tenants.client(&tenants.rita).send(request).must_be(&ROLE_NOT_ALLOWED, "a reader");
    get(&tenants.client(&tenants.rex), "audit").must_be(&ROLE_NOT_ALLOWED, "an administrator of customers");
    let newest = newest(&operator, 2);
    let field = |index: usize, key: &str| newest[index][key].as_str().unwrap_or_default().to_owned();
    assert_eq!((field(1, "action"), field(1, "object")), ("refused".into(), "operation:create_account".into()));
    assert_eq!(field(1, "actor"), format!("user:{}", user_id(&operator, "rita")));
    assert_eq!((field(1, "requestId"), field(1, "address")), ("refused-1".into(), "127.0.0.1".into()));
    assert_eq!((field(0, "action"), field(0, "object")), ("refused".into(), "operation:list_audit".into()));
    assert_eq!(newest[0]["sequence"], head + 2, "and no other entry");
    tenants.test_dir.cli(&["audit", "verify"]).done();
}

/// For each refusal of a user in the audit log, how many before it have no entry.
fn suppressed(tenants: &TenantFixture, user: &str) -> Vec<usize> {
    let actor = format!("user:{}", user_id(&tenants.client(&tenants.opal), user));
    let log = tenants.test_dir.cli(&["audit", "export"]).done();
    let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("is JSON"));
    let refusals = entries.filter(|entry| entry["action"] == "refused" && entry["actor"] == *actor);
    refusals.map(|entry| entry["suppressed"].as_u64().unwrap_or_default() as usize).collect()
}

/// How many refusals of a user are in the audit log.
fn refusals(tenants: &TenantFixture, user: &str) -> usize {
    suppressed(tenants, user).len()
}

/// How many refusals of a user are logged at most within a time: one at once, and one a second.
fn most_within(time: Duration) -> usize {
    1 + time.as_secs_f64().ceil() as usize
}

#[test]
fn a_flood_of_refused_administration_is_logged_at_a_limited_rate() {
    const FLOOD: usize = 500;
    let tenants = TenantFixture::start();
    let rita = tenants.client(&tenants.rita);
    let started = Instant::now();
    for _ in 0..FLOOD {
        get(&rita, "audit").must_be(&ROLE_NOT_ALLOWED, "a reader");
    }
    let most = most_within(started.elapsed());
    let logged = refusals(&tenants, "rita");
    assert!((1..=most).contains(&logged), "{logged} of {FLOOD} are logged, at most {most} may be");
    get(&tenants.client(&tenants.rex), "audit").must_be(&ROLE_NOT_ALLOWED, "another one");
    assert_eq!(refusals(&tenants, "rex"), 1, "a flood of one user does not hide another user");
}

#[test]
fn refusals_without_an_entry_are_counted_in_the_next_one() {
    let tenants = TenantFixture::start();
    let rita = tenants.client(&tenants.rita);
    let mut refused = 0;
    // Until an entry counts those since the one before it.
    let counted = wait::until("an entry that counts others", wait::PATIENCE, || {
        for _ in 0..5 {
            get(&rita, "audit").must_be(&ROLE_NOT_ALLOWED, "a reader");
        }
        refused += 5;
        Some(suppressed(&tenants, "rita")).filter(|entries| entries.iter().any(|count| *count > 0))
    });
    let logged: usize = counted.iter().map(|suppressed| suppressed + 1).sum();
    assert_eq!(counted[0], 0, "none came before the first entry");
    assert!(logged <= refused, "{counted:?} of {refused}");
    let listed = get(&tenants.client(&tenants.opal), "audit?action=refused").must_succeed("an operator").json();
    for (entry, count) in listed["entries"].as_array().expect("entries").iter().zip(counted) {
        assert_eq!(entry["suppressed"], if count == 0 { Value::Null } else { json!(count) });
    }
}

#[test]
fn a_flood_of_attempts_to_disable_the_last_operator_is_logged_at_a_limited_rate() {
    const FLOOD: usize = 200;
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let opal = format!("users/{}", user_id(&operator, "opal"));
    let started = Instant::now();
    for _ in 0..FLOOD {
        patch(&operator, &opal, &json!({ "status": "Disabled" })).must_be(&LAST_OPERATOR, "the last operator");
    }
    let most = most_within(started.elapsed());
    let logged = refusals(&tenants, "opal");
    assert!((1..=most).contains(&logged), "{logged} of {FLOOD} are logged, at most {most} may be");
}

#[test]
fn unknown_routes_are_not_found_for_a_signed_in_user() {
    let tenants = TenantFixture::start();
    for path in ["/admin/", "/admin/v2/accounts", "/admin/v1", "/admin/v1/customers", "/admin/v1/accounts/1/erasures"] {
        tenants.server.client().get(path).must_be(&AUTHENTICATION_REQUIRED, path);
        for login in [&tenants.ada, &tenants.opal] {
            tenants.client(login).get(path).must_be(&NOT_FOUND, path);
        }
    }
    let other = tenants.client(&tenants.opal).send(Request::new("DELETE", "/admin/v1/accounts"));
    other.must_be(&METHOD_NOT_ALLOWED, "another method");
}
