//! What the `Content-Type` may say.

use blackbox::problems::UNSUPPORTED_MEDIA_TYPE;
use blackbox::{CUSTOMERS, Fixture, Request, sample};

#[test]
fn json_is_accepted_however_it_is_written() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let spellings = [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "application/json ; charset=\"utf-8\"",
    ];
    for spelling in spellings {
        let body = sample::minimal(spelling, "Acme").to_string();
        let request = Request::new("POST", CUSTOMERS).header("Content-Type", spelling).body(body);
        client.send(request).must_succeed(spelling);
    }
    let silent = Request::new("POST", CUSTOMERS).body(sample::minimal("Silent", "Acme").to_string());
    client.send(silent).must_succeed("no Content-Type");
}

#[test]
fn anything_else_is_refused() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let others = [
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/octet-stream",
        "json",
    ];
    for other in others {
        let body = sample::minimal(other, "Acme").to_string();
        let request = Request::new("POST", CUSTOMERS).header("Content-Type", other).body(body);
        client.send(request).must_be(&UNSUPPORTED_MEDIA_TYPE, other);
    }
}
