//! Bodies with a `Content-Encoding`.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Reply, Request, sample};

/// A customer compressed with gzip: `{"name":"Zipped","accountName":"Acme"}` in a stored block.
fn gzip(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a short body");
    let crc = !body.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    let tail = [crc.to_le_bytes(), u32::from(length).to_le_bytes()].concat();
    [&head, lengths.as_slice(), body, &tail].concat()
}

fn send(client: &Client, method: &str, target: &str, encoding: &str, body: Vec<u8>) -> Reply {
    client.send(Request::new(method, target).header("Content-Encoding", encoding).json_bytes(body))
}

#[track_caller]
fn assert_refused(reply: &Reply, case: &str) {
    reply.must_be(&UNSUPPORTED_CONTENT_ENCODING, case);
    assert_eq!(reply.header("accept-encoding"), Some("identity"), "{case}");
}

#[test]
fn an_encoded_body_is_refused_whether_it_is_encoded_or_only_claims_to_be() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::minimal("Plain", "Acme")).customer_id();
    let opal = fixture.server.client_of(&fixture.test_dir.user("opal", "Acme", &["--role", "OPERATOR"]));
    let body = sample::minimal("Zipped", "Acme").to_string().into_bytes();
    for encoding in
        ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "aes128gcm", "gzip, identity", "identity,br", "?"]
    {
        for (method, target) in [("POST", CUSTOMERS.to_owned()), ("PUT", format!("{CUSTOMERS}/{id}"))] {
            for body in [gzip(&body), body.clone()] {
                assert_refused(&send(&client, method, &target, encoding, body), encoding);
            }
        }
        assert_refused(
            &send(&opal, "POST", "/admin/v1/accounts", encoding, b"{\"accountName\":\"Zipped\"}".into()),
            encoding,
        );
    }
    let names = client.get(&format!("{CUSTOMERS}?fields=name")).json();
    assert_eq!(names["customers"], serde_json::json!([{ "name": "Plain" }]), "nothing was stored");
    client.create_bytes(gzip(&body)).must_be(&NOT_WELL_FORMED, "gzip that does not say so");
}

#[test]
fn identity_is_no_encoding() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (index, encoding) in ["identity", "Identity", "", "identity, identity", ","].into_iter().enumerate() {
        let body = sample::minimal(&format!("Plain {index}"), "Acme").to_string().into_bytes();
        send(&client, "POST", CUSTOMERS, encoding, body).must_succeed(encoding);
    }
    client.send(Request::new("GET", CUSTOMERS).header("Content-Encoding", "gzip")).must_succeed("a read has no body");
}
