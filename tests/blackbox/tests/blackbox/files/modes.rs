//! The permissions of everything that holds something personal or secret, and who may read keys.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use blackbox::{Fixture, TestDir, binary, other_user, wait};

use super::{everything_below, mode_of, plain, set_mode};

/// Runs a command under a umask; it must end with `code`.
#[track_caller]
pub(crate) fn cli(test_dir: &TestDir, umask: &str, arguments: &[&str], code: i32) {
    let mut shell = test_dir.program(Path::new("/bin/sh"));
    shell.arg("-c").arg(format!("umask {umask}\nexec \"$0\" \"$@\"")).arg(binary::path());
    let status = shell.args(arguments).arg("--data").arg(test_dir.data()).stdin(Stdio::null()).status();
    assert_eq!(status.expect("a shell can be run").code(), Some(code), "{arguments:?}");
}

/// Asserts that only their owner has access to all files and directories below a directory.
#[track_caller]
pub(crate) fn assert_private(directory: &Path, at_least: usize) {
    let found = everything_below(directory);
    assert!(found.len() >= at_least, "{found:?}");
    for path in found {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode_of(&path), expected, "{}", path.display());
    }
}

#[test]
fn a_master_key_that_group_or_others_have_access_to_is_refused_unless_the_service_manager_hands_it_over() {
    let test_dir = Fixture::start().test_dir;
    let (key, handed_over) = (test_dir.data().join("master.key"), test_dir.root().join("handed-over"));
    for mode in [0o640, 0o620, 0o604, 0o644] {
        set_mode(&key, mode);
        let why = test_dir.cli(&["account", "list"]).fails(1);
        assert!(why.contains(plain(&key)) && why.contains("chmod go-rwx"), "{mode:o}: {why}");
        assert!(test_dir.launch().run().fails(1).contains("chmod go-rwx"), "{mode:o}");
    }
    fs::create_dir(&handed_over).and_then(|()| fs::rename(&key, handed_over.join("key"))).expect("can be moved");
    let key = handed_over.join("key");
    let outside = test_dir.root().join("outside");
    fs::copy(&key, &outside).expect("can be copied");
    symlink(&outside, handed_over.join("link")).expect("can be made");
    let list = |key: &Path| {
        let mut command = test_dir.command();
        command.env("CREDENTIALS_DIRECTORY", &handed_over).args(["account", "list", "--data"]).arg(test_dir.data());
        command.arg("--master-key-file").arg(key).output().expect("the binary can be run").status.code()
    };
    assert_eq!(list(&key), Some(0));
    assert_eq!(list(&outside), Some(1));
    assert_eq!(list(&handed_over.join("link")), Some(1));
    assert_eq!(list(&handed_over.join("../outside")), Some(1));
    test_dir.cli(&["account", "list", "--master-key-file", plain(&key)]).fails(1);
}

#[test]
fn a_password_file_that_group_or_others_have_access_to_is_refused() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let password = test_dir.write("password", "secret");
    // No process listens there.
    let list = ["account", "list", "--database", "postgres://carnelian@127.0.0.1:1/carnelian"];
    let list = [&list[..], &["--database-password-file", plain(&password)]].concat();
    for mode in [0o640, 0o604] {
        set_mode(&password, mode);
        let why = test_dir.cli(&list).fails(1);
        assert!(why.contains(plain(&password)) && why.contains("chmod go-rwx"), "{mode:o}: {why}");
    }
    set_mode(&password, 0o600);
    let why = test_dir.cli(&list).fails(1);
    assert!(!why.contains("chmod"), "{why}");
}

#[test]
fn keys_do_not_get_into_core_dumps_nor_into_other_processes() {
    let test_dir = TestDir::new();
    let server = test_dir.launch().after_shell("ulimit -c unlimited").start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("a process has limits");
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).expect("there is a limit");
    assert_eq!(limit.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{limit}");
    server.stop();
    if !other_user::is_possible() {
        return;
    }
    // What belongs to root in `/proc`, although the process does not, cannot be read by its user.
    let mut command = TestDir::embedded().command();
    command.args(["serve", "--sandbox", "--listen", "127.0.0.1:0"]).current_dir("/").uid(other_user::ID);
    let printed = test_dir.root().join("printed");
    command.stdout(fs::File::create(&printed).expect("can be made")).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary can be run");
    wait::until("the server listens", wait::PROCESS, || {
        fs::read_to_string(&printed).expect("is there").contains("Listening on").then_some(())
    });
    let memory = fs::metadata(format!("/proc/{}/mem", child.id())).expect("a process has memory");
    let _ = (Command::new("kill").arg(child.id().to_string()).status(), child.wait());
    assert_eq!(memory.uid(), 0, "other processes of the same user can read the memory");
}
