//! Bodies that are not the JSON document that is expected, and some that only look odd.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Fixture, Request};

/// A valid customer with `more` after its fields.
fn with(more: &str) -> Vec<u8> {
    format!(r#"{{"name":"Malformed","accountName":"Acme"{more}}}"#).into_bytes()
}

/// Bytes as the value of an unknown field.
fn around(bytes: &[u8]) -> Vec<u8> {
    [br#"{"name":"Malformed","accountName":"Acme","x":""#, bytes, br#""}"#].concat()
}

/// A customer in which `depth` objects and arrays lie within one another, the document itself included.
fn nested(name: &str, depth: usize) -> Vec<u8> {
    let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
    format!(r#"{{"name":"{name}","accountName":"Acme","x":{open}{close}}}"#).into_bytes()
}

#[test]
fn text_that_is_not_json_is_not_well_formed() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let valid = String::from_utf8(with("")).expect("the sample is text");
    let utf16: Vec<u8> = valid.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("truncated", valid[..valid.len() - 1].into()),
        ("truncated in a string", valid[..12].into()),
        ("an opening brace", "{".into()),
        ("trailing garbage", format!("{valid}x").into()),
        ("a trailing brace", format!("{valid}}}").into()),
        ("two documents", format!("{valid}{valid}").into()),
        ("two documents on two lines", format!("{valid}\n{valid}").into()),
        ("two byte order marks", format!("\u{feff}\u{feff}{valid}").into()),
        ("a byte order mark after white space", format!(" \u{feff}{valid}").into()),
        ("a byte order mark at the end", format!("{valid}\u{feff}").into()),
        ("UTF-16", utf16),
        ("a comment", format!("{valid} // so it is").into()),
        ("a comment inside", with("/* so it is */")),
        ("single quotes", "{'name':'A','accountName':'Acme'}".into()),
        ("keys without quotes", r#"{name:"A",accountName:"Acme"}"#.into()),
        ("a trailing comma", with(",")),
        ("a trailing comma in an array", with(r#","x":[1,]"#)),
        ("no comma", r#"{"name":"A" "accountName":"Acme"}"#.into()),
        ("no colon", with(r#","x" 1"#)),
        ("no value", with(r#","x":"#)),
        ("NaN", with(r#","x":NaN"#)),
        ("Infinity", with(r#","x":-Infinity"#)),
        ("True", with(r#","x":True"#)),
        ("undefined", with(r#","x":undefined"#)),
        ("a leading zero", with(r#","x":01"#)),
        ("a plus sign", with(r#","x":+1"#)),
        ("no digit before the point", with(r#","x":.5"#)),
        ("no digit after the point", with(r#","x":1."#)),
        ("no exponent", with(r#","x":1e"#)),
        ("hexadecimal", with(r#","x":0x10"#)),
        ("an unknown escape", around(br"\q")),
        ("a short escape", around(br"\u12")),
        ("a raw line break in a string", around(b"a\nb")),
        ("a raw NUL in a string", around(b"a\0b")),
        ("a NUL after the document", format!("{valid}\0").into()),
        ("a mismatched bracket", with(r#","x":[1}"#)),
        ("a form", "name=A&accountName=Acme".into()),
    ];
    for (case, body) in cases {
        client.create_bytes(body).must_be(&NOT_WELL_FORMED, case);
    }
}

#[test]
fn a_body_may_begin_with_a_byte_order_mark() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let marked = |name: &str| format!("\u{feff} {{\"name\":\"{name}\",\"accountName\":\"Acme\"}}\n");
    let id = client.create_bytes(marked("Marked")).customer_id();
    assert_eq!(client.read(id).json()["name"], "Marked");
    let edit = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).json_bytes(marked("Edited"));
    client.send(edit).must_succeed("an edit");
    assert_eq!(client.read(id).json()["name"], "Edited");
}

#[test]
fn text_that_is_not_unicode_is_not_well_formed() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a stray byte", around(b"\xff")),
        ("a lone continuation byte", around(b"\x80")),
        ("an overlong slash", around(b"\xc0\xaf")),
        ("a surrogate in UTF-8", around(b"\xed\xa0\x80")),
        ("beyond Unicode", around(b"\xf4\x90\x80\x80")),
        ("a truncated character", around(b"\xf0\x9f\xa6")),
        ("a stray byte between tokens", b"{\xff\"name\":\"A\",\"accountName\":\"Acme\"}".to_vec()),
        ("a stray byte in the name", b"{\"name\":\"A\xff\",\"accountName\":\"Acme\"}".to_vec()),
        ("a high surrogate alone", around(br"\ud83d")),
        ("a low surrogate alone", around(br"\udc00")),
        ("surrogates the wrong way round", around(br"\udd80\ud83e")),
        ("a high surrogate before a letter", around(br"\ud83dA")),
        ("a high surrogate before another escape", around(br"\ud83d\u0041")),
        ("a lone surrogate in the name", br#"{"name":"A\ud83d","accountName":"Acme"}"#.to_vec()),
        ("a lone surrogate in a key", with(r#","\ud83d":1"#)),
        ("a lone surrogate deep inside", with(r#","x":[{"y":["\udc00"]}]"#)),
        ("a lone surrogate in a contact", with(r#","contacts":[{"name":"\ud83d"}]"#)),
    ];
    for (case, body) in cases {
        client.create_bytes(body).must_be(&NOT_WELL_FORMED, case);
    }
}

#[test]
fn a_key_given_twice_is_not_well_formed_and_named() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let cases = [
        ("the name", with(r#","name":"B""#), Some("name")),
        ("the name with the same value", with(r#","name":"Malformed""#), Some("name")),
        ("an escaped key", with(r#","\u006eame":"B""#), Some("name")),
        ("in a contact", with(r#","contacts":[{},{"email":"a","email":"b"}]"#), Some("contacts[1].email")),
        ("in an address", with(r#","billingAddress":{"city":"a","city":"b"}"#), Some("billingAddress.city")),
        ("an unknown key", with(r#","x":1,"x":2"#), Some("x")),
        ("in an unknown object", with(r#","x":{"a":1,"a":1}"#), None),
        ("deep inside an unknown value", with(r#","x":[[{"a":{"b":1,"b":1}}]]"#), None),
        ("in an unknown value of a contact", with(r#","contacts":[{"x":{"a":1,"a":1}}]"#), None),
    ];
    for (case, body, field) in cases {
        let reply = client.create_bytes(body);
        reply.must_be(&NOT_WELL_FORMED, case);
        let fields = reply.violated_fields();
        assert_eq!(fields.len(), 1, "{case}: {}", reply.text());
        assert!(field.is_none_or(|field| fields[0] == field), "{case}: {}", reply.text());
    }
}

#[test]
fn nesting_is_accepted_to_sixteen_and_no_further() {
    let fixture = Fixture::start();
    let client = fixture.client();
    client.create_bytes(nested("Sixteen", 16)).must_succeed("sixteen deep");
    client.create_bytes(nested("Seventeen", 17)).must_be(&NOT_WELL_FORMED, "seventeen deep");
    client.create_bytes(nested("Thousands", 30_000)).must_be(&NOT_WELL_FORMED, "thirty thousand deep");
    let open = [br#"{"x":"#.as_slice(), &[b'['; 60_000]].concat();
    client.create_bytes(open).must_be(&NOT_WELL_FORMED, "sixty thousand brackets, never closed");
}

#[test]
fn a_body_that_holds_nothing_is_required() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for body in ["", " ", "\r\n\t ", "null", " null\n", "\u{feff}", "\u{feff}null"] {
        client.create_bytes(body).must_be(&DETAILS_REQUIRED, &format!("the body {body:?}"));
    }
    client.send(Request::new("POST", CUSTOMERS)).must_be(&DETAILS_REQUIRED, "no body and no length");
    let chunked = Request::new("POST", CUSTOMERS).json_bytes("").chunked();
    client.send(chunked).must_be(&DETAILS_REQUIRED, "no chunk");
}

#[test]
fn odd_but_well_formed_documents_are_accepted() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let cases = [
        ("white space all around", "\r\n\t {\"name\" : \"A1\" ,\n\"accountName\":\"Acme\"} \n".to_owned()),
        ("escaped keys and values", r#"{"n\u0061me":"\u0041\u0032","accountName":"\u0041cme"}"#.to_owned()),
        ("a surrogate pair", r#"{"name":"A3 \ud83e\udd80","accountName":"Acme"}"#.to_owned()),
        ("every short escape", r#"{"name":"A4","accountName":"Acme","x":"\"\\\/\b\f\n\r\t"}"#.to_owned()),
        ("odd numbers", r#"{"name":"A7","accountName":"Acme","x":[-0,0.10,1E+2,-1e-2]}"#.to_owned()),
        ("an empty key", r#"{"name":"A8","accountName":"Acme","":{"":1}}"#.to_owned()),
        ("the same key in two objects", r#"{"name":"A9","accountName":"Acme","x":[{"a":1},{"a":1}]}"#.to_owned()),
    ];
    for (case, body) in cases {
        client.create_bytes(body).must_succeed(case);
    }
}

#[test]
fn an_answer_about_many_faults_stays_small() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let long_key = format!(r#"{{"{}":{{{}"":0}}}}"#, "k".repeat(20_000), r#""":0,"#.repeat(8_000));
    let many_contacts = format!(r#"{{"contacts":[{}1]}}"#, "1,".repeat(30_000));
    for body in [long_key, many_contacts] {
        let reply = client.create_bytes(body.clone());
        reply.must_be(&NOT_WELL_FORMED, "a document with thousands of faults");
        assert!(reply.body.len() < body.len(), "{} bytes answer {} bytes", reply.body.len(), body.len());
    }
}
