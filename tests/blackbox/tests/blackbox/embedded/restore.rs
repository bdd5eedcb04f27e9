//! `carnelian restore --replace`: only an embedded registry is replaced, never one in a database.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Fixture, Server, TestDir, sample};
use serde_json::{Value, json};

use crate::admin::v1::jobs;
use crate::cli::backup::{back_up, elsewhere, erase_account, holds, plain, restore};
use crate::tenant_fixture::TenantFixture;

/// Names of customers in the order of their ids.
fn names(test_dir: &TestDir) -> Vec<String> {
    let exported = test_dir.cli(&["customer", "export", "--format", "jsonl"]).done();
    let name = |line: &str| {
        let customer: Value = serde_json::from_str(line).expect("a line is JSON");
        customer["name"].as_str().expect("a name").to_owned()
    };
    exported.lines().map(name).collect()
}

/// Creates customers, and returns the ids.
fn create(fixture: &Fixture, name: &str, count: usize) -> Vec<u64> {
    let client = fixture.client();
    (0..count).map(|number| client.create(&sample::full(&format!("{name} {number}"), "Acme")).customer_id()).collect()
}

/// Stops a server in order.
fn stop(mut server: Server) {
    server.signal("TERM");
    server.wait();
}

/// Asserts that no restore has left anything in the data directory.
#[track_caller]
fn must_be_tidy(test_dir: &TestDir) {
    let entries = fs::read_dir(test_dir.data()).expect("there is a data directory");
    let names = entries.map(|entry| entry.expect("can be listed").file_name().into_string().expect("a plain name"));
    let left: Vec<_> = names.filter(|name| name.starts_with("restore") || name.contains("replaced")).collect();
    assert!(left.is_empty(), "{left:?} is left");
}

/// A command of the place that runs beside the test.
fn spawn(test_dir: &TestDir, arguments: &[&str]) -> Child {
    let mut command = test_dir.command();
    command.args(arguments).arg("--data").arg(test_dir.data()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary can be run")
}

#[test]
fn a_restored_registry_is_the_one_in_the_backup_and_gives_no_id_twice() {
    let fixture = Fixture::embedded();
    create(&fixture, "Kept", 3);
    let file = back_up(&fixture.test_dir, "backup");
    let later = create(&fixture, "Later", 5);
    let ursula = fixture.test_dir.user("ursula", "Acme", &[]);
    let Fixture { test_dir, server, ada, .. } = fixture;
    stop(server);
    restore(&test_dir, &file, &["--replace", "--yes", "--reason", "ticket 7"]).done();
    must_be_tidy(&test_dir);
    assert_eq!(names(&test_dir), ["Kept 0", "Kept 1", "Kept 2"]);
    let audit = test_dir.cli(&["audit", "export"]).done();
    assert_eq!(audit.matches("\"restore\"").count(), 1, "{audit}");
    assert!(audit.contains("ticket 7"), "{audit}");
    test_dir.cli(&["audit", "verify"]).done();

    let server = test_dir.serve();
    server.client_of(&ursula).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user that the backup does not have");
    let new = server.client_of(&ada).create(&sample::full("New", "Acme")).customer_id();
    assert!(new > later[4], "the id of a customer that is gone was given again");
}

#[test]
fn a_restore_is_refused_while_a_server_or_a_command_has_the_registry_open() {
    let fixture = Fixture::embedded();
    create(&fixture, &"Much to read ".repeat(4), 300);
    let file = back_up(&fixture.test_dir, "backup");
    let why = restore(&fixture.test_dir, &file, &["--replace", "--yes"]).fails(1);
    assert!(why.contains("is open in another process: stop the server"), "{why}");
    create(&fixture, "Later", 1);

    // An export has the registry open until it is read: it prints more than fits into a pipe.
    let mut export = spawn(&fixture.test_dir, &["customer", "export", "--format", "jsonl"]);
    let mut output = export.stdout.take().expect("is piped");
    output.read_exact(&mut [0]).expect("the export has begun");
    let Fixture { test_dir, server, .. } = fixture;
    stop(server);
    let why = restore(&test_dir, &file, &["--replace", "--yes"]).fails(1);
    assert!(why.contains("is open in another process"), "{why}");
    output.read_to_end(&mut Vec::new()).expect("the export continues");
    assert!(export.wait().expect("it ends").success());
    assert_eq!(names(&test_dir).len(), 301, "a restore that was refused has changed something");
    must_be_tidy(&test_dir);
    restore(&test_dir, &file, &["--replace", "--yes"]).done();
    assert_eq!(names(&test_dir).len(), 300);
}

#[test]
fn people_erased_since_the_backup_are_not_restored_with_a_ledger_as_old_as_the_backup() {
    let fixture = Fixture::embedded();
    fixture.test_dir.account("Leaving");
    let greta = fixture.test_dir.user("greta", "Leaving", &[]);
    fixture.server.client_of(&greta).create(&sample::full("Gone", "Leaving")).must_succeed("a create");
    let ids = create(&fixture, "Kept", 3);
    let file = back_up(&fixture.test_dir, "backup");
    erase_account(&fixture, "Leaving");
    fixture.client().erase(ids[1]).must_succeed("an erasure");
    let unknown = fixture.client().create(&sample::full("Later", "Acme")).customer_id();
    fixture.client().erase(unknown).must_succeed("the backup does not have this one");
    let Fixture { test_dir, server, ada, .. } = fixture;
    stop(server);
    let outcome = restore(&test_dir, &file, &["--replace", "--yes"]);
    assert!(outcome.stderr.contains("left out, since they were erased: 1 account, 2 customers"), "{outcome:?}");
    outcome.done();
    must_be_tidy(&test_dir);
    assert_eq!(names(&test_dir), ["Kept 0", "Kept 2"]);
    let server = test_dir.serve();
    server.client_of(&greta).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
    server.client_of(&ada).create(&sample::full("Kept 1", "Acme")).must_succeed("its name is free");
    assert!(test_dir.stored().iter().all(|(_, bytes)| !holds(bytes, "Leaving")), "a name came back");
}

#[test]
fn a_refused_restore_changes_nothing() {
    let fixture = Fixture::embedded();
    create(&fixture, "Kept", 3);
    let file = back_up(&fixture.test_dir, "backup");
    create(&fixture, "Later", 1);
    let Fixture { test_dir, server, .. } = fixture;
    stop(server);
    let must_change_nothing = |why: String, expected: &str| {
        assert!(why.contains(expected), "{why}");
        assert_eq!(names(&test_dir), ["Kept 0", "Kept 1", "Kept 2", "Later 0"]);
        must_be_tidy(&test_dir);
    };
    must_change_nothing(restore(&test_dir, &file, &[]).fails(1), "--replace");
    let mut bytes = fs::read(&file).expect("is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let altered = test_dir.root().join("altered");
    fs::write(&altered, &bytes).expect("can be written");
    let ledger = test_dir.root().join("backup.ledger");
    let with_ledger = ["--replace", "--yes", "--ledger", plain(&ledger)];
    must_change_nothing(restore(&test_dir, &altered, &with_ledger).fails(1), "no whole backup");
    fs::write(&altered, &bytes[..middle]).expect("can be written");
    must_change_nothing(restore(&test_dir, &altered, &with_ledger).fails(1), "no whole backup");

    let foreign = TestDir::embedded();
    foreign.account("Theirs");
    let theirs = back_up(&foreign, "theirs");
    let key = foreign.data().join("master.key");
    let outcome = restore(&test_dir, &theirs, &["--replace", "--yes", "--master-key-file", plain(&key)]);
    must_change_nothing(outcome.fails(1), "another master key");
}

#[test]
fn of_two_restores_at_once_each_is_done_or_refused() {
    let fixture = Fixture::embedded();
    create(&fixture, "Kept", 3);
    let one = back_up(&fixture.test_dir, "one");
    create(&fixture, "Later", 1);
    let two = back_up(&fixture.test_dir, "two");
    create(&fixture, "Last", 1);
    let Fixture { test_dir, server, .. } = fixture;
    stop(server);
    let restores = [&one, &two].map(|file| spawn(&test_dir, &["restore", plain(file), "--replace", "--yes"]));
    let outcomes = restores.map(|restore| restore.wait_with_output().expect("it ends"));
    let done = outcomes.each_ref().map(|output| output.status.success());
    assert!(done.contains(&true), "{outcomes:?}");
    for output in outcomes.iter().filter(|output| !output.status.success()) {
        assert!(String::from_utf8_lossy(&output.stderr).contains("is open in another process"), "{output:?}");
    }
    let stored = names(&test_dir);
    let is_first = stored == ["Kept 0", "Kept 1", "Kept 2"];
    let is_second = stored == ["Kept 0", "Kept 1", "Kept 2", "Later 0"];
    assert!(is_first && done[0] || is_second && done[1], "{done:?}, and there is {stored:?}");
    must_be_tidy(&test_dir);
}

#[test]
fn a_damaged_registry_is_replaced_and_a_sandbox_is_not() {
    let fixture = Fixture::embedded();
    create(&fixture, "Kept", 1);
    let file = back_up(&fixture.test_dir, "backup");
    let other = elsewhere(&fixture.test_dir);
    fs::write(other.data().join("carnelian.db"), "this is no database").expect("can be written");
    restore(&other, &file, &[]).fails(1);
    let replaced = restore(&other, &file, &["--replace", "--yes"]);
    assert!(replaced.stderr.contains("the registry that is replaced cannot be read"), "{}", replaced.stderr);
    replaced.done();
    assert_eq!(names(&other), ["Kept 0"]);
    must_be_tidy(&other);

    let sandbox = elsewhere(&fixture.test_dir);
    sandbox.write("data/carnelian.sandbox", "");
    let why = restore(&sandbox, &file, &["--replace", "--yes"]).fails(1);
    assert!(why.contains("sandbox"), "{why}");
    assert!(!sandbox.data().join("carnelian.db").exists());
}

#[test]
fn a_registry_is_replaced_by_its_own_backups_only_and_only_if_that_is_asked_for() {
    let fixture = Fixture::embedded();
    let file = back_up(&fixture.test_dir, "backup");
    create(&fixture, "Later", 1);
    let Fixture { test_dir, server, .. } = fixture;
    stop(server);
    restore(&test_dir, &file, &[]).fails(1);
    assert_eq!(names(&test_dir), ["Later 0"]);
    let other = elsewhere(&test_dir);
    other.account("Acme");
    let why = restore(&other, &file, &["--replace", "--yes"]).fails(1);
    assert!(why.contains("holds another registry"), "{why}");
    restore(&test_dir, &file, &["--replace", "--yes"]).done();
    assert!(names(&test_dir).is_empty(), "what the backup has not is gone");
}

#[test]
fn a_restore_cancels_the_jobs_that_have_not_ended() {
    let tenants = TenantFixture::start_in(TestDir::embedded(), |launch| launch);
    let TenantFixture { server, test_dir, opal, .. } = tenants;
    let operator = server.client_of(&opal);
    let file = back_up(&test_dir, "backup");
    let import = jobs::create(&operator, &json!({ "kind": "import", "format": "csv", "accountName": "Acme" }));
    let backup = jobs::create(&operator, &json!({ "kind": "backup" }));
    jobs::ended(&operator, &backup);
    stop(server);
    let restored = restore(&test_dir, &file, &["--replace", "--yes"]);
    assert!(restored.stderr.contains("cancelled, since they had not ended: 1 job\n"), "{}", restored.stderr);
    restored.done();
    let server = test_dir.launch().start();
    let operator = server.client_of(&opal);
    assert_eq!(jobs::ended(&operator, &import)["status"], "Cancelled");
    assert_eq!(jobs::ended(&operator, &backup)["status"], "Done", "what has ended stays");
}
