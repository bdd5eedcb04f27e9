//! A sandbox in a directory that stays.

use std::{fs, path::Path};

use blackbox::problems::*;
use blackbox::{Server, TestDir, sample};

use super::{Sandbox, ann, customers, launch};

/// A place with a sandbox in its data directory.
fn on_disk(test_dir: &TestDir) -> Server {
    launch(test_dir, &["--data", test_dir.data().to_str().expect("a plain path")])
}

#[test]
fn it_keeps_its_data_and_returns_to_its_seed_on_reset() {
    let test_dir = TestDir::embedded();
    let server = on_disk(&test_dir);
    let id = server.client_of(&ann()).create(&sample::minimal("Kept", "Acme")).customer_id();
    server.kill();
    let sandbox = Sandbox { server: on_disk(&test_dir), test_dir };
    let read = sandbox.ann().read(id);
    read.must_succeed("a customer of the first run");
    assert!(sandbox.server.stdout().contains("Continuing with existing data"), "{}", sandbox.server.stdout());
    sandbox.reset();
    assert_eq!(customers(&sandbox.ann()), [] as [serde_json::Value; 0]);
    let Sandbox { server, test_dir } = sandbox;
    server.stop();
    let server = on_disk(&test_dir);
    server.client_of(&ann()).read(id).must_be(&CUSTOMER_NOT_FOUND, "a customer of before the reset");
    // Of the registries that there were, one is left.
    let entries = fs::read_dir(test_dir.data()).expect("the directory").map(|entry| entry.expect("an entry").path());
    assert_eq!(entries.filter(|path| path.is_dir()).count(), 1);
}

#[test]
fn a_sandbox_whose_lock_is_removed_or_replaced_ends() {
    let changes: [fn(&Path); 2] = [
        |lock| fs::remove_file(lock).expect("can be removed"),
        |lock| fs::remove_file(lock).and_then(|()| fs::write(lock, "")).expect("can be replaced"),
    ];
    for change in changes {
        let test_dir = TestDir::embedded();
        let mut server = on_disk(&test_dir);
        change(&test_dir.data().join("sandbox.lock"));
        assert_eq!(server.wait(), 1, "{}", server.log());
        assert!(server.log().contains("sandbox.lock was removed or replaced"), "{}", server.log());
    }
}

#[test]
fn the_command_line_works_on_it_also_after_a_reset() {
    let test_dir = TestDir::embedded();
    let sandbox = Sandbox { server: on_disk(&test_dir), test_dir };
    for _ in 0..2 {
        let key = sandbox.test_dir.key("ann", &[]);
        sandbox.server.client_of(&key).get("/rws/api/v1/echo/hello").must_succeed("a key of the command line");
        sandbox.reset();
        sandbox.server.client_of(&key).get("/rws/api/v1/echo/hello").must_be(&INVALID_CREDENTIALS, "after a reset");
    }
}

#[test]
fn with_which_settings_it_is_served_is_not_in_its_audit_log() {
    let test_dir = TestDir::embedded();
    let sandbox = Sandbox { server: on_disk(&test_dir), test_dir };
    let log = sandbox.test_dir.cli(&["audit", "export"]).done();
    assert!(log.contains("create_account") && !log.contains("change_settings"), "{log}");
}

#[test]
fn a_sandbox_is_never_served_as_a_registry() {
    let test_dir = TestDir::embedded();
    on_disk(&test_dir).stop();
    assert!(test_dir.launch().run().fails(1).contains("sandbox"));
    assert!(test_dir.launch().args(&["--demo"]).run().fails(1).contains("sandbox"));
    let inner = test_dir.data().join("1");
    assert!(inner.join("carnelian.db").is_file(), "the registry is in it");
    let inner = ["--data", inner.to_str().expect("a plain path"), "--listen", "127.0.0.1:0"];
    assert!(test_dir.launch().bare().args(&inner).run().fails(1).contains("sandbox"));
    test_dir.launch().bare().args(&inner).args(&["--sandbox"]).run().fails(1);
    on_disk(&test_dir).client_of(&ann()).get("/rws/api/v1/echo/hello").must_succeed("a sandbox again");
}

#[test]
fn a_registry_is_never_made_a_sandbox() {
    let test_dir = TestDir::embedded();
    test_dir.account("Acme");
    let login = test_dir.user("ada", "Acme", &[]);
    let before = test_dir.data_files().len();
    test_dir.launch().args(&["--sandbox"]).run().fails(1);
    assert_eq!(test_dir.data_files().len(), before);
    test_dir.serve().client_of(&login).create(&sample::minimal("Real", "Acme")).must_succeed("the registry as it was");
}

#[test]
fn one_server_works_in_it_at_a_time() {
    let test_dir = TestDir::embedded();
    let server = on_disk(&test_dir);
    let refused = test_dir.launch().args(&["--sandbox"]).run();
    assert!(refused.fails(1).contains("another sandbox"));
    server.client_of(&ann()).create(&sample::minimal("First", "Acme")).must_succeed("the first server");
}
