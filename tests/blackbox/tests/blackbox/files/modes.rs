//! The permissions of everything that holds something personal or secret, and who may read keys.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use blackbox::{Fixture, TestDir, binary, other_user, sample, wait};

use super::{everything_below, mode_of, plain, set_mode};

/// Runs a command under a umask; it must end with `code`.
#[track_caller]
fn cli(test_dir: &TestDir, umask: &str, arguments: &[&str], code: i32) {
    let mut shell = binary::command(Path::new("/bin/sh"), test_dir.root());
    shell.arg("-c").arg(format!("umask {umask}\nexec \"$0\" \"$@\"")).arg(binary::path());
    let status = shell.args(arguments).arg("--data").arg(test_dir.data()).stdin(Stdio::null()).status();
    assert_eq!(status.expect("a shell can be run").code(), Some(code), "{arguments:?}");
}

/// Asserts that only their owner has access to all files and directories below a directory.
#[track_caller]
fn assert_private(directory: &Path, at_least: usize) {
    let found = everything_below(directory);
    assert!(found.len() >= at_least, "{found:?}");
    for path in found {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode_of(&path), expected, "{}", path.display());
    }
}

#[test]
fn everything_personal_or_secret_is_private_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let test_dir = TestDir::new();
        let prelude = format!("umask {umask}");
        let outputs = test_dir.root().join("outputs");
        fs::create_dir(&outputs).expect("a directory can be made");
        let output = |name: &str| plain(&outputs.join(name)).to_owned();
        test_dir.write("rows.csv", "name,accountName\nNew,Acme\n,Acme\n");
        cli(&test_dir, umask, &["account", "create", "Acme"], 0);
        cli(&test_dir, umask, &["customer", "import", "rows.csv", "--rejects", &output("rejects.csv")], 1);
        let ada = test_dir.user("ada", "Acme", &[]);
        let server = test_dir.launch().after_shell(&prelude).start();
        server.client_of(&ada).create(&sample::full("Full", "Acme")).must_succeed("a create");
        cli(&test_dir, umask, &["backup", &output("backup")], 0);
        cli(&test_dir, umask, &["ledger", &output("ledger")], 0);
        cli(&test_dir, umask, &["customer", "export", "--output", &output("export.jsonl")], 0);
        // The database, its log and index, three locks and the key; a rejects file, a backup, two ledgers and an export.
        assert_private(&test_dir.data(), 7);
        assert_private(&outputs, 5);
        assert_eq!(mode_of(&test_dir.data()), 0o700);
        server.stop();
        cli(&test_dir, umask, &["restore", &output("backup"), "--replace"], 0);
        assert_private(&test_dir.data(), 5);
        let demo = TestDir::new();
        let server = demo.launch().args(&["--demo"]).after_shell(&prelude).start();
        assert_private(&demo.data(), 8);
        assert!(demo.data().join("demo.json").is_file());
        server.stop();
        let sandbox = TestDir::new();
        let server = sandbox.launch().args(&["--sandbox"]).after_shell(&prelude).start();
        assert_private(sandbox.root().join("data").as_path(), 10);
        server.stop();
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
    let mut command = Command::new(binary::path());
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
