//! Sign-in with user name and API key.

use blackbox::problems::*;
use blackbox::{Connection, Fixture, Login, Reply, Request, Server, json, wait};
use data_encoding::BASE64;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::tenant_fixture::TenantFixture;

/// A path that every role may call.
const ECHO: &str = "/rws/api/v1/echo/hello";

fn call(server: &Server, login: &Login) -> Reply {
    server.client_of(login).get(ECHO)
}

fn call_with(server: &Server, authorization: &str) -> Reply {
    server.client().send(Request::new("GET", ECHO).header("Authorization", authorization))
}

#[test]
fn without_credentials_authentication_is_required() {
    let fixture = Fixture::start();
    let reply = fixture.server.client().get(ECHO);
    reply.must_be(&AUTHENTICATION_REQUIRED, "no Authorization");
    assert_eq!(json::keys(reply.text()), ["errorMessage"]);
}

#[test]
fn unusable_credentials_are_invalid() {
    let fixture = Fixture::start();
    let encode = |bytes: &[u8]| BASE64.encode(bytes);
    let (user, key) = (&fixture.ada.user, &fixture.ada.key);
    let flipped = if key.ends_with('0') { "1" } else { "0" };
    let cases = [
        ("another scheme", format!("Bearer {key}")),
        ("a digest", "Digest username=\"ada\"".to_owned()),
        ("only a scheme", "Basic".to_owned()),
        ("a scheme and a space", "Basic ".to_owned()),
        ("no scheme", encode(format!("{user}:{key}").as_bytes())),
        ("no Base64", "Basic !!!!".to_owned()),
        ("Base64 with a wrong end", format!("Basic {}*", encode(b"ada:key"))),
        ("a stray padding", "Basic YWRh=OmtleQ==".to_owned()),
        ("not UTF-8", format!("Basic {}", encode(b"ada:\xff\xfe"))),
        ("a user that is not UTF-8", format!("Basic {}", encode(b"\xff:key"))),
        ("no colon", format!("Basic {}", encode(b"ada"))),
        ("nothing", format!("Basic {}", encode(b""))),
        ("only a colon", format!("Basic {}", encode(b":"))),
        ("no key", format!("Basic {}", encode(b"ada:"))),
        ("no user", format!("Basic {}", encode(format!(":{key}").as_bytes()))),
        ("an unknown user", Login { user: "nobody".into(), key: key.clone() }.basic()),
        ("a user in other letters", Login { user: "ADA".into(), key: key.clone() }.basic()),
        ("a wrong key", Login { user: user.clone(), key: "secret".into() }.basic()),
        ("a key with a wrong end", Login { user: user.clone(), key: format!("{}{flipped}", &key[..79]) }.basic()),
        ("a key without its end", Login { user: user.clone(), key: key[..79].into() }.basic()),
        ("a key with an additional character", Login { user: user.clone(), key: format!("{key}0") }.basic()),
        ("a key in capitals", Login { user: user.clone(), key: key.to_uppercase() }.basic()),
        ("a UUID that was not imported", Login { user: user.clone(), key: UUID.into() }.basic()),
    ];
    for (case, authorization) in cases {
        call_with(&fixture.server, &authorization).must_be(&INVALID_CREDENTIALS, case);
    }
    call(&fixture.server, &fixture.ada).must_succeed("the real ones");
}

#[test]
fn base64_padding_may_be_missing_or_too_much() {
    let fixture = Fixture::start();
    // With a key of 80 characters, this name makes a length that is not a multiple of three.
    let login = fixture.test_dir.user("five5", "Acme", &[]);
    let padded = login.basic();
    assert!(padded.ends_with('='), "these credentials need no padding");
    wait::until("the new user is known", wait::NOTICE, || {
        (call_with(&fixture.server, &padded).status == 200).then_some(())
    });
    let bare = padded.trim_end_matches('=');
    for padding in ["", "=", "==", "===", "====="] {
        call_with(&fixture.server, &format!("{bare}{padding}")).must_succeed(padding);
    }
}

#[test]
fn the_scheme_is_case_insensitive() {
    let fixture = Fixture::start();
    let credentials = fixture.ada.basic();
    for scheme in ["basic", "BASIC", "bAsIc"] {
        let authorization = credentials.replacen("Basic", scheme, 1);
        call_with(&fixture.server, &authorization).must_succeed(scheme);
    }
}

#[test]
fn a_key_is_valid_for_its_user_only() {
    let tenants = TenantFixture::start();
    let mixed = Login { user: tenants.ada.user.clone(), key: tenants.rex.key.clone() };
    call(&tenants.server, &mixed).must_be(&INVALID_CREDENTIALS, "another user's key");
}

#[test]
fn a_revoked_key_is_invalid_and_other_keys_stay_valid() {
    let fixture = Fixture::start();
    let second = fixture.test_dir.key("ada", &[]);
    wait::until("the second key is known", wait::NOTICE, || {
        (call(&fixture.server, &second).status == 200).then_some(())
    });
    call(&fixture.server, &fixture.ada).must_succeed("the first key");
    fixture.test_dir.cli(&["key", "revoke", "--yes", &second.key[5..21]]).done();
    invalid_soon(&fixture.server, &second, "the key is revoked");
    call(&fixture.server, &fixture.ada).must_succeed("the first key stays");
}

#[test]
fn an_expired_key_is_invalid() {
    let fixture = Fixture::start();
    let lasting = fixture.test_dir.key("ada", &["--expires", "1h"]);
    let brief = fixture.test_dir.key("ada", &["--expires", "1s"]);
    invalid_soon(&fixture.server, &brief, "the key has expired");
    wait::until("the lasting key is known", wait::NOTICE, || {
        (call(&fixture.server, &lasting).status == 200).then_some(())
    });
}

#[test]
fn a_disabled_user_cannot_sign_in_until_enabled_again() {
    let fixture = Fixture::start();
    call(&fixture.server, &fixture.ada).must_succeed("at first");
    fixture.test_dir.cli(&["user", "disable", "--yes", "ada"]).done();
    invalid_soon(&fixture.server, &fixture.ada, "the user is disabled");
    fixture.test_dir.cli(&["user", "enable", "ada"]).done();
    wait::until("the user is enabled", wait::NOTICE, || {
        (call(&fixture.server, &fixture.ada).status == 200).then_some(())
    });
}

const UUID: &str = "7d8a4e9e-3f0c-4c6b-9d55-0a1b2c3d4e5f";

#[test]
fn an_imported_key_is_valid() {
    let fixture = Fixture::start();
    let imported = Login { user: "ada".into(), key: UUID.into() };
    call(&fixture.server, &imported).must_be(&INVALID_CREDENTIALS, "before it is imported");
    let id = fixture.test_dir.cli_with_input(&["key", "import", "ada"], &format!("{UUID}\n")).line();
    wait::until("the imported key is known", wait::NOTICE, || {
        (call(&fixture.server, &imported).status == 200).then_some(())
    });
    let other = Login { user: "ada".into(), key: UUID.replace("4e5f", "4e50") };
    call(&fixture.server, &other).must_be(&INVALID_CREDENTIALS, "a UUID that differs at its end");
    fixture.test_dir.cli(&["key", "revoke", "--yes", &id]).done();
    invalid_soon(&fixture.server, &imported, "the imported key is revoked");
}

/// Waits until the server has noticed the change, and asserts its response then.
#[track_caller]
fn invalid_soon(server: &Server, login: &Login, what: &str) {
    wait::until(what, wait::NOTICE, || (call(server, login).status == 401).then_some(()));
    call(server, login).must_be(&INVALID_CREDENTIALS, what);
}

/// A request with a wrong key.
fn wrong() -> Request {
    Request::new("GET", ECHO).login(&Login { user: "ada".into(), key: "wrong".into() })
}

/// Asserts that a wrong key is refused, and returns whether because there are too many.
fn is_limited(reply: &Reply) -> bool {
    let limited = reply.status == 429;
    reply.must_be(if limited { &RATE_LIMIT } else { &INVALID_CREDENTIALS }, "one of many wrong keys");
    limited
}

#[test]
fn too_many_wrong_keys_from_an_address_are_refused_later_and_do_not_affect_valid_keys() {
    let fixture = Fixture::start();
    let client = fixture.server.client();
    assert!(!is_limited(&client.send(wrong())), "the first one");
    wait::until("there are too many", wait::PATIENCE, || {
        let asked = Instant::now();
        let limited = is_limited(&client.send(wrong()));
        let took = asked.elapsed();
        fixture.client().get(ECHO).must_succeed("the right key from the same address");
        // On any machine: the refusal waits at least that long.
        assert!(!limited || took >= Duration::from_secs(1), "a refusal took {took:?}");
        limited.then_some(())
    });
    wait::until("a wrong key is told to be wrong again", wait::PATIENCE, || {
        (!is_limited(&client.send(wrong()))).then_some(())
    });
}

#[test]
fn a_key_that_is_issued_during_a_flood_of_wrong_ones_is_accepted() {
    let fixture = Fixture::start();
    let flood = fixture.server.client();
    wait::until("there are too many wrong keys", wait::PATIENCE, || is_limited(&flood.send(wrong())).then_some(()));
    let new = fixture.test_dir.key("ada", &[]);
    wait::until("the new key is accepted", wait::NOTICE, || (call(&fixture.server, &new).status == 200).then_some(()));
}

/// How many wrong keys an address sends: fewer than one address may.
const FEW: usize = 10;

#[test]
fn wrong_keys_from_many_addresses_are_limited_together() {
    let fixture = Fixture::start();
    let address = fixture.server.address();
    let mut sources = (1..=u32::MAX).map(|number| Ipv4Addr::from_bits(u32::from(Ipv4Addr::LOCALHOST) + number));
    wait::until("there are too many in all", wait::PATIENCE, || {
        let source = sources.next().expect("there are many addresses of the loopback interface");
        let mut connection = Connection::open_from(source, address).expect("the server accepts connections");
        let replies = (0..FEW).map(|_| connection.exchange(&wrong()).expect("the server answers"));
        // A limited one is delayed, so the others would no longer be many at once.
        replies.map(|reply| is_limited(&reply)).find(|limited| *limited).map(drop)
    });
    fixture.client().get(ECHO).must_succeed("the right key");
}
