//! What every command has in common.

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
        &["user", "disable"],
        &["key", "issue"],
        &["key", "revoke"],
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
    assert_eq!(listed, ["After", "Before", "Between"]);
    test_dir.bare_cli(&["account", "create", "Default"]).done();
    assert!(test_dir.root().join("carnelian-data/carnelian.db").is_file(), "the default is a folder here");
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
fn a_database_that_is_none_is_refused() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    std::fs::write(
        test_dir.data().join("carnelian.db"),
        "this is no database, but it is long enough to be read as one",
    )
    .expect("a file can be written");
    test_dir.cli(&["account", "list"]).fails(1);
    let refused = test_dir.launch().run();
    assert_eq!(refused.code, 1, "{refused:?}");
}
