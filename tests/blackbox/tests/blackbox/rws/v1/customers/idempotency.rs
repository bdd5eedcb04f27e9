//! `Idempotency-Key` on create and edit.

use std::time::Duration;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Connection, Fixture, Reply, Request, sample, wait};
use serde_json::Value;

use crate::tenant_fixture::TenantFixture;

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn request(method: &str, target: &str, key: &str, body: &Value) -> Request {
    Request::new(method, target).header("Idempotency-Key", key).json(body)
}

fn create(client: &Client, key: &str, body: &Value) -> Reply {
    client.send(request("POST", CUSTOMERS, key, body))
}

fn names(client: &Client) -> Vec<String> {
    let list = client.get(CUSTOMERS).json();
    let customers = list["customers"].as_array().expect("a page");
    customers.iter().map(|customer| customer["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_create_that_is_sent_again_gets_the_first_answer_also_after_a_restart() {
    let mut fixture = Fixture::start();
    let body = sample::full("Once", "Acme");
    let first = create(&fixture.client(), KEY, &body);
    first.must_succeed("the first");
    let again = create(&fixture.client(), KEY, &body);
    assert_eq!((again.text(), again.header("etag")), (first.text(), first.header("etag")));
    create(&fixture.client(), &format!("\"{KEY}\""), &body).must_succeed("the same key in quotes");
    fixture.server.kill();
    fixture.server = fixture.test_dir.serve();
    assert_eq!(create(&fixture.client(), KEY, &body).text(), first.text());
    assert_eq!(names(&fixture.client()), ["Once"]);
    fixture.client().create(&body).must_be(&DUPLICATE_NAME, "without a key");
    create(&fixture.client(), "another", &body).must_be(&DUPLICATE_NAME, "with another key");
}

#[test]
fn an_edit_that_is_sent_again_is_made_once() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::minimal("Before", "Acme")).customer_id();
    let (target, body) = (format!("{CUSTOMERS}/{id}"), sample::full("After", "Acme"));
    let first = client.send(request("PUT", &target, KEY, &body));
    client.edit(id, &sample::full("Later", "Acme")).must_succeed("another edit");
    let again = client.send(request("PUT", &target, KEY, &body));
    assert_eq!((again.text(), again.header("etag")), (first.text(), Some("\"2\"")));
    assert_eq!(names(&client), ["Later"]);
}

#[test]
fn what_was_answered_is_answered_again_although_the_customer_is_gone() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let body = sample::minimal("Gone", "Acme");
    let first = create(&client, KEY, &body);
    let id = first.customer_id();
    client.erase(id).must_succeed("an erasure");
    assert_eq!(create(&client, KEY, &body).text(), first.text());
    assert!(names(&client).is_empty());
}

#[test]
fn a_key_belongs_to_one_request() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = create(&client, KEY, &sample::minimal("First", "Acme")).customer_id();
    create(&client, KEY, &sample::minimal("Second", "Acme")).must_be(&IDEMPOTENCY_KEY_REUSED, "another body");
    let edit = request("PUT", &format!("{CUSTOMERS}/{id}"), KEY, &sample::minimal("First", "Acme"));
    client.send(edit).must_be(&IDEMPOTENCY_KEY_REUSED, "another operation");
    assert_eq!(names(&client), ["First"]);
}

#[test]
fn a_key_belongs_to_one_customer() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let [one, two] = ["One", "Two"].map(|name| client.create(&sample::minimal(name, "Acme")).customer_id());
    let body = sample::minimal("Edited", "Acme");
    let edit = |id: u64| client.send(request("PUT", &format!("{CUSTOMERS}/{id}"), KEY, &body));
    edit(one).must_succeed("the first");
    client.edit(one, &sample::minimal("One", "Acme")).must_succeed("the name is free again");
    edit(two).must_be(&IDEMPOTENCY_KEY_REUSED, "the same body for another customer");
    assert_eq!(names(&client), ["One", "Two"]);
}

#[test]
fn the_same_request_of_another_user_is_another_request() {
    let tenants = TenantFixture::start();
    let (first, second) = (tenants.client(&tenants.ada), tenants.client(&tenants.solo));
    let body = sample::minimal("Same", "Acme");
    let created = create(&first, KEY, &body);
    let id = created.customer_id();
    create(&second, KEY, &body).must_be(&DUPLICATE_NAME, "it is carried out, not answered again");
    first.erase(id).must_succeed("an erasure");
    let other = create(&second, KEY, &body).customer_id();
    assert_ne!(other, id);
    let TenantFixture { server, test_dir, ada, solo, .. } = tenants;
    server.stop();
    let server = test_dir.serve();
    assert_eq!(create(&server.client_of(&ada), KEY, &body).text(), created.text());
    assert_eq!(create(&server.client_of(&solo), KEY, &body).customer_id(), other);
}

#[test]
fn a_key_belongs_to_one_user() {
    let tenants = TenantFixture::start();
    create(&tenants.client(&tenants.ada), KEY, &sample::minimal("Of ada", "Acme")).must_succeed("one user");
    create(&tenants.client(&tenants.rex), KEY, &sample::minimal("Of rex", "Rival")).must_succeed("another user");
    let reader = create(&tenants.client(&tenants.rita), KEY, &sample::minimal("Of ada", "Acme"));
    reader.must_be(&ROLE_NOT_ALLOWED, "a reader");
}

#[test]
fn a_write_outside_the_scope_of_its_user_is_not_answered_again() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let body = sample::minimal("A", "Acme East");
    let created = create(&client, KEY, &body);
    let target = format!("{CUSTOMERS}/{}", created.customer_id());
    let edit = request("PUT", &target, "edit", &sample::minimal("B", "Acme East"));
    client.send(edit.clone()).must_succeed("an edit");
    tenants.test_dir.cli(&["user", "edit", "--yes", "ada", "--no-group"]).done();
    let answered = wait::until("the scope has ended", wait::NOTICE, || {
        let reply = create(&client, KEY, &body);
        (reply.status != 200).then_some(reply)
    });
    answered.must_be(&ACCOUNT_NOT_FOUND, "a create");
    assert_eq!(answered.comparable(), create(&client, "new", &sample::minimal("A", "No such account")).comparable());
    let edited = client.send(edit);
    edited.must_be(&CUSTOMER_NOT_FOUND, "an edit");
    let unknown = client.send(request("PUT", &format!("{CUSTOMERS}/4711"), "new", &body));
    assert_eq!(edited.comparable(), unknown.comparable());
    tenants.test_dir.cli(&["user", "edit", "--yes", "ada", "--group", "West", "--role", "ACCOUNTREADONLY"]).done();
    wait::until("the role has ended", wait::NOTICE, || create(&client, KEY, &body).is(&ROLE_NOT_ALLOWED).then_some(()));
    tenants.test_dir.cli(&["user", "edit", "--yes", "ada", "--role", "ACCOUNTADMIN"]).done();
    wait::until("the rights are back", wait::NOTICE, || {
        let reply = create(&client, KEY, &body);
        (reply.text() == created.text()).then_some(())
    });
}

#[test]
fn a_request_that_was_refused_may_be_mended_under_its_key() {
    let fixture = Fixture::start();
    let client = fixture.client();
    create(&client, KEY, &sample::minimal("", "Acme")).must_be(&NAME_REQUIRED, "a bad one");
    client.create(&sample::minimal("Taken", "Acme")).must_succeed("somebody else");
    create(&client, KEY, &sample::minimal("Taken", "Acme")).must_be(&DUPLICATE_NAME, "a taken name");
    create(&client, KEY, &sample::minimal("Free", "Acme")).must_succeed("a good one");
}

#[test]
fn what_is_no_key_is_refused() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let body = sample::minimal("Refused", "Acme");
    for key in ["", "\"\"", "a b", &"k".repeat(256)] {
        create(&client, key, &body).must_be(&INVALID_IDEMPOTENCY_KEY, key);
    }
    let twice = request("POST", CUSTOMERS, "a", &body).header("Idempotency-Key", "a");
    client.send(twice).must_be(&INVALID_IDEMPOTENCY_KEY, "two keys");
    create(&client, &"k".repeat(255), &body).must_succeed("the longest key");
}

#[test]
fn a_second_request_with_a_key_in_use_is_refused() {
    let fixture = Fixture::start();
    let body = sample::minimal("Held up", "Acme");
    // A transaction of another process blocks the server's writes.
    let block = fixture.test_dir.block_writes();
    let bytes = request("POST", CUSTOMERS, KEY, &body).login(&fixture.ada).bytes();
    let mut both = [(); 2].map(|()| Connection::open(fixture.server.address()).expect("connects"));
    for connection in &mut both {
        connection.send_bytes(&bytes).expect("is sent");
        connection.set_patience(Duration::from_millis(20));
    }
    // Either may have been the first.
    let (refused, reply) = wait::until("one of them is told", wait::NOTICE, || {
        let mut answers = both.iter_mut().map(|connection| connection.receive("POST", CUSTOMERS)).enumerate();
        answers.find_map(|(which, reply)| Some((which, reply.ok()?)))
    });
    reply.must_be(&IDEMPOTENCY_KEY_IN_USE, "in flight");
    assert_eq!(reply.header("retry-after"), Some("1"));
    drop(block);
    let first = &mut both[1 - refused];
    first.set_patience(wait::PROCESS);
    let first = first.receive("POST", CUSTOMERS).expect("is answered");
    first.must_succeed("the first");
    assert_eq!(create(&fixture.client(), KEY, &body).text(), first.text());
    assert_eq!(names(&fixture.client()), ["Held up"]);
}

#[test]
fn a_client_that_lost_its_connection_and_sends_again_makes_one_customer() {
    let fixture = Fixture::start();
    for turn in 0..50 {
        let (key, body) = (format!("turn-{turn}"), sample::minimal(&format!("Turn {turn}"), "Acme"));
        let mut lost = Connection::open(fixture.server.address()).expect("connects");
        let bytes = request("POST", CUSTOMERS, &key, &body).login(&fixture.ada).bytes();
        lost.send_bytes(&bytes[..bytes.len() - turn % 2]).expect("is sent");
        drop(lost);
        let client = fixture.client();
        wait::until("an answer", wait::NOTICE, || {
            let reply = create(&client, &key, &body);
            (reply.status != 409).then_some(reply)
        })
        .must_succeed("sent again");
    }
    assert_eq!(names(&fixture.client()).len(), 50);
}
