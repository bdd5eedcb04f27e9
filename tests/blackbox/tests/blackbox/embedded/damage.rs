//! Files that cannot grow, or hold no registry.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Connection, Request, TestDir, sample, wait};

#[test]
fn a_full_storage_never_acknowledges_what_it_does_not_keep() {
    let test_dir = TestDir::embedded();
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

#[test]
fn a_database_that_is_none_is_refused() {
    let test_dir = TestDir::embedded();
    test_dir.account("Acme");
    std::fs::write(
        test_dir.data().join("carnelian.db"),
        "this is no database, but it is long enough to be read as one",
    )
    .expect("a file can be written");
    test_dir.cli(&["account", "list"]).fails(1);
    let refused = test_dir.launch().run();
    assert_eq!(refused.code, 1, "{refused:?}");
}
