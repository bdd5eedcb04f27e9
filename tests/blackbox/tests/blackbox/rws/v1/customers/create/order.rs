//! Which of two broken rules answers.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Fixture, Request, sample};
use serde_json::json;

use crate::rules::{self, RULES};
use crate::tenant_fixture::TenantFixture;

#[test]
fn of_two_broken_field_rules_the_smaller_code_answers_and_both_are_listed() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let mut pairs = 0;
    for (index, first) in RULES.iter().enumerate() {
        for second in RULES[index + 1..].iter().filter(|second| first.goes_with(second)) {
            let case = format!("{} with {}", first.problem.message, second.problem.message);
            let reply = client.create(&rules::broken("Acme", &[first, second]));
            reply.must_be(&first.problem, &case);
            assert_eq!(reply.violated_fields(), [first.field, second.field], "{case}");
            pairs += 1;
        }
    }
    assert!(pairs > 150, "only {pairs} pairs were tried");
}

#[test]
fn every_field_rule_comes_before_the_account_lookup() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for rule in RULES.iter().filter(|rule| rule.leaves_the_account()) {
        client.create(&rules::broken("Nobody", &[rule])).must_be(&rule.problem, "a rule against an unknown account");
    }
}

#[test]
fn every_field_rule_comes_before_erasure_and_duplicates() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let customer = sample::full("Precedence", "Acme");
    client.create(&customer).must_succeed("the first of that name");
    for rule in RULES.iter().filter(|rule| rule.leaves_the_account()) {
        client.create(&rules::broken("Leaving", &[rule])).must_be(&rule.problem, "a rule against an erasure");
        client.create(&rules::broken("Acme", &[rule])).must_be(&rule.problem, "a rule against a duplicate");
    }
}

#[test]
fn size_comes_before_authentication() {
    let fixture = Fixture::start();
    let large = Request::new("POST", CUSTOMERS).json_bytes(vec![b' '; 70_000]);
    fixture.server.client().send(large).must_be(&BODY_TOO_LARGE, "a large body without credentials");
}

#[test]
fn authentication_comes_before_everything_below() {
    let fixture = Fixture::start();
    let client = fixture.server.client();
    let cases = [
        ("another version", Request::new("POST", "/rws/api/v2/customers").json(&json!({}))),
        ("an unknown path", Request::new("GET", "/rws/api/v1/nothing")),
        ("an unknown path above the versions", Request::new("GET", "/rws/nothing")),
        ("another method", Request::new("DELETE", CUSTOMERS)),
        ("another media type", Request::new("POST", CUSTOMERS).header("Content-Type", "text/plain").body("x")),
        ("no JSON", Request::new("POST", CUSTOMERS).json_bytes("{")),
    ];
    for (case, request) in cases {
        client.send(request).must_be(&AUTHENTICATION_REQUIRED, case);
    }
}

#[test]
fn the_version_comes_before_path_and_method() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (method, path) in [("GET", "/rws/api/v2/nothing"), ("DELETE", "/rws/api/v2/customers")] {
        client.send(Request::new(method, path)).must_be(&INVALID_API_VERSION, path);
    }
}

#[test]
fn path_and_method_come_before_the_role() {
    let tenants = TenantFixture::start();
    let reader = tenants.client(&tenants.rita);
    reader.send(Request::new("DELETE", CUSTOMERS)).must_be(&METHOD_NOT_ALLOWED, "a method against a role");
    reader.send(Request::new("POST", "/rws/api/v1/nothing")).must_be(&NOT_FOUND, "a path against a role");
}

#[test]
fn the_role_comes_before_media_type_and_body() {
    let tenants = TenantFixture::start();
    let reader = tenants.client(&tenants.rita);
    let post = || Request::new("POST", CUSTOMERS);
    let cases = [
        ("another media type", post().header("Content-Type", "text/plain").body("x")),
        ("no body", post()),
        ("no JSON", post().json_bytes("{")),
        ("a broken rule", post().json(&json!({}))),
        ("an unknown account", post().json(&sample::minimal("A", "Nobody"))),
    ];
    for (case, request) in cases {
        reader.send(request).must_be(&ROLE_NOT_ALLOWED, case);
    }
}

#[test]
fn media_type_then_presence_then_syntax_then_shape_then_fields() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let text = |body: &str| Request::new("POST", CUSTOMERS).header("Content-Type", "text/plain").body(body);
    client.send(text("")).must_be(&UNSUPPORTED_MEDIA_TYPE, "media type against presence");
    client.send(text("{")).must_be(&UNSUPPORTED_MEDIA_TYPE, "media type against syntax");
    client.send(text("{}")).must_be(&UNSUPPORTED_MEDIA_TYPE, "media type against fields");
    client.create_bytes(r#"{"contacts":5,"x":}"#).must_be(&NOT_WELL_FORMED, "syntax against shape");
    let shape = client.create(&json!({ "contacts": 5 }));
    shape.must_be(&NOT_WELL_FORMED, "shape against a missing name");
    assert_eq!(shape.violated_fields(), ["contacts"], "a wrong shape is answered alone");
}

#[test]
fn the_account_lookup_comes_before_the_erasure_of_an_account_out_of_scope() {
    let tenants = TenantFixture::start();
    let reply = tenants.client(&tenants.ada).create(&sample::minimal("A", "Rival Leaving"));
    reply.must_be(&ACCOUNT_NOT_FOUND, "a foreign account that is being erased");
}

#[test]
fn an_erasure_comes_before_a_duplicate() {
    let fixture = Fixture::start();
    let client = fixture.client();
    client.create(&sample::minimal("Taken", "Acme")).must_succeed("the first of that name");
    fixture.test_dir.cli(&["account", "request-erasure", "--yes", "Acme"]).done();
    client.create(&sample::minimal("Taken", "Acme")).must_be(&ERASURE_IN_PROGRESS, "a duplicate under erasure");
}
