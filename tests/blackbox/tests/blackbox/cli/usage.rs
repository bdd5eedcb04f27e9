//! What every command has in common.

use std::fs;
use std::process::Command;

use blackbox::{Fixture, TestDir, wait};

#[test]
fn usage_errors_and_refusals_have_different_exit_codes() {
    let test_dir = TestDir::new();
    let cases: [&[&str]; 12] = [
        &["frobnicate"],
        &["account"],
        &["account", "frobnicate"],
        &["account", "create"],
        &["account", "create", "A", "B"],
        &["account", "list", "--yaml"],
        &["group", "add", "West"],
        &["user", "create", "ada"],
        &["user", "disable", "--yes"],
        &["key", "issue"],
        &["key", "revoke", "--yes"],
        &["serve", "extra"],
    ];
    for arguments in cases {
        test_dir.bare_cli(arguments).fails(2);
    }
    let nothing = test_dir.bare_cli(&[]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (2, ""), "{nothing:?}");
    assert!(nothing.stderr.contains("Usage"), "{nothing:?}");
}

#[test]
fn help_and_version_are_data() {
    let test_dir = TestDir::new();
    let help = test_dir.bare_cli(&["--help"]).done();
    for command in ["serve", "account", "group", "user", "key"] {
        assert!(help.contains(command), "no {command} in {help}");
    }
    let serve = test_dir.bare_cli(&["serve", "--help"]).done();
    for flag in ["--data", "--listen", "--demo", "--tls-cert", "--log", "--limits-country", "--config"] {
        assert!(serve.contains(flag), "no {flag} in {serve}");
    }
    assert_eq!(test_dir.bare_cli(&["--version"]).done(), "carnelian 0.1.0\n");
}

#[test]
fn the_data_directory_may_be_named_anywhere() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let data = test_dir.data();
    let data = data.to_str().expect("a plain path");
    test_dir.bare_cli(&["--data", data, "account", "create", "Before"]).done();
    test_dir.bare_cli(&["account", "create", "After", "--data", data]).done();
    test_dir.bare_cli(&["account", "--data", data, "create", "Between"]).done();
    let names = |listing: serde_json::Value| {
        let names = listing.as_array().expect("a listing is an array").iter();
        names.map(|account| account["accountName"].clone()).collect::<Vec<_>>()
    };
    let mut listed = names(test_dir.cli(&["account", "list", "--json"]).json());
    listed.sort_by_key(|name| name.to_string());
    assert_eq!(listed, ["Acme", "After", "Before", "Between"]);
    std::fs::rename(data, test_dir.root().join("carnelian-data")).expect("a directory can be moved");
    assert_eq!(
        names(test_dir.bare_cli(&["account", "list", "--json"]).json()).len(),
        4,
        "the default is a folder here"
    );
}

#[test]
fn commands_work_while_the_server_runs_and_it_notices() {
    let fixture = Fixture::start();
    fixture.test_dir.account("New");
    let newcomer = fixture.test_dir.user("newcomer", "New", &[]);
    let client = fixture.server.client_of(&newcomer);
    wait::until("the newcomer is known", wait::NOTICE, || {
        (client.create(&blackbox::sample::minimal("First", "New")).status == 200).then_some(())
    });
}

#[test]
fn a_directory_that_cannot_be_used_is_refused_by_name() {
    let test_dir = TestDir::new();
    test_dir.write("file", "no directory");
    let refused = test_dir.bare_cli(&["account", "list", "--data", "file"]);
    assert!([1, 2].contains(&refused.code), "{refused:?}");
    assert!(refused.stderr.contains("file"), "{refused:?}");
}

#[test]
fn completions_complete_commands_and_flags_in_a_shell() {
    let test_dir = TestDir::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = test_dir.bare_cli(&["completions", shell]).done();
        assert!(script.contains("request-erasure"), "{shell}: {script}");
    }
    let script = test_dir.write("completions.bash", &test_dir.bare_cli(&["completions", "bash"]).done());
    let completed = |words: &str| {
        let line = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _carnelian carnelian \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let output = Command::new("bash").args(["-c", &line]).output().expect("bash runs");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    assert_eq!(completed("carnelian ke"), "key");
    assert_eq!(completed("carnelian key iss"), "issue");
    assert_eq!(completed("carnelian serve --limits-cou"), "--limits-country");
    assert_eq!(completed("carnelian reference ope"), "openapi");
}

#[test]
fn every_command_has_a_manual_page() {
    let test_dir = TestDir::new();
    test_dir.bare_cli(&["man", "share/man1"]).done();
    let pages = test_dir.root().join("share/man1");
    let reference = test_dir.bare_cli(&["reference", "command-line"]).done();
    let commands = reference.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`'));
    for command in commands {
        let page = pages.join(format!("{}.1", command.replace(' ', "-")));
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(text.contains(".TH ") && text.contains("\\-\\-config"), "{command}: {text}");
    }
    assert!(reference.lines().filter(|line| line.starts_with("## `")).count() > 30, "{reference}");
    let serve = fs::read_to_string(pages.join("carnelian-serve.1")).expect("a page");
    assert!(serve.contains("CARNELIAN_LIMITS_COUNTRY"), "{serve}");
}

#[test]
fn a_command_that_is_refused_creates_no_registry() {
    let test_dir = TestDir::new();
    for command in [["account", "create", ""], ["account", "create", " x"], ["group", "create", ""]] {
        let why = test_dir.cli(&command).fails(1);
        assert!(why.contains("cannot be called"), "{command:?}: {why}");
        // `carnelian migrate` has made the data directory of a registry in a database.
        assert!(!test_dir.is_embedded() || !test_dir.data().exists(), "{command:?}");
    }
    test_dir.cli(&["account", "create", "x"]).done();
}
