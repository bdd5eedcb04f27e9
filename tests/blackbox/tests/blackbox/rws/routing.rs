//! Known and unknown paths, supported and unsupported methods.

use blackbox::problems::*;
use blackbox::{Connection, Fixture, Request, sample};
use serde_json::json;

/// Paths, with the methods that each supports and methods that it does not.
const PATHS: [(&str, &[&str], &[&str]); 11] = [
    ("/rws/api/v1/accounts", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
    ("/rws/api/v1/accounts/1", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
    ("/rws/api/v1/customers", &["GET", "POST"], &["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]),
    ("/rws/api/v1/customers/17", &["GET", "PUT", "DELETE"], &["POST", "PATCH", "OPTIONS", "BREW"]),
    ("/rws/api/v1/echo/hello", &["GET"], &["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    ("/rws/api/v1/users", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
    ("/rws/api/v1/users/1", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
    ("/health/live", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
    ("/health/ready", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
    ("/openapi.json", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
    ("/docs", &["GET"], &["POST", "PUT", "DELETE", "PATCH"]),
];

#[test]
fn an_unsupported_method_is_refused_with_the_supported_ones() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (path, supported, unsupported) in PATHS {
        for method in unsupported {
            let case = format!("{method} {path}");
            let reply = client.send(Request::new(method, path));
            reply.must_be(&METHOD_NOT_ALLOWED, &case);
            let allow: Vec<_> = reply.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
            assert!(supported.iter().all(|method| allow.contains(method)), "{case}: Allow is {allow:?}");
            assert!(!allow.contains(method), "{case}: Allow is {allow:?}");
        }
    }
}

#[test]
fn an_unknown_path_of_the_api_is_not_found_after_the_sign_in() {
    let fixture = Fixture::start();
    let paths = [
        "/rws/",
        "/rws/api",
        "/rws/api/",
        "/rws/nothing",
        "/rws/api/v1",
        "/rws/api/v1/",
        "/rws/api/v1/nothing",
        "/rws/api/v1/Customers",
        "/rws/api/v1/customers/17/contacts",
        "/rws/api/v1/echo/a/b",
        "/rws//api/v1/customers",
        "/rws/api//v1/customers",
    ];
    for path in paths {
        fixture.client().get(path).must_be(&NOT_FOUND, path);
        fixture.server.client().get(path).must_be(&AUTHENTICATION_REQUIRED, path);
    }
}

#[test]
fn a_path_outside_the_api_is_not_found_without_a_sign_in() {
    let fixture = Fixture::start();
    for path in [
        "/",
        "/index.html",
        "/rws",
        "/rwsx",
        "/RWS/api/v1/customers",
        "/health",
        "/health/",
        "/health/other",
        "/metrics",
        "/docs/",
        "/openapi",
    ] {
        fixture.client().get(path).must_be(&NOT_FOUND, path);
        fixture.server.client().get(path).must_be(&NOT_FOUND, path);
    }
}

#[test]
fn head_is_handled_like_get_without_a_body() {
    let fixture = Fixture::start();
    let mut connection = Connection::open(fixture.server.address()).expect("the server accepts connections");
    let ada = |path| Request::new("HEAD", path).login(&fixture.ada);
    let cases = [
        (ada("/rws/api/v1/echo/hello"), 200),
        (Request::new("HEAD", "/rws/api/v1/echo/hello"), 401),
        (ada("/rws/api/v1/customers/17"), 404),
        (ada("/rws/api/v1/customers"), 200),
        (ada("/rws/api/v1/customers?pageSize=0"), 400),
        (Request::new("HEAD", "/nothing"), 404),
        (Request::new("HEAD", "/health/live"), 200),
    ];
    for (request, status) in cases {
        let reply = connection.exchange(&request).expect("the connection stays open");
        assert_eq!((reply.status, reply.body.len()), (status, 0), "{}", String::from_utf8_lossy(&request.head()));
        let after = connection.exchange(&Request::new("GET", "/health/live")).expect("the connection stays open");
        after.must_succeed("the request after HEAD");
    }
}

#[test]
fn doubled_slashes_and_one_at_the_end_mean_the_path_without_them() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let create = Request::new("POST", "/rws/api/v1//customers/").json(&sample::minimal("Slashed", "Acme"));
    let id = client.send(create).customer_id();
    let plain = client.read(id);
    plain.must_succeed("the customer");
    for path in [format!("/rws/api/v1/customers/{id}/"), format!("/rws/api/v1///customers//{id}//")] {
        assert_eq!(client.get(&path).comparable(), plain.comparable(), "{path}");
    }
    let listed = client.get("/rws/api/v1/customers/?fields=name");
    assert_eq!(listed.json()["customers"], json!([{ "name": "Slashed" }]));
    client.get("/rws/api/v1//echo//hello/").must_succeed("an echo");
    for empty in ["/rws/api/v1/echo", "/rws/api/v1/echo/", "/rws/api/v1//echo//"] {
        client.get(empty).must_be(&REQUIRED_FIELDS_MISSING, empty);
    }
    client.send(Request::new("PATCH", "/rws/api/v1/customers/")).must_be(&METHOD_NOT_ALLOWED, "another method");
    fixture.server.client().get("/rws/api/v1//customers/").must_be(&AUTHENTICATION_REQUIRED, "without credentials");
}

/// Every operation with its query parameters.
const OPERATIONS: [(&str, &str, &[&str]); 10] = [
    ("GET", "/rws/api/v1/accounts", &["fields", "pageSize", "pageNumber"]),
    ("GET", "/rws/api/v1/accounts/1", &["fields"]),
    (
        "GET",
        "/rws/api/v1/customers",
        &["accountName", "name", "namePrefix", "search", "modifiedSince", "fields", "after", "pageSize", "pageNumber"],
    ),
    ("POST", "/rws/api/v1/customers", &[]),
    ("GET", "/rws/api/v1/customers/1", &["fields"]),
    ("PUT", "/rws/api/v1/customers/1", &[]),
    ("DELETE", "/rws/api/v1/customers/1", &[]),
    ("GET", "/rws/api/v1/echo/hello", &[]),
    ("GET", "/rws/api/v1/users", &["username", "fields", "pageSize", "pageNumber"]),
    ("GET", "/rws/api/v1/users/1", &["fields"]),
];

#[test]
fn an_unknown_query_parameter_is_refused_and_named() {
    let fixture = Fixture::start();
    let client = fixture.client();
    assert_eq!(client.create(&sample::minimal("Kept", "Acme")).customer_id(), 1);
    let before = client.read(1);
    let known: Vec<_> = OPERATIONS.iter().flat_map(|(.., known)| known.iter().copied()).collect();
    for (method, path, parameters) in OPERATIONS {
        let send = |query: &str| {
            client.send(Request::new(method, &format!("{path}?{query}")).json(&sample::minimal("Other", "Acme")))
        };
        let refused = |query: &str, fields: &[&str]| {
            let reply = send(query);
            let case = format!("{method} {path}?{query}");
            reply.must_be(&INVALID_REQUEST, &case);
            assert_eq!(reply.violated_fields(), fields, "{case}");
        };
        refused("other=1", &["other"]);
        refused("other", &["other"]);
        refused("=1", &[""]);
        refused("%FF=1&b%20c=2&other=1&other=2", &["\u{fffd}", "b c", "other"]);
        refused("limit=10&offset=20", &["limit", "offset"]);
        for name in &known {
            if !parameters.contains(name) {
                refused(&format!("{name}=1"), &[name]);
            }
            // The same name in another case.
            for name in [name.to_lowercase(), name.to_uppercase()].iter().filter(|other| !known.contains(&&***other)) {
                refused(&format!("{name}=1"), &[name]);
            }
        }
        let wrong = format!("{}=1", "x".repeat(1000));
        assert!(send(&wrong).body.len() < 400, "{method} {path}: a long name is cut");
    }
    assert_eq!(client.read(1).comparable(), before.comparable(), "nothing was done");
    assert_eq!(client.get("/rws/api/v1/customers?fields=name").json()["customers"], json!([{ "name": "Kept" }]));
    fixture.server.client().get("/rws/api/v1/users?x=1").must_be(&AUTHENTICATION_REQUIRED, "without credentials");
    client.get("/rws/api/v1/nothing?x=1").must_be(&NOT_FOUND, "an unknown path");
    for other in ["/health/live?x=1", "/openapi.json?x=1"] {
        fixture.server.client().get(other).must_succeed(other);
    }
}

#[test]
fn fields_can_be_selected_wherever_something_is_read() {
    let fixture = Fixture::start();
    let client = fixture.client();
    client.create(&sample::minimal("Selected", "Acme")).must_succeed("a customer");
    let get = |target: &str| client.get(&format!("/rws/api/v1/{target}"));
    for (path, listing, key, fields, selected) in [
        (
            "customers/1",
            "customers",
            "customers",
            "customerId,name,customerId",
            json!({ "name": "Selected", "customerId": 1 }),
        ),
        (
            "accounts/1",
            "accounts",
            "accounts",
            "status,accountName",
            json!({ "accountName": "Acme", "status": "Active" }),
        ),
        (
            "users/1",
            "users",
            "users",
            "email,username,userId",
            json!({ "userId": "1", "username": "ada", "email": null }),
        ),
    ] {
        let one = get(&format!("{path}?fields={fields}"));
        assert_eq!(one.must_succeed(path).text(), selected.to_string(), "{path}, in the order of the reply");
        assert_eq!(get(&format!("{listing}?fields={fields}")).json()[key], json!([selected]), "{listing}");
        for bad in ["", "nothing", "userId,", "NAME", "name, accountName"] {
            for target in [path, listing] {
                let reply = get(&format!("{target}?fields={}", bad.replace(' ', "%20")));
                reply.must_be(&INVALID_REQUEST, bad);
                assert_eq!(reply.violated_fields(), ["fields"], "{target} {bad}");
            }
        }
    }
}
