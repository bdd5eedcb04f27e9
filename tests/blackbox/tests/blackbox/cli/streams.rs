//! stdin and stdout: a closed pipe, a full device, and `-` as the name of a file.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::process::Stdio;

use blackbox::{Client, Outcome, TestDir, wait};

use super::backup::{elsewhere, plain};

/// Every command that prints a result, on a registry of [`prepared`].
const RESULTS: [&[&str]; 18] = [
    &["--help"],
    &["--version"],
    &["serve", "--help"],
    &["reference", "openapi"],
    &["reference", "command-line"],
    &["account", "list"],
    &["account", "list", "--json"],
    &["account", "erasures"],
    &["group", "list"],
    &["user", "list"],
    &["key", "list", "ada"],
    &["audit", "list"],
    &["audit", "list", "--json"],
    &["audit", "export"],
    &["audit", "verify"],
    &["customer", "export"],
    &["customer", "export", "--format", "jsonl"],
    &["ledger", "-"],
];

fn prepared() -> TestDir {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.user("ada", "Acme", &[]);
    test_dir.write("customers.csv", "name,accountName\nOne,Acme\n");
    test_dir.cli(&["customer", "import", "customers.csv"]).done();
    test_dir
}

/// Runs a command whose stdout is `stdout`.
fn run_into(test_dir: &TestDir, arguments: &[&str], stdout: impl Into<Stdio>) -> Outcome {
    let mut command = test_dir.command();
    command.args(arguments).arg("--data").arg(test_dir.data()).stdin(Stdio::null()).stdout(stdout);
    let output = command.stderr(Stdio::piped()).output().expect("the binary can be run");
    let stderr = String::from_utf8(output.stderr).expect("messages are UTF-8");
    Outcome { code: output.status.code().unwrap_or(-1), stdout: String::new(), stderr }
}

/// A pipe whose reader is closed.
fn closed_pipe() -> io::PipeWriter {
    let (reader, writer) = io::pipe().expect("a pipe can be made");
    drop(reader);
    writer
}

fn full_device() -> File {
    File::options().write(true).open("/dev/full").expect("there is a full device")
}

#[test]
fn a_closed_pipe_ends_every_command_silently() {
    let test_dir = prepared();
    for arguments in RESULTS {
        let outcome = run_into(&test_dir, arguments, closed_pipe());
        let stderr = outcome.stderr.replace("verified ", "");
        let said: Vec<_> = stderr.lines().filter(|line| !line.ends_with(" entries")).collect();
        assert_eq!((outcome.code, said), (0, vec![]), "{arguments:?}");
    }
    let mut command = test_dir.command();
    command.arg("frobnicate").stderr(closed_pipe());
    assert_eq!(command.status().expect("the binary can be run").code(), Some(2), "and so does one of stderr");
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let test_dir = prepared();
    for arguments in RESULTS {
        let outcome = run_into(&test_dir, arguments, full_device());
        let is_named = outcome.stderr.contains("error: stdout: No space left on device");
        assert!(outcome.code == 1 && is_named, "{arguments:?}: {outcome:?}");
    }
}

#[test]
fn a_server_whose_stdout_is_closed_serves() {
    let test_dir = prepared();
    let port = TcpListener::bind("127.7.7.7:0").expect("a port is free");
    let address = port.local_addr().expect("it has an address");
    drop(port);
    let mut command = test_dir.command();
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(test_dir.data());
    let mut server = command.stdout(closed_pipe()).stderr(Stdio::null()).spawn().expect("the binary can be run");
    let ready = || Client::new(address, None).try_get("/health/ready").is_ok_and(|reply| reply.status == 200);
    wait::until("the server is ready or ends", wait::PROCESS, || {
        (ready() || server.try_wait().expect("a child can be waited for").is_some()).then_some(())
    });
    let is_running = server.try_wait().expect("a child can be waited for").is_none();
    let _ = server.kill();
    server.wait().expect("a child can be waited for");
    assert!(is_running);
}

#[test]
fn a_key_that_could_not_be_shown_is_revoked() {
    let test_dir = prepared();
    let active = |test_dir: &TestDir| test_dir.cli(&["key", "list", "ada"]).done().matches("Active").count();
    for (stdout, why) in
        [(Stdio::from(full_device()), "No space left on device"), (closed_pipe().into(), "stdout was closed")]
    {
        let outcome = run_into(&test_dir, &["key", "issue", "ada"], stdout);
        let is_told = outcome.stderr.contains("revoked") && outcome.stderr.contains(why);
        assert!(outcome.code == 1 && is_told, "{outcome:?}");
        assert_eq!(active(&test_dir), 1, "only the key that was seen is accepted");
    }
    let keys = test_dir.cli(&["key", "list", "ada"]).done();
    assert_eq!(keys.matches("Revoked").count(), 2, "{keys}");
    test_dir.key("ada", &[]);
    assert_eq!(active(&test_dir), 2);
}

#[test]
fn a_dash_is_stdin_or_stdout() {
    let test_dir = prepared();
    let file = test_dir.root().join("backup");
    test_dir.cli(&["backup", plain(&file)]).done();
    let ledger = test_dir.root().join("ledger");
    run_into(&test_dir, &["ledger", "-"], File::create(&ledger).expect("can be made")).done();
    let other = elsewhere(&test_dir);
    let mut command = other.command();
    command.args(["restore", plain(&file), "--ledger", "-", "--data", plain(&other.data())]);
    let restored = command.stdin(File::open(&ledger).expect("is there")).output().expect("the binary can be run");
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(other.cli(&["customer", "export", "--output", "-"]).done().lines().count(), 2);
    let wrong = test_dir.cli_with_input(&["account", "check-receipt", "-"], "no receipt").fails(1);
    assert!(wrong.contains("not a receipt"), "{wrong}");
    let seed = TestDir::embedded().cli_with_input(&["serve", "--sandbox", "--seed", "-"], "accounts = 1").fails(2);
    assert!(seed.contains("accounts"), "the seed is read: {seed}");
}

#[test]
fn a_dash_is_refused_where_a_file_is_needed() {
    let test_dir = prepared();
    let cases: [(&[&str], &str); 8] = [
        (&["backup", "-"], "two files"),
        (&["restore", "-"], "read twice"),
        (&["customer", "import", "customers.csv", "--rejects", "-"], "rejected rows"),
        (&["account", "list", "--config", "-"], "not from stdin"),
        (&["account", "list", "--master-key-file", "-"], "expected a file"),
        (&["serve", "--tls-cert", "-"], "expected a file"),
        (&["serve", "--tls-key", "-"], "expected a file"),
        (&["account", "list", "--data=-"], "expected a directory"),
    ];
    for (arguments, why) in cases {
        let refused = test_dir.bare_cli(arguments).fails(2);
        assert!(refused.contains(why), "{arguments:?}: {refused}");
    }
    let refused = test_dir.cli(&["restore", "/dev/null", "--ledger", "/dev/null"]).fails(1);
    assert!(refused.contains("regular file"), "{refused}");
    let names: Vec<_> =
        fs::read_dir(test_dir.root()).expect("is listed").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('-')), "{names:?}");
}
