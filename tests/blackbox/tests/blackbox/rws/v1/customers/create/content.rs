//! What was sent is what is stored, and what is read.

use blackbox::{Fixture, sample};
use serde_json::json;

/// Texts that have broken other programs, each fit for the shortest name field.
const TEXTS: [(&str, &str); 16] = [
    ("quotes", r#"O'Brien "Bob" `x` «y» „z“"#),
    ("backslashes", r"C:\new\table\u0041 \\"),
    ("markup", "<b>&amp;</b><script>alert(1)</script>"),
    ("a statement", "'); DROP TABLE customer; --"),
    ("patterns", "100% _ * ? [a-z] ${HOME} {{x}} %s"),
    ("emoji", "🦀 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽"),
    ("right to left", "שלום עולם مرحبا"),
    ("direction marks", "a\u{202e}b\u{202c}c\u{200f}d\u{2066}e\u{2069}"),
    ("composed", "Zo\u{eb} \u{c5}"),
    ("decomposed", "Noe\u{308}l A\u{30a}"),
    ("surrounded by space", "  padded  "),
    ("other spaces", "a\u{a0}b\u{2003}c\u{200b}d\u{feff}e"),
    ("upper control characters", "a\u{80}b\u{85}c\u{9f}d"),
    ("line separators", "a\u{2028}b\u{2029}c"),
    ("edges of Unicode", "\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10ffff}"),
    ("Chinese and Thai", "株式会社 ทดสอบ"),
];

#[test]
fn every_text_comes_back_as_it_was_sent() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (case, text) in TEXTS {
        let body = everywhere(text);
        let reply = client.create(&body);
        reply.must_succeed(case);
        let id = reply.customer_id();
        sample::assert_shows(&client.read(id).json(), &body, id);
    }
}

#[test]
fn it_still_does_after_a_restart() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let ids: Vec<_> = TEXTS.iter().map(|(_, text)| client.create(&everywhere(text)).customer_id()).collect();
    fixture.server.stop();
    let server = fixture.test_dir.serve();
    let client = server.client_of(&fixture.ada);
    for ((_, text), id) in TEXTS.iter().zip(ids) {
        sample::assert_shows(&client.read(id).json(), &everywhere(text), id);
    }
}

#[test]
fn contacts_keep_their_order_and_may_repeat() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let mut body = sample::minimal("Ordered", "Acme");
    body["contacts"] = ["Zoe", "Adam", "Zoe", "Mia"].map(sample::contact).to_vec().into();
    let id = client.create(&body).customer_id();
    sample::assert_shows(&client.read(id).json(), &body, id);
}

#[test]
fn empty_contacts_and_addresses_keep_their_place() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let mut body = sample::minimal("Hollow", "Acme");
    body["contacts"] = json!([{}, sample::contact("Grace"), {}]);
    body["billingAddress"] = json!({});
    let id = client.create(&body).customer_id();
    sample::assert_shows(&client.read(id).json(), &body, id);
}

/// A customer with `text`, or as much of it as fits, in every field.
fn everywhere(text: &str) -> serde_json::Value {
    let cut = |limit: usize| text.chars().take(limit).collect::<String>();
    let contact = json!({
        "name": cut(40), "title": cut(40), "phone": cut(25), "mobile": cut(25), "email": cut(320),
    });
    let address = json!({
        "addressLine1": cut(40), "addressLine2": cut(40), "city": cut(40), "state": cut(40),
        "country": cut(150), "postalCode": cut(15),
    });
    json!({
        "name": cut(60), "accountName": "Acme", "securityQuestion": cut(100), "securityAnswer": cut(100),
        "contacts": [contact], "billingAddress": address, "shippingAddress": address,
    })
}
