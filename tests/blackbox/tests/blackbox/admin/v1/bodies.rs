//! What holds for every body and every listing.

use blackbox::problems::*;
use blackbox::{Problem, Request};
use serde_json::{Value, json};

use super::{ADMIN, get, post, user_id};
use crate::tenant_fixture::TenantFixture;

#[test]
fn every_violation_is_listed_with_its_field() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let refused = |path: &str, body: Value, problem: &Problem, fields: &[&str]| {
        let reply = post(&operator, path, &body);
        reply.must_be(problem, &body.to_string());
        assert_eq!(reply.violated_fields(), fields, "{body}");
        reply.violations()
    };
    for (path, field) in [("accounts", "accountName"), ("groups", "groupName")] {
        refused(path, json!({}), &REQUIRED_FIELDS_MISSING, &[field]);
        refused(path, json!({ field: null }), &REQUIRED_FIELDS_MISSING, &[field]);
        for name in ["", " x", "x ", "two\nlines", &"x".repeat(101)] {
            let violations = refused(path, json!({ field: name }), &INVALID_TEXT, &[field]);
            assert_eq!(violations[0].limit, Some(100));
        }
        refused(path, json!({ "reason": "" }), &REQUIRED_FIELDS_MISSING, &[field, "reason"]);
        refused(path, json!({ field: 5, "reason": [] }), &NOT_WELL_FORMED, &[field, "reason"]);
    }
    let user = json!({ "username": "a:b", "accountGroup": "", "roleName": "KING" });
    let expected = ["accountName", "username", "accountGroup", "roleName"];
    refused("users", user, &REQUIRED_FIELDS_MISSING, &expected);
    refused(
        "users",
        json!({ "username": "a", "accountName": "Acme", "roleName": "operator" }),
        &INVALID_ROLE,
        &["roleName"],
    );

    let keys = format!("users/{}/keys", user_id(&operator, "ada"));
    let key = json!({
        "label": "", "lifetimeSeconds": 0, "key": "secret", "allowedAddresses": ["10.0.0.0/8", "10.0.0.0/33"],
    });
    let expected = ["label", "lifetimeSeconds", "key", "allowedAddresses[1]"];
    refused(&keys, key, &INVALID_TEXT, &expected);
    for lifetime in [json!(-1), json!(1.5), json!(1e300)] {
        refused(&keys, json!({ "lifetimeSeconds": lifetime }), &INVALID_LIFETIME, &["lifetimeSeconds"]);
    }
    refused(&keys, json!({ "key": "secret" }), &INVALID_KEY, &["key"]);
    let many = json!({ "allowedAddresses": vec!["::1"; 51] });
    assert_eq!(refused(&keys, many, &INVALID_ADDRESS_RANGE, &["allowedAddresses"])[0].limit, Some(50));
    let shape = json!({ "lifetimeSeconds": "1", "allowedAddresses": "::1" });
    refused(&keys, shape, &NOT_WELL_FORMED, &["lifetimeSeconds", "allowedAddresses"]);
}

#[test]
fn a_body_is_json_and_what_is_not_known_is_ignored() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let request = || Request::new("POST", &format!("{ADMIN}/accounts"));
    for bytes in ["{", "[]", "5", "{\"accountName\":\"\\ud800\"}"] {
        operator.send(request().json_bytes(bytes)).must_be(&NOT_WELL_FORMED, bytes);
    }
    operator.send(request().json_bytes("\u{feff}{\"accountName\":\"Marked\"}")).must_succeed("a byte order mark");
    let twice = operator.send(request().json_bytes(r#"{"accountName":"A","accountName":"B"}"#));
    twice.must_be(&NOT_WELL_FORMED, "a key twice");
    assert_eq!(twice.violated_fields(), ["accountName"]);
    let form = request().header("Content-Type", "application/x-www-form-urlencoded").body("accountName=A");
    operator.send(form).must_be(&UNSUPPORTED_MEDIA_TYPE, "a form");
    operator.send(request()).must_be(&REQUIRED_FIELDS_MISSING, "no body");
    let known = json!({ "accountName": "A", "accountId": 7, "other": { "x": [1] } });
    post(&operator, "accounts", &known).must_succeed("unknown keys");
}

#[test]
fn listings_come_in_pages() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    for name in ["A", "B", "C"] {
        post(&operator, "groups", &json!({ "groupName": name })).must_succeed(name);
    }
    let keys = format!("users/{}/keys", user_id(&operator, "ada"));
    for _ in 0..3 {
        post(&operator, &keys, &json!({})).must_succeed("a key");
    }
    for (path, key) in [("accounts", "accounts"), ("groups", "groups"), ("users", "users"), (&*keys, "keys")] {
        let page = |query: &str| {
            let page = get(&operator, &format!("{path}?{query}")).must_succeed(path).json();
            (page[key].as_array().expect("entries").clone(), page["lastPage"] == true)
        };
        let (whole, _) = page("pageSize=4");
        let (first, first_is_last) = page("pageSize=2&pageNumber=1");
        let (second, _) = page("pageSize=2&pageNumber=2");
        assert_eq!(([first, second].concat(), first_is_last), (whole, false), "{path}");
        assert_eq!(page("pageNumber=1000000"), (vec![], true), "{path}");
        get(&operator, &format!("{path}?pageSize=51")).must_be(&INVALID_PAGE_SIZE, path);
        get(&operator, &format!("{path}?pageNumber=0")).must_be(&INVALID_PAGE_NUMBER, path);
    }
}
