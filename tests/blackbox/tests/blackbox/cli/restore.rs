//! `carnelian restore --replace`.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Place, Server, Site, sample};
use serde_json::Value;

use super::backup::{back_up, elsewhere, erase_account, holds, plain, restore};

/// Names of customers in the order of their ids.
fn names(place: &Place) -> Vec<String> {
    let exported = place.cli(&["customer", "export", "--format", "jsonl"]).done();
    let name = |line: &str| {
        let customer: Value = serde_json::from_str(line).expect("a line is JSON");
        customer["name"].as_str().expect("a name").to_owned()
    };
    exported.lines().map(name).collect()
}

/// Creates customers, and returns the ids.
fn create(site: &Site, name: &str, count: usize) -> Vec<u64> {
    let client = site.client();
    (0..count).map(|number| client.create(&sample::full(&format!("{name} {number}"), "Acme")).customer_id()).collect()
}

/// Stops a server in order.
fn stop(mut server: Server) {
    server.signal("TERM");
    server.wait();
}

/// Asserts that no restore has left anything in the data directory.
#[track_caller]
fn must_be_tidy(place: &Place) {
    let entries = fs::read_dir(place.data()).expect("there is a data directory");
    let names = entries.map(|entry| entry.expect("can be listed").file_name().into_string().expect("a plain name"));
    let left: Vec<_> = names.filter(|name| name.starts_with("restore") || name.contains("replaced")).collect();
    assert!(left.is_empty(), "{left:?} is left");
}

/// A command of the place that runs beside the test.
fn spawn(place: &Place, arguments: &[&str]) -> Child {
    let mut command = place.command();
    command.args(arguments).arg("--data").arg(place.data()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary can be run")
}

#[test]
fn a_restored_registry_is_the_one_in_the_backup_and_gives_no_id_twice() {
    let site = Site::start();
    create(&site, "Kept", 3);
    let file = back_up(&site.place, "backup");
    let later = create(&site, "Later", 5);
    let ursula = site.place.user("ursula", "Acme", &[]);
    let Site { place, server, ada, .. } = site;
    stop(server);
    restore(&place, &file, &["--replace", "--reason", "ticket 7"]).done();
    must_be_tidy(&place);
    assert_eq!(names(&place), ["Kept 0", "Kept 1", "Kept 2"]);
    let audit = place.cli(&["audit", "export"]).done();
    assert_eq!(audit.matches("\"restore\"").count(), 1, "{audit}");
    assert!(audit.contains("ticket 7"), "{audit}");
    place.cli(&["audit", "verify"]).done();

    let server = place.serve();
    server.client_of(&ursula).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user that the backup does not have");
    let new = server.client_of(&ada).create(&sample::full("New", "Acme")).customer_id();
    assert!(new > later[4], "the id of a customer that is gone was given again");
}

#[test]
fn a_restore_is_refused_while_a_server_or_a_command_has_the_registry_open() {
    let site = Site::start();
    create(&site, &"Much to read ".repeat(4), 300);
    let file = back_up(&site.place, "backup");
    let why = restore(&site.place, &file, &["--replace"]).fails(1);
    assert!(why.contains("is open in another process: stop the server"), "{why}");
    create(&site, "Later", 1);

    // An export has the registry open until it is read: it prints more than fits into a pipe.
    let mut export = spawn(&site.place, &["customer", "export", "--format", "jsonl"]);
    let mut output = export.stdout.take().expect("is piped");
    output.read_exact(&mut [0]).expect("the export has begun");
    let Site { place, server, .. } = site;
    stop(server);
    let why = restore(&place, &file, &["--replace"]).fails(1);
    assert!(why.contains("is open in another process"), "{why}");
    output.read_to_end(&mut Vec::new()).expect("the export goes on");
    assert!(export.wait().expect("it ends").success());
    assert_eq!(names(&place).len(), 301, "a restore that was refused has changed something");
    must_be_tidy(&place);
    restore(&place, &file, &["--replace"]).done();
    assert_eq!(names(&place).len(), 300);
}

#[test]
fn people_erased_since_the_backup_are_not_restored_with_a_ledger_as_old_as_the_backup() {
    let site = Site::start();
    site.place.account("Leaving");
    let greta = site.place.user("greta", "Leaving", &[]);
    site.server.client_of(&greta).create(&sample::full("Gone", "Leaving")).must_succeed("a create");
    let ids = create(&site, "Kept", 3);
    let file = back_up(&site.place, "backup");
    erase_account(&site, "Leaving");
    site.client().erase(ids[1]).must_succeed("an erasure");
    let unknown = site.client().create(&sample::full("Later", "Acme")).customer_id();
    site.client().erase(unknown).must_succeed("the backup does not have this one");
    let Site { place, server, ada, .. } = site;
    stop(server);
    let outcome = restore(&place, &file, &["--replace"]);
    assert!(outcome.stderr.contains("left out, since they were erased: 1 accounts, 2 customers"), "{outcome:?}");
    outcome.done();
    must_be_tidy(&place);
    assert_eq!(names(&place), ["Kept 0", "Kept 2"]);
    let server = place.serve();
    server.client_of(&greta).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
    server.client_of(&ada).create(&sample::full("Kept 1", "Acme")).must_succeed("its name is free");
    assert!(place.data_files().iter().all(|(_, bytes)| !holds(bytes, "Leaving")), "a name came back");
}

#[test]
fn a_refused_restore_changes_nothing() {
    let site = Site::start();
    create(&site, "Kept", 3);
    let file = back_up(&site.place, "backup");
    create(&site, "Later", 1);
    let Site { place, server, .. } = site;
    stop(server);
    let must_change_nothing = |why: String, expected: &str| {
        assert!(why.contains(expected), "{why}");
        assert_eq!(names(&place), ["Kept 0", "Kept 1", "Kept 2", "Later 0"]);
        must_be_tidy(&place);
    };
    must_change_nothing(restore(&place, &file, &[]).fails(1), "--replace");
    let mut bytes = fs::read(&file).expect("is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let altered = place.root().join("altered");
    fs::write(&altered, &bytes).expect("can be written");
    let ledger = place.root().join("backup.ledger");
    let with_ledger = ["--replace", "--ledger", plain(&ledger)];
    must_change_nothing(restore(&place, &altered, &with_ledger).fails(1), "no whole backup");
    fs::write(&altered, &bytes[..middle]).expect("can be written");
    must_change_nothing(restore(&place, &altered, &with_ledger).fails(1), "no whole backup");

    let stranger = Place::new();
    stranger.account("Theirs");
    let theirs = back_up(&stranger, "theirs");
    let key = stranger.data().join("master.key");
    let outcome = restore(&place, &theirs, &["--replace", "--master-key-file", plain(&key)]);
    must_change_nothing(outcome.fails(1), "another master key");
}

#[test]
fn of_two_restores_at_once_each_is_done_or_refused() {
    let site = Site::start();
    create(&site, "Kept", 3);
    let one = back_up(&site.place, "one");
    create(&site, "Later", 1);
    let two = back_up(&site.place, "two");
    create(&site, "Last", 1);
    let Site { place, server, .. } = site;
    stop(server);
    let restores = [&one, &two].map(|file| spawn(&place, &["restore", plain(file), "--replace"]));
    let outcomes = restores.map(|restore| restore.wait_with_output().expect("it ends"));
    let done = outcomes.each_ref().map(|output| output.status.success());
    assert!(done.contains(&true), "{outcomes:?}");
    for output in outcomes.iter().filter(|output| !output.status.success()) {
        assert!(String::from_utf8_lossy(&output.stderr).contains("is open in another process"), "{output:?}");
    }
    let stored = names(&place);
    let is_first = stored == ["Kept 0", "Kept 1", "Kept 2"];
    let is_second = stored == ["Kept 0", "Kept 1", "Kept 2", "Later 0"];
    assert!(is_first && done[0] || is_second && done[1], "{done:?}, and there is {stored:?}");
    must_be_tidy(&place);
}

#[test]
fn a_damaged_registry_is_replaced_and_a_sandbox_is_not() {
    let site = Site::start();
    create(&site, "Kept", 1);
    let file = back_up(&site.place, "backup");
    let other = elsewhere(&site.place);
    fs::write(other.data().join("carnelian.db"), "this is no database").expect("can be written");
    restore(&other, &file, &[]).fails(1);
    let replaced = restore(&other, &file, &["--replace"]);
    assert!(replaced.stderr.contains("the registry that is replaced cannot be read"), "{}", replaced.stderr);
    replaced.done();
    assert_eq!(names(&other), ["Kept 0"]);
    must_be_tidy(&other);

    let sandbox = elsewhere(&site.place);
    sandbox.write("data/carnelian.sandbox", "");
    let why = restore(&sandbox, &file, &["--replace"]).fails(1);
    assert!(why.contains("sandbox"), "{why}");
    assert!(!sandbox.data().join("carnelian.db").exists());
}
