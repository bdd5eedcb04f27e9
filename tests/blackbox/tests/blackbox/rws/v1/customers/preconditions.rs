//! Conditional requests (RFC 9110, section 13): `If-Match`, `If-None-Match` and the conditions that need a date.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Reply, Request, sample};

/// A customer with version 2, and the path to it.
fn customer(client: &Client) -> (u64, String) {
    let id = client.create(&sample::minimal("First", "Acme")).customer_id();
    client.edit(id, &sample::minimal("Second", "Acme")).must_succeed("an edit");
    (id, format!("{CUSTOMERS}/{id}"))
}

fn send(client: &Client, method: &str, target: &str, name: &str, values: &[&str]) -> Reply {
    let request = match method {
        "POST" | "PUT" => Request::new(method, target).json(&sample::minimal("Written", "Acme")),
        _ => Request::new(method, target),
    };
    client.send(values.iter().fold(request, |request, value| request.header(name, value)))
}

/// Values of a condition that list version 2 as a strong tag, as a weak one, and not at all; and those that are malformed.
const STRONG: [&[&str]; 4] = [&["\"2\""], &["\"1\", \"2\""], &["\"x,y\",,\"2\" ,"], &["\"1\"", "\"2\""]];
const WEAK: [&[&str]; 2] = [&["W/\"2\""], &["\"1\"", "W/\"2\""]];
const OTHER: [&[&str]; 4] = [&["\"1\""], &["\"3\", \"x\""], &["\"02\""], &["W/\"1\""]];
const MALFORMED: [&[&str]; 6] = [&["2"], &[""], &["\"2"], &["w/\"2\""], &["*, \"1\""], &["\"1\" \"2\""]];

#[test]
fn a_read_of_a_known_version_is_answered_with_304() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let (_, target) = customer(&client);
    let plain = client.get(&target);
    for method in ["GET", "HEAD"] {
        let read = |name: &str, values: &[&str]| send(&client, method, &target, name, values);
        for known in STRONG.iter().chain(&WEAK).chain(&[&["*"][..]]) {
            let reply = read("If-None-Match", known);
            assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, Some("\"2\"")), "{known:?}");
        }
        for unknown in OTHER.iter().chain(&MALFORMED) {
            let reply = read("If-None-Match", unknown);
            assert_eq!((reply.status, reply.header("etag")), (200, Some("\"2\"")), "{unknown:?}");
        }
        for matching in STRONG.iter().chain(&[&["*"][..]]) {
            assert_eq!(read("If-Match", matching).status, 200, "{matching:?}");
        }
        for failing in WEAK.iter().chain(&OTHER).chain(&MALFORMED) {
            let reply = read("If-Match", failing);
            assert_eq!(reply.status, 412, "{failing:?}");
            assert!(method == "HEAD" || reply.is(&PRECONDITION_FAILED), "{failing:?}");
        }
    }
    let both = Request::new("GET", &target).header("If-Match", "\"1\"").header("If-None-Match", "\"2\"");
    client.send(both).must_be(&PRECONDITION_FAILED, "If-Match comes first");
    assert_eq!(send(&client, "GET", &format!("{target}?fields=name"), "If-None-Match", &["\"2\""]).status, 304);
    let unknown = send(&client, "GET", &format!("{CUSTOMERS}/4711"), "If-None-Match", &["*"]);
    unknown.must_be(&CUSTOMER_NOT_FOUND, "an unknown customer");
    client.edit(1, &sample::minimal("Third", "Acme")).must_succeed("an edit");
    let changed = send(&client, "GET", &target, "If-None-Match", &["\"2\""]);
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"3\"")));
    assert_ne!(changed.text(), plain.text());
}

#[test]
fn a_write_under_a_condition_that_does_not_hold_changes_nothing() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let (id, target) = customer(&client);
    let before = client.read(id);
    for method in ["PUT", "DELETE"] {
        let refused = |name: &str, values: &[&str]| {
            send(&client, method, &target, name, values)
                .must_be(&PRECONDITION_FAILED, &format!("{method} {name} {values:?}"));
        };
        for values in WEAK.iter().chain(&OTHER).chain(&MALFORMED) {
            refused("If-Match", values);
        }
        for values in STRONG.iter().chain(&WEAK).chain(&MALFORMED).chain(&[&["*"][..]]) {
            refused("If-None-Match", values);
        }
        assert_eq!(client.read(id).comparable(), before.comparable(), "{method}");
        let unknown = send(&client, method, &format!("{CUSTOMERS}/4711"), "If-None-Match", &["*"]);
        unknown.must_be(&CUSTOMER_NOT_FOUND, "an unknown customer");
    }
    let bad = Request::new("PUT", &target).header("If-None-Match", "*").json(&sample::minimal("", "Acme"));
    client.send(bad).must_be(&NAME_REQUIRED, "the rules come first");
}

#[test]
fn a_write_under_a_condition_that_holds_is_carried_out() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let (id, target) = customer(&client);
    let mut version = 2;
    for tags in ["*", "\"{}\"", "\"1\", \"{}\""] {
        let tags = tags.replace("{}", &version.to_string());
        let reply = send(&client, "PUT", &target, "If-Match", &[&tags]);
        version += 1;
        assert_eq!(reply.must_succeed(&tags).header("etag"), Some(&*format!("\"{version}\"")));
    }
    for other in ["\"1\"", "W/\"1\", \"2\"", "\"x\""] {
        let reply = send(&client, "PUT", &target, "If-None-Match", &[other]);
        version += 1;
        assert_eq!(reply.must_succeed(other).header("etag"), Some(&*format!("\"{version}\"")));
    }
    send(&client, "DELETE", &target, "If-None-Match", &["\"1\""]).must_succeed("another version");
    client.read(id).must_be(&CUSTOMER_NOT_FOUND, "it is erased");
}

#[test]
fn a_create_meets_a_list_that_exists_and_has_no_version() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let create = |name: &str, values: &[&str]| send(&client, "POST", CUSTOMERS, name, values);
    for (name, value) in [("If-Match", "\"1\""), ("If-Match", "1"), ("If-None-Match", "*"), ("If-None-Match", "1")] {
        create(name, &[value]).must_be(&PRECONDITION_FAILED, &format!("{name}: {value}"));
    }
    assert_eq!(client.get(CUSTOMERS).json()["customers"].as_array().map(Vec::len), Some(0));
    let id = create("If-Match", &["*"]).customer_id();
    client.erase(id).must_succeed("an erasure");
    create("If-None-Match", &["\"1\""]).must_succeed("a tag that the list does not have");
}

#[test]
fn conditions_that_need_a_date_are_ignored_because_there_is_none() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let (_, target) = customer(&client);
    for name in ["If-Modified-Since", "If-Unmodified-Since"] {
        for date in ["Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "yesterday"] {
            let read = send(&client, "GET", &target, name, &[date]);
            read.must_succeed(name);
            assert_eq!(read.header("last-modified"), None);
            send(&client, "PUT", &target, name, &[date]).must_succeed(name);
        }
    }
}
