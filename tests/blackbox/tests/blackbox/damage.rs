//! What happens when the storage fails.

use blackbox::problems::*;
use blackbox::{Fixture, Login, Server, TestDir, sample, wait};

/// The stored personal details of a customer, in hexadecimal digits.
fn sealed(test_dir: &TestDir, id: u64) -> String {
    let sealed = test_dir.sql(&format!("SELECT sealed FROM customer WHERE id = {id}"));
    sealed.strip_prefix("\\x").expect("the customer is stored").to_owned()
}

fn seal(test_dir: &TestDir, id: u64, sealed: &str) {
    let sealed = test_dir.bytes(sealed);
    let changed = test_dir.sql(&format!("UPDATE customer SET sealed = {sealed} WHERE id = {id} RETURNING id"));
    assert_eq!(changed, id.to_string());
}

/// Asserts that a read fails as our fault, and that its request id finds a line in the log.
#[track_caller]
fn fails_and_is_logged(server: &Server, login: &Login, id: u64) {
    let reply = server.client_of(login).read(id);
    reply.must_be(&SERVER_ERROR, "a damaged customer");
    let request = reply.header("x-request-id").expect("checked on every answer").to_owned();
    wait::until("the request is logged", wait::PATIENCE, || server.log().contains(&request).then_some(()));
}

#[test]
fn a_damaged_customer_is_a_server_error_and_others_are_served() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let damaged = client.create(&sample::full("Damaged", "Acme")).customer_id();
    let whole = client.create(&sample::full("Whole", "Acme")).customer_id();
    let sealed = sealed(&fixture.test_dir, damaged);
    for other in ["00".repeat(sealed.len() / 2), sealed[2..].to_owned(), String::new()] {
        seal(&fixture.test_dir, damaged, &other);
        fails_and_is_logged(&fixture.server, &fixture.ada, damaged);
    }
    sample::assert_shows(&client.read(whole).json(), &sample::full("Whole", "Acme"), whole);
    client.create(&sample::full("Later", "Acme")).must_succeed("a create afterwards");
}

#[test]
fn sealed_data_cannot_be_given_to_another_customer() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let ids = ["One", "Two"].map(|name| client.create(&sample::full(name, "Acme")).customer_id());
    let details = ids.map(|id| sealed(&fixture.test_dir, id));
    for (id, other) in ids.iter().zip(details.iter().rev()) {
        seal(&fixture.test_dir, *id, other);
    }
    for id in ids {
        fails_and_is_logged(&fixture.server, &fixture.ada, id);
    }
}

#[test]
fn a_busy_storage_asks_to_come_back_and_reads_go_on() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("Before", "Acme")).customer_id();
    let block = fixture.test_dir.block_writes();
    client.create(&sample::full("During", "Acme")).must_be(&UNAVAILABLE, "a create while the storage is busy");
    client.edit(id, &sample::full("During", "Acme")).must_be(&UNAVAILABLE, "an edit while the storage is busy");
    sample::assert_shows(&client.read(id).json(), &sample::full("Before", "Acme"), id);
    drop(block);
    wait::until("creates succeed again", wait::PATIENCE, || {
        // What was answered "come back" must not have been stored.
        let reply = client.create(&sample::full("During", "Acme"));
        assert!(!reply.is(&DUPLICATE_NAME), "a create that was answered 503 is stored");
        (reply.status == 200).then_some(())
    });
}
