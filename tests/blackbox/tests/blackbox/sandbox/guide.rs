//! Runs the client of `docs/guides/first-client.md` as the guide says.

use std::fs;
use std::process::Command;

use blackbox::{reference, sample};
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

#[test]
fn the_lines_of_the_readme_for_a_ci_reset_a_sandbox_and_make_a_call_fail() {
    let sandbox = Sandbox::start();
    sandbox.ann().create(&sample::minimal("Of the test before", "Acme")).must_succeed("a create");
    let readme = fs::read_to_string(reference::workspace().join("README.md")).expect("there is a README");
    let (_, block) = readme.split_once("carnelian serve --sandbox &").expect("the README starts one");
    let (block, _) = block.split_once("```").expect("a block has an end");
    let calls: Vec<_> = block.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(calls.len(), 3, "{block}");
    for call in calls {
        let call = call.replace("127.0.0.1:8080", &sandbox.server.address().to_string());
        let output = Command::new("sh").args(["-c", &call]).output().expect("there is a shell");
        assert!(output.status.success(), "{call}: {output:?}");
    }
    assert_eq!(sandbox.faults(), 1);
    let list = || sandbox.ann().get("/rws/api/v1/customers?name=Of+the+test+before");
    assert_eq!(list().status, 503);
    assert_eq!(list().json()["customers"], json!([]), "it was reset");
}
