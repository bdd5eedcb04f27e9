//! Directories that may not be entered: the cause is reported.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Output;

use blackbox::{Fixture, TestDir, other_user};

use super::{everything_below, plain, set_mode};

/// Runs a command on the registry as a user who may not enter the folder that it is in.
fn run(test_dir: &TestDir, arguments: &[&str]) -> Output {
    let mut command = test_dir.command();
    command.args(arguments).arg("--data").arg(test_dir.root().join("locked/data"));
    if other_user::is_possible() {
        command.uid(other_user::ID);
    }
    command.output().expect("the binary can be run")
}

#[test]
fn a_directory_that_may_not_be_entered_is_named_with_the_cause_and_nothing_is_left_behind() {
    let fixture = Fixture::start();
    let test_dir = fixture.test_dir;
    fixture.server.stop();
    test_dir.write("rows.csv", "name,accountName\nNew,Acme\n");
    let backup = test_dir.root().join("backup");
    test_dir.cli(&["backup", plain(&backup)]).done();
    let locked = test_dir.root().join("locked");
    fs::create_dir(&locked).and_then(|()| fs::rename(test_dir.data(), locked.join("data"))).expect("can be moved");
    set_mode(test_dir.root(), 0o711);
    let before = everything_below(test_dir.root()).len();
    set_mode(&locked, if other_user::is_possible() { 0o700 } else { 0o000 });
    let commands: [&[&str]; 10] = [
        &["account", "list"],
        &["account", "create", "Acme"],
        &["customer", "import", "rows.csv", "--create-accounts"],
        &["customer", "export"],
        &["user", "list"],
        &["key", "issue", "ada"],
        &["audit", "verify"],
        &["ledger", "-"],
        &["restore", plain(&backup), "--replace", "--yes"],
        &["serve", "--listen", "127.0.0.1:0"],
    ];
    for command in commands {
        let output = run(&test_dir, command);
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {why}");
        assert!(why.contains("Permission denied"), "{command:?}: {why}");
        assert!(why.contains("locked/data") || why.contains("rows.csv"), "{command:?}: {why}");
        assert!(!why.contains("no registry"), "{command:?}: {why}");
    }
    set_mode(&locked, 0o700);
    assert_eq!(everything_below(test_dir.root()).len(), before, "something was left behind");
}
