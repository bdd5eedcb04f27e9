//! Known and unknown paths, supported and unsupported methods.

use blackbox::problems::*;
use blackbox::{Connection, Request, Site};

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
    let site = Site::start();
    let client = site.client();
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
    let site = Site::start();
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
        "/rws/api/v1/echo",
        "/rws/api/v1/echo/a/b",
        "/rws//api/v1/customers",
    ];
    for path in paths {
        site.client().get(path).must_be(&NOT_FOUND, path);
        site.server.client().get(path).must_be(&AUTHENTICATION_REQUIRED, path);
    }
}

#[test]
fn a_path_outside_the_api_is_not_found_without_a_sign_in() {
    let site = Site::start();
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
        site.client().get(path).must_be(&NOT_FOUND, path);
        site.server.client().get(path).must_be(&NOT_FOUND, path);
    }
}

#[test]
fn head_is_handled_like_get_without_a_body() {
    let site = Site::start();
    let mut connection = Connection::open(site.server.address()).expect("the server accepts connections");
    let ada = |path| Request::new("HEAD", path).login(&site.ada);
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
