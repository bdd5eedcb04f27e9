//! What a sandbox prints when it starts, and the files that it leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use blackbox::{Server, TestDir, other_user, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Sandbox, launch};

/// Where the server says that its data are.
fn folder(server: &Server) -> PathBuf {
    let printed = server.stdout();
    let line = printed.lines().find_map(|line| line.strip_prefix("Data in "));
    line.unwrap_or_else(|| panic!("no place in {printed}")).into()
}

/// Runs what the server has printed under a heading.
fn run_printed(server: &Server, heading: &str) -> Value {
    let printed = server.stdout();
    let call = printed.split(&format!("\n{heading}\n\n")).nth(1).unwrap_or_else(|| panic!("no {heading:?}: {printed}"));
    let call = call.split("\n\n").next().unwrap_or_default();
    let output = Command::new("/bin/sh").arg("-c").arg(call).output().expect("a shell can be run");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{call}\nanswered {output:?}"))
}

#[test]
fn the_printed_calls_work_as_they_are_and_the_users_can_sign_in() {
    let sandbox = Sandbox::start();
    assert_eq!(run_printed(&sandbox.server, "Create a customer:")["customerId"], 1);
    assert_eq!(run_printed(&sandbox.server, "Reset to the seed:")["accounts"], 3);
    assert_eq!(run_printed(&sandbox.server, "Create a customer:")["customerId"], 1);
    let printed = sandbox.server.stdout();
    let users: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let users: Vec<_> = users.into_iter().filter(|line| line.contains("-4000-8000-")).collect();
    assert_eq!(users.len(), 5, "{printed}");
    for line in users {
        let (user, key) = (line.split(' ').next().unwrap_or_default(), line.split(' ').next_back().unwrap_or_default());
        let client = sandbox.server.client_of(&super::login(user, key));
        client.get("/rws/api/v1/echo/hello").must_succeed(line);
    }
}

#[test]
fn an_account_with_a_quote_can_be_pasted() {
    let seed = "[[accounts]]\nname = \"O'Hara \\\"&\\\" Sons\"\n\
                [[users]]\nname = \"o\"\naccount = \"O'Hara \\\"&\\\" Sons\"\nkeys = [\"k\"]\n";
    let sandbox = Sandbox::seeded(seed);
    assert_eq!(run_printed(&sandbox.server, "Create a customer:")["customerId"], 1);
}

#[test]
fn its_data_are_private_and_gone_when_it_has_stopped() {
    let sandbox = Sandbox::start();
    let folder = folder(&sandbox.server);
    let mode = folder.metadata().expect("the folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    if Path::new("/dev/shm").is_dir() {
        assert!(folder.starts_with("/dev/shm"), "{}", folder.display());
    }
    sandbox.reset();
    sandbox.server.stop();
    assert!(!folder.exists(), "{} is left", folder.display());
    assert!(!sandbox.test_dir.root().join("carnelian-data").exists(), "a registry was made");
}

#[test]
fn what_a_killed_sandbox_has_left_is_removed_by_the_next_and_a_running_one_stays() {
    let test_dir = TestDir::embedded();
    let running = launch(&test_dir, &[]);
    let killed = launch(&test_dir, &[]);
    let left = folder(&killed);
    assert!(left.exists());
    killed.kill();
    let next = launch(&test_dir, &[]);
    // Another sandbox that starts at the same time may be the one that removes it.
    wait::until("what is left is removed", wait::PATIENCE, || (!left.exists()).then_some(()));
    assert!(folder(&running).exists() && folder(&next).exists());
    running.client().get("/health/ready").must_succeed("the running one");
}

#[test]
fn what_another_user_makes_where_sandboxes_are_kept_delays_no_start() {
    if !other_user::is_possible() {
        return;
    }
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let foreign = TempDir::with_prefix_in("carnelian-sandbox-", base).expect("a directory can be made");
    // Opening a pipe waits for the other end.
    let lock = foreign.path().join("sandbox.lock");
    assert!(Command::new("mkfifo").arg(&lock).status().expect("there is mkfifo").success());
    other_user::give(foreign.path());
    let sandbox = Sandbox::start();
    sandbox.call("GET", "/health/live");
    assert!(lock.exists(), "what belongs to others was removed");
}

#[test]
fn the_document_of_the_interface_is_that_of_any_server() {
    let sandbox = Sandbox::start();
    let document = sandbox.call("GET", "/openapi.json");
    assert_eq!(document.to_string(), blackbox::reference::openapi().to_string());
    assert_eq!(sandbox.call("GET", "/health/live"), json!({ "status": "ok" }));
}
