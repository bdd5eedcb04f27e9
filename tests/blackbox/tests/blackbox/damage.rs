//! What happens when the storage fails.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Connection, Fixture, Login, Request, Server, TestDir, sample, wait};
use rusqlite::params;

/// The database, opened from outside.
fn database(test_dir: &TestDir) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(test_dir.data().join("carnelian.db")).expect("there is a database");
    database.busy_timeout(wait::PROCESS).expect("a timeout can be set");
    database
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
    let database = database(&fixture.test_dir);
    for sealed in ["zeroblob(length(sealed))", "substr(sealed, 1, length(sealed) - 1)", "zeroblob(0)"] {
        let statement = format!("UPDATE customer SET sealed = {sealed} WHERE id = ?1");
        assert_eq!(database.execute(&statement, params![damaged as i64]).expect("the database can be written"), 1);
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
    let database = database(&fixture.test_dir);
    let sealed = ids.map(|id| {
        let select = "SELECT sealed FROM customer WHERE id = ?1";
        database.query_row(select, params![id as i64], |row| row.get::<_, Vec<u8>>(0)).expect("the customer is stored")
    });
    for (id, sealed) in ids.iter().zip(sealed.iter().rev()) {
        let update = "UPDATE customer SET sealed = ?1 WHERE id = ?2";
        assert_eq!(database.execute(update, params![sealed, *id as i64]).expect("the database can be written"), 1);
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
    let database = database(&fixture.test_dir);
    database.execute_batch("BEGIN IMMEDIATE").expect("the database can be locked");
    client.create(&sample::full("During", "Acme")).must_be(&UNAVAILABLE, "a create while the storage is busy");
    client.edit(id, &sample::full("During", "Acme")).must_be(&UNAVAILABLE, "an edit while the storage is busy");
    sample::assert_shows(&client.read(id).json(), &sample::full("Before", "Acme"), id);
    database.execute_batch("ROLLBACK").expect("the database can be unlocked");
    wait::until("creates succeed again", wait::PATIENCE, || {
        // What was answered "come back" must not have been stored.
        let reply = client.create(&sample::full("During", "Acme"));
        assert!(!reply.is(&DUPLICATE_NAME), "a create that was answered 503 is stored");
        (reply.status == 200).then_some(())
    });
}

#[test]
fn a_full_storage_never_acknowledges_what_it_does_not_keep() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let ada = test_dir.user("ada", "Acme", &[]);
    // Files may not grow beyond a megabyte, and SIGXFSZ is ignored: writes fail.
    let mut server = test_dir.launch().after_shell("trap '' XFSZ; ulimit -f 2048").start();
    let mut connection = Connection::open(server.address()).expect("the server accepts connections");
    let mut kept = Vec::new();
    let failure = loop {
        assert!(kept.len() < 20_000, "the storage never filled");
        let customer = sample::full(&format!("Customer {}", kept.len()), "Acme");
        match connection.exchange(&Request::new("POST", CUSTOMERS).login(&ada).json(&customer)) {
            Ok(reply) if reply.status == 200 => kept.push((reply.customer_id(), customer)),
            failure => break failure,
        }
    };
    if let Ok(reply) = &failure {
        assert!(reply.is(&UNAVAILABLE) || reply.is(&SERVER_ERROR), "{} {}", reply.status, reply.text());
    } else {
        wait::until("the server has stopped", wait::PROCESS, || (!server.is_running()).then_some(()));
    }
    assert!(!kept.is_empty(), "nothing was stored at all");
    drop(server);
    let server = test_dir.serve();
    let client = server.client_of(&ada);
    for (id, customer) in &kept {
        sample::assert_shows(&client.read(*id).json(), customer, *id);
    }
}
