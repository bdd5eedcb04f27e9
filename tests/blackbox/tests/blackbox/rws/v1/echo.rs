//! `GET /rws/api/v1/echo/{param}`.

use blackbox::problems::*;
use blackbox::{Client, Fixture, Reply, json};
use serde_json::json;

use crate::tenant_fixture::TenantFixture;

fn echo(client: &Client, param: &str) -> Reply {
    client.get(&format!("/rws/api/v1/echo/{param}"))
}

/// Every byte of a text, percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn what_is_called_comes_back_decoded() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let texts = ["hello", "a b", "a+b", "a/b", "100%", "q?x#y", "\"quoted\" \\", "Zo\u{eb} 🦀", "{}", "..", "שלום"];
    for text in texts {
        let reply = echo(&client, &encoded(text));
        reply.must_succeed(text);
        assert_eq!(reply.json(), json!({ "context": text }));
        assert_eq!(json::keys(reply.text()), ["context"]);
    }
    for plain in ["hello", "a+b", "~user", "a:b@c", "1234"] {
        assert_eq!(echo(&client, plain).json(), json!({ "context": plain }));
    }
    assert_eq!(echo(&client, "hello?").json(), json!({ "context": "hello" }), "the query is not part of it");
}

#[test]
fn it_may_have_up_to_255_characters() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for character in ["x", "🦀"] {
        let longest = character.repeat(255);
        assert_eq!(echo(&client, &encoded(&longest)).json(), json!({ "context": longest }));
        let reply = echo(&client, &encoded(&character.repeat(256)));
        reply.must_be(&REQUIRED_FIELDS_MISSING, "256 characters");
    }
    echo(&client, "").must_be(&REQUIRED_FIELDS_MISSING, "no character");
}

#[test]
fn it_must_be_utf8() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for param in ["%FF", "a%C0%AFb", "%ED%A0%80", "%F0%9F%A6"] {
        echo(&client, param).must_be(&REQUIRED_FIELDS_MISSING, param);
    }
}

#[test]
fn every_role_is_answered() {
    let tenants = TenantFixture::start();
    for login in [&tenants.ada, &tenants.solo, &tenants.rita, &tenants.opal, &tenants.rex] {
        echo(&tenants.client(login), "hello").must_succeed(&login.user);
    }
    echo(&tenants.server.client(), "hello").must_be(&AUTHENTICATION_REQUIRED, "nobody");
}
