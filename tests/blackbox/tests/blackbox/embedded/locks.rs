//! File locks, and files that are removed or replaced under a process that has them open.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use blackbox::{CUSTOMERS, Fixture, Request, Server, TestDir, sample, wait};

use crate::files::{everything_below, mode_of, set_mode};

/// Removes the files of a data directory whose names `which` selects.
fn remove(test_dir: &TestDir, which: impl Fn(&str) -> bool) {
    for path in everything_below(&test_dir.data()) {
        if which(path.file_name().and_then(|name| name.to_str()).expect("a plain name")) {
            fs::remove_file(path).expect("a file can be removed");
        }
    }
}

/// Whether a server that may end at any moment acknowledges a new customer.
fn is_acknowledged(fixture: &Fixture, name: &str) -> bool {
    let request = Request::new("POST", CUSTOMERS).json(&sample::minimal(name, "Acme"));
    fixture.client().try_send(request).is_ok_and(|answer| answer.status == 200)
}

/// Asserts that a server ends by itself and says that a file is no longer there.
#[track_caller]
fn ends(server: &mut Server, file: &str) {
    assert_eq!(server.wait(), 1, "{}", server.log());
    assert!(server.log().contains(file), "{}", server.log());
}

#[test]
fn no_write_is_acknowledged_once_the_database_or_its_log_is_gone_and_the_server_ends() {
    for file in ["carnelian.db", "carnelian.db-wal", "carnelian.db-shm"] {
        let mut fixture = Fixture::embedded();
        fixture.client().create(&sample::minimal("Kept", "Acme")).must_succeed("a create");
        remove(&fixture.test_dir, |name| name == file);
        assert!(!is_acknowledged(&fixture, "Lost"), "{file}: a write was acknowledged");
        ends(&mut fixture.server, file);
    }
}

#[test]
fn a_server_without_requests_ends_when_its_database_is_removed_moved_or_replaced() {
    let changes: [fn(&Path); 3] = [
        |database| fs::remove_file(database).expect("can be removed"),
        |database| fs::rename(database, database.with_extension("old")).expect("can be moved"),
        |database| {
            let copy = database.with_extension("copy");
            fs::copy(database, &copy).and_then(|_| fs::rename(copy, database)).expect("can be replaced");
        },
    ];
    for change in changes {
        let mut fixture = Fixture::embedded();
        change(&fixture.test_dir.data().join("carnelian.db"));
        ends(&mut fixture.server, "carnelian.db");
    }
}

#[test]
fn a_server_whose_lock_is_removed_or_replaced_ends_and_no_second_one_serves_beside_it() {
    for lock in ["carnelian.lock", "open.lock"] {
        let mut fixture = Fixture::embedded();
        remove(&fixture.test_dir, |name| name == lock);
        assert!(!is_acknowledged(&fixture, "Without a lock"), "{lock}: a write was acknowledged");
        ends(&mut fixture.server, lock);
        let server = fixture.test_dir.serve();
        server.client_of(&fixture.ada).create(&sample::minimal("Again", "Acme")).must_succeed("the next server");
    }
    let mut fixture = Fixture::embedded();
    let lock = fixture.test_dir.data().join("carnelian.lock");
    fs::remove_file(&lock).and_then(|()| File::create(&lock)).expect("a file can be replaced");
    ends(&mut fixture.server, "carnelian.lock");
}

#[test]
fn no_command_makes_a_registry_where_a_server_runs() {
    let fixture = Fixture::embedded();
    // Stopped, it cannot notice and end.
    fixture.server.signal("STOP");
    remove(&fixture.test_dir, |name| name.starts_with("carnelian.db") || name == "master.key");
    let left = || {
        let mut left = everything_below(&fixture.test_dir.data());
        left.retain(|path| !path.ends_with("opening.lock"));
        left.sort();
        left
    };
    let before = left();
    let commands: [&[&str]; 4] =
        [&["account", "create", "Acme"], &["group", "create", "West"], &["account", "list"], &["key", "list", "ada"]];
    for command in commands {
        let why = fixture.test_dir.cli(command).fails(1);
        assert!(why.contains("was removed while"), "{command:?}: {why}");
        assert_eq!(left(), before, "{command:?} has left something");
    }
    let why = fixture.test_dir.launch().run().fails(1);
    assert!(why.contains("was removed while"), "{why}");
    assert_eq!(left(), before);
    fixture.server.signal("CONT");
}

#[test]
fn waiting_for_a_lock_is_told_with_its_path() {
    let fixture = Fixture::embedded();
    let lock = fixture.test_dir.data().join("opening.lock");
    let held = File::options().write(true).open(&lock).expect("there is a lock");
    held.lock().expect("it is free");
    let errors = fixture.test_dir.root().join("errors");
    let mut command = fixture.test_dir.command();
    command.args(["account", "list", "--data"]).arg(fixture.test_dir.data()).stdout(Stdio::null());
    let mut child = command.stderr(File::create(&errors).expect("can be made")).spawn().expect("the binary can be run");
    wait::until("the command says what it waits for", wait::PATIENCE, || {
        let said = fs::read_to_string(&errors).expect("there is a file");
        (said.contains("waiting for") && said.contains(lock.to_str().expect("a plain path"))).then_some(())
    });
    drop(held);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn locks_are_private_files_and_one_that_others_may_open_becomes_private() {
    let test_dir = TestDir::embedded();
    test_dir.serve().stop();
    let locks: Vec<PathBuf> = everything_below(&test_dir.data())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "lock"))
        .collect();
    assert_eq!(locks.len(), 3, "{locks:?}");
    for lock in &locks {
        assert_eq!(mode_of(lock), 0o600, "{}", lock.display());
        set_mode(lock, 0o666);
    }
    // Another user who can open a directory can lock it, too.
    let directory = File::open(test_dir.data()).expect("a directory can be opened");
    directory.lock().expect("nobody else locks it");
    let before = fs::metadata(&locks[0]).expect("is there").ino();
    let server = test_dir.serve();
    assert!(locks.iter().all(|lock| mode_of(lock) == 0o600));
    assert_eq!(fs::metadata(&locks[0]).expect("is there").ino(), before);
    server.stop();
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let fixture = Fixture::embedded();
    let words = fixture.test_dir.launch().run();
    assert_eq!(words.code, 1, "{words:?}");
    let data = fixture.test_dir.data();
    let named = words.stderr.contains(data.to_str().expect("a plain path"));
    assert!(named && words.stderr.trim().contains(' '), "no sentence that names the directory: {words:?}");
    fixture.client().create(&sample::minimal("Still here", "Acme")).must_succeed("the first server");
    fixture.server.kill();
    let server = fixture.test_dir.serve();
    server.client_of(&fixture.ada).create(&sample::minimal("Again", "Acme")).must_succeed("the next server");
}
