//! The client of `docs/guides/first-client.md`, as whoever reads it would run it.

use std::fs;
use std::process::Command;

use blackbox::reference;
use serde_json::json;

use super::{Sandbox, ann};

/// Runs the client and returns what it printed.
#[track_caller]
fn run(sandbox: &Sandbox) -> String {
    let login = ann();
    let mut command = Command::new("python3");
    command.arg(reference::workspace().join("docs/guides/first_client.py"));
    command.args([format!("http://{}", sandbox.server.address()), login.user, login.key]);
    let output = command.output().expect("there is a python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What the guide says that it prints.
fn shown() -> String {
    let guide = reference::workspace().join("docs/guides/first-client.md");
    let guide = fs::read_to_string(guide).expect("there is a guide");
    let (_, block) = guide.split_once("```text\n").expect("the guide shows it");
    block.split_once("```").expect("a block has an end").0.to_owned()
}

#[test]
fn it_prints_what_the_guide_shows() {
    assert_eq!(run(&Sandbox::start()), shown());
}

#[test]
fn a_lost_answer_and_a_busy_server_change_nothing_of_that() {
    let sandbox = Sandbox::start();
    sandbox.add_fault(&json!({ "fault": "cutAfter", "method": "POST" }));
    sandbox.add_fault(&json!({ "fault": "503", "method": "POST" }));
    sandbox.add_fault(&json!({ "fault": "cutAfter", "method": "DELETE" }));
    assert_eq!(run(&sandbox), shown());
    assert_eq!(sandbox.faults(), 0, "all of them have struck");
}
