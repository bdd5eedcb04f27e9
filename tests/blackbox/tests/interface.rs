//! Runs public tools on the published OpenAPI document; needs `scripts/interface-tools` to have run.

use std::process::Command;

use blackbox::{Fixture, Login, reference};

/// The seed of the generated requests.
const SEED: &str = "20261124";

/// The fewest requests that a run must have tried.
const CASES: u32 = 500;

/// The check that is left out: a valid request may be refused because of what is stored, which `hooks.py` checks.
const NOT_CHECKED: &str = "positive_data_acceptance";

/// A tool in a fresh directory.
fn tool(fixture: &Fixture, name: &str) -> Command {
    let path = reference::workspace().join("target/interface-tools/bin").join(name);
    assert!(path.is_file(), "there is no {}: run scripts/interface-tools first", path.display());
    let mut command = Command::new(path);
    command.current_dir(fixture.test_dir.root());
    command
}

fn script(name: &str) -> String {
    reference::workspace().join("tests/interface").join(name).display().to_string()
}

fn document() -> String {
    reference::workspace().join("docs/reference/openapi.json").display().to_string()
}

/// Runs a command that must succeed, and returns what it printed.
#[track_caller]
fn run(mut command: Command) -> String {
    let output = command.output().expect("the tool can be run");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{}:\n{printed}", output.status);
    printed
}

/// Tries generated requests for the paths that `which` chooses, signed as `login` if there is one, and returns how many
/// there were.
fn schemathesis(fixture: &Fixture, login: Option<&Login>, which: [&str; 2], phases: &str, examples: u32) -> u32 {
    let mut command = tool(fixture, "schemathesis");
    command.env("SCHEMATHESIS_HOOKS", script("hooks.py"));
    command.args(["--config-file", &script("schemathesis.toml")]);
    command.args(["run", &format!("http://{}/openapi.json", fixture.server.address())]);
    command.args(["--seed", SEED, "--max-examples", &examples.to_string(), "--exclude-checks", NOT_CHECKED]);
    command.args(["--phases", phases]);
    command.args(which);
    command.args(["--suppress-health-check", "all", "--no-color"]);
    if let Some(Login { user, key }) = login {
        command.args(["--auth", &format!("{user}:{key}")]);
    }
    let printed = run(command);
    let cases = printed.lines().find_map(|line| line.trim().split_once(" generated, "));
    let cases = cases.unwrap_or_else(|| panic!("no number of cases in\n{printed}")).0;
    println!("seed {SEED}: {cases} cases\n{printed}");
    cases.parse().unwrap_or_else(|_| panic!("{cases} is no number"))
}

#[test]
fn the_document_is_valid_and_so_are_its_examples() {
    let fixture = Fixture::start();
    let mut check = tool(&fixture, "python");
    check.args([script("document.py"), document()]);
    run(check);
}

/// Administration, and everything else.
const ADMINISTRATION: [&str; 2] = ["--include-path-regex", "^/admin/"];
const OTHERS: [&str; 2] = ["--exclude-path-regex", "^/admin/"];

#[test]
fn generated_requests_get_documented_answers_alone() {
    let fixture = Fixture::start();
    let cases = schemathesis(&fixture, Some(&fixture.ada), OTHERS, "examples,coverage,fuzzing,stateful", 60);
    assert!(cases >= CASES, "only {cases} requests were tried");
}

#[test]
fn generated_administration_gets_documented_answers_alone() {
    let fixture = Fixture::start();
    let operator = fixture.test_dir.user("opal", "Acme", &["--role", "OPERATOR"]);
    // The stateful phase would find the operator's own keys and revoke them.
    let cases = schemathesis(&fixture, Some(&operator), ADMINISTRATION, "examples,coverage,fuzzing", 25);
    assert!(cases >= CASES, "only {cases} requests were tried");
}

#[test]
fn generated_requests_without_credentials_get_documented_answers_alone() {
    let fixture = Fixture::start();
    // Many failed sign-ins are slowed down, so few are tried.
    assert!(schemathesis(&fixture, None, OTHERS, "examples,fuzzing", 10) > 0);
}

#[test]
fn a_generated_client_creates_reads_edits_and_lists() {
    let fixture = Fixture::start();
    let mut generate = tool(&fixture, "openapi-python-client");
    generate.args(["generate", "--meta", "none", "--output-path", "carnelian_client", "--path", &document()]);
    run(generate);
    let mut walk = tool(&fixture, "python");
    walk.env("PYTHONPATH", fixture.test_dir.root());
    walk.args([script("client.py"), format!("http://{}", fixture.server.address())]);
    walk.args([&fixture.ada.user, &fixture.ada.key]);
    run(walk);
}
