//! A registry belongs to one user of the system.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use blackbox::{Fixture, Outcome, TestDir, other_user};

use super::{everything_below, mode_of, plain, set_mode};

/// A registry that is not served, with a backup of it.
fn test_dir() -> TestDir {
    let fixture = Fixture::start();
    fixture.test_dir.cli(&["backup", plain(&fixture.test_dir.root().join("backup"))]).done();
    fixture.test_dir.write("rows.csv", "name,accountName\nNew,Acme\n");
    fixture.server.stop();
    fixture.test_dir
}

/// One of each way to open a registry.
fn open_in_every_way(test_dir: &TestDir) -> Vec<(String, Outcome)> {
    let commands: [&[&str]; 13] = [
        &["status"],
        &["group", "create", "Another"],
        &["user", "list"],
        &["directory", "verify"],
        &["account", "list"],
        &["account", "create", "Another"],
        &["customer", "import", "rows.csv"],
        &["customer", "export"],
        &["key", "issue", "ada"],
        &["audit", "verify"],
        &["ledger", "new.ledger"],
        &["backup", "new.backup"],
        &["restore", "backup", "--replace", "--yes"],
    ];
    let ran = commands.iter().map(|command| (command.join(" "), test_dir.cli(command)));
    let served = [&[][..], &["--demo"]];
    let served = served.map(|more| (format!("serve {more:?}"), test_dir.launch().args(more).run()));
    ran.chain(served).collect()
}

/// Asserts that a registry is refused with a sentence that contains `words`, and that nothing has changed in it.
#[track_caller]
fn refused_in_every_way(test_dir: &TestDir, words: &[&str]) {
    let owners = |below: &Path| -> Vec<_> {
        let paths = everything_below(below).into_iter();
        let mut owners: Vec<_> = paths
            .map(|path| (fs::metadata(&path).map(|file| (file.uid(), file.modified().ok())).ok(), path))
            .filter(|(_, path)| !path.ends_with("stdout") && !path.ends_with("stderr"))
            .collect();
        owners.sort_by(|(_, one), (_, other)| one.cmp(other));
        owners
    };
    let before = owners(&test_dir.data());
    for (command, outcome) in open_in_every_way(test_dir) {
        let why = outcome.fails(1);
        assert!(words.iter().all(|word| why.contains(word)), "{command}: {why}");
        assert_eq!(why.trim().lines().count(), 1, "{command}: {why}");
        assert_eq!(owners(&test_dir.data()), before, "{command} has changed something");
    }
    for name in ["new.ledger", "new.backup"] {
        assert!(!test_dir.root().join(name).exists(), "{name} was made");
    }
}

#[test]
fn a_registry_of_another_user_is_refused_by_every_command_also_of_root() {
    if !other_user::is_possible() {
        return;
    }
    let test_dir = test_dir();
    other_user::give(&test_dir.data());
    refused_in_every_way(&test_dir, &[plain(&test_dir.data()), "belongs to user", "sudo -u"]);
    if test_dir.is_embedded() {
        let sandbox = test_dir.launch().args(&["--sandbox"]).run().fails(1);
        assert!(sandbox.contains("sudo -u"), "{sandbox}");
    }
    other_user::take_back(&test_dir.data());
    test_dir.serve().stop();
}

#[test]
fn a_check_by_another_user_leaves_no_file() {
    if !other_user::is_possible() {
        return;
    }
    let test_dir = test_dir();
    let before = everything_below(&test_dir.data());
    other_user::give(&test_dir.data());
    let checked = test_dir.cli(&["doctor"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stdout.contains("sudo -u"), "{checked:?}");
    assert_eq!(everything_below(&test_dir.data()), before);
    other_user::take_back(&test_dir.data());
}

#[test]
fn a_directory_of_another_user_gets_no_registry() {
    if !other_user::is_possible() {
        return;
    }
    let test_dir = TestDir::new();
    fs::create_dir(test_dir.data()).expect("a directory can be made");
    other_user::give(&test_dir.data());
    for outcome in [test_dir.cli(&["account", "create", "Acme"]), test_dir.launch().run()] {
        assert!(outcome.stderr.contains("sudo -u"), "{outcome:?}");
        outcome.fails(1);
    }
    assert!(everything_below(&test_dir.data()).is_empty());
}

#[test]
fn a_file_of_another_user_in_the_data_directory_is_refused() {
    if !other_user::is_possible() {
        return;
    }
    let test_dir = test_dir();
    let embedded = ["master.key", "carnelian.db", "carnelian.lock"];
    for name in if test_dir.is_embedded() { &embedded[..] } else { &embedded[..1] } {
        let path = test_dir.data().join(name);
        other_user::give(&path);
        refused_in_every_way(&test_dir, &[plain(&path), "belongs to user", "chown"]);
        other_user::take_back(&path);
    }
    test_dir.serve().stop();
}

#[test]
fn a_named_master_key_of_another_user_is_refused() {
    if !other_user::is_possible() {
        return;
    }
    let test_dir = test_dir();
    let key = test_dir.root().join("elsewhere.key");
    fs::rename(test_dir.data().join("master.key"), &key).expect("a file can be moved");
    other_user::give(&key);
    let why = test_dir.cli(&["account", "list", "--master-key-file", plain(&key)]).fails(1);
    assert!(why.contains("elsewhere.key belongs to user"), "{why}");
    let why = test_dir.launch().args(&["--master-key-file", plain(&key)]).run().fails(1);
    assert!(why.contains("elsewhere.key belongs to user"), "{why}");
    other_user::take_back(&key);
    test_dir.cli(&["account", "list", "--master-key-file", plain(&key)]).done();
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let test_dir = test_dir();
    for mode in [0o770, 0o707, 0o1777, 0o722] {
        set_mode(&test_dir.data(), mode);
        refused_in_every_way(&test_dir, &[plain(&test_dir.data()), "chmod go-w"]);
        assert_eq!(mode_of(&test_dir.data()), mode, "nobody's permissions are changed");
    }
    set_mode(&test_dir.data(), 0o755);
    test_dir.serve().stop();
}
