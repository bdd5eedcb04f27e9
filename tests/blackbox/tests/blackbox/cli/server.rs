//! `--server`: administration of another machine's registry.

use blackbox::{Login, Outcome, Server, TestDir};

use crate::tls::{self_signed, serve};

/// An account and an operator, whose key is in a file.
fn prepare(test_dir: &TestDir) -> Login {
    test_dir.account("Office");
    let root = test_dir.user("root", "Office", &["--role", "OPERATOR"]);
    test_dir.write("root.key", &format!("{}\n", root.key));
    root
}

/// Runs a command by a server.
fn by(server: &Server, test_dir: &TestDir, arguments: &[&str]) -> Outcome {
    let url = format!("http://{}", server.address());
    let login = ["--server", &url, "--server-user", "root", "--server-key-file", "root.key"];
    test_dir.bare_cli(&[arguments, &login].concat())
}

#[test]
fn a_change_prints_the_same_whether_a_server_makes_it_or_the_command() {
    let (local, remote) = (TestDir::new(), TestDir::new());
    prepare(&local);
    prepare(&remote);
    let server = remote.serve();
    let commands: [&[&str]; 19] = [
        &["account", "create", "Acme", "--reason", "contract 17"],
        &["account", "create", "Zoë & Co, 100%?"],
        &["group", "create", "West"],
        &["group", "add", "West", "Acme"],
        &["group", "add", "West", "Zoë & Co, 100%?"],
        &["user", "create", "ada", "--account", "Acme", "--group", "West"],
        &["user", "edit", "ada", "--role", "ACCOUNTREADONLY", "--yes"],
        &["user", "edit", "ada", "--no-group"],
        &["user", "edit", "ada", "--no-group", "--dry-run"],
        &["user", "edit", "ada", "--no-group", "--yes", "--reason", "moved away"],
        &["user", "disable", "ada", "--yes"],
        &["user", "enable", "ada"],
        &["group", "remove", "West", "Acme", "--yes"],
        &["account", "request-erasure", "Zoë & Co, 100%?", "--yes"],
        &["account", "cancel-erasure", "Zoë & Co, 100%?"],
        &["account", "list", "--json"],
        &["group", "list"],
        &["user", "list", "--json"],
        &["account", "receipt", "1"],
    ];
    for command in commands {
        let (here, there) = (local.cli(command), by(&server, &remote, command));
        assert_eq!((here.code, here.stdout), (there.code, there.stdout.clone()), "{command:?}: {there:?}");
        if there.code != 1 {
            assert_eq!(here.stderr, there.stderr, "{command:?}");
        }
    }
    let log = remote.cli(&["audit", "list", "--json"]).json();
    let reasons: Vec<_> = log.as_array().into_iter().flatten().filter_map(|entry| entry["reason"].as_str()).collect();
    assert_eq!(reasons, ["contract 17", "moved away"]);
}

#[test]
fn a_listing_of_a_server_is_that_of_the_command() {
    let test_dir = TestDir::new();
    prepare(&test_dir);
    for number in 0..60 {
        test_dir.account(&format!("Account {number}"));
    }
    test_dir.user("ada", "Office", &[]);
    test_dir.cli(&["account", "request-erasure", "Account 1", "--yes", "--reason", "contract ended"]).done();
    let server = test_dir.serve();
    for listing in [
        &["account", "list"][..],
        &["account", "erasures"],
        &["key", "list", "ada"],
        &["audit", "list"],
        &["audit", "list", "--last", "--limit", "55"],
        &["audit", "list", "--newest-first", "--action", "create_account", "--actor", "command_line"],
        &["audit", "list", "--object", "account:3", "--after", "2", "--since", "2020-01-01T00:00:00Z"],
    ] {
        for form in [&[][..], &["--json"]] {
            let command = [listing, form].concat();
            let here = test_dir.cli(&command).done();
            assert_eq!(here, by(&server, &test_dir, &command).done(), "{command:?}");
            assert!(here.lines().count() > 1, "{command:?} lists nothing: {here}");
        }
    }
    let status = by(&server, &test_dir, &["status", "--json"]).json();
    assert!(status["uptimeSeconds"].is_u64(), "it is that of the server: {status}");
    assert!(by(&server, &test_dir, &["status"]).done().contains("\nRunning for "));
    let shown = by(&server, &test_dir, &["config", "show", "--origin"]).done();
    assert!(shown.contains("listen = \"127.0.0.1:0\"  # --listen"), "{shown}");
}

#[test]
fn a_key_is_issued_imported_and_revoked_by_a_server() {
    let test_dir = TestDir::new();
    prepare(&test_dir);
    let server = test_dir.serve();
    by(&server, &test_dir, &["user", "create", "ada", "--account", "Office"]).done();
    let terms = ["--expires", "90d", "--label", "shop", "--allow", "127.0.0.0/8"];
    let key = by(&server, &test_dir, &[&["key", "issue", "ada"], &terms[..]].concat()).line();
    let ada = server.client_of(&Login { user: "ada".into(), key: key.clone() });
    ada.get("/rws/api/v1/echo/hello").must_succeed("the key");
    by(&server, &test_dir, &["key", "revoke", &key[5..21], "--yes"]).done();
    assert_eq!(ada.get("/rws/api/v1/echo/hello").status, 401);
    let listed = by(&server, &test_dir, &["key", "list", "ada", "--json"]).json();
    assert!(listed[0]["status"] == "Revoked" && listed[0]["label"] == "shop", "{listed}");
}

#[test]
fn a_server_is_verified_and_a_refusal_is_reported() {
    let test_dir = TestDir::new();
    let root = prepare(&test_dir);
    let (certificate, key) = self_signed(&["127.0.0.1"], "4000-01-01");
    test_dir.write("cert.pem", &certificate);
    test_dir.write("key.pem", &key);
    let server = serve(&test_dir);
    let url = format!("https://{}", server.address());
    let list = |more: &[&str]| test_dir.bare_cli(&[&["account", "list", "--server", &url], more].concat());
    let login = ["--server-user", "root", "--server-key-file", "root.key"];
    let trusted = [&login[..], &["--server-ca-file", "cert.pem"]].concat();
    assert!(list(&trusted).done().contains("Office"));
    let error = list(&login).fails(1);
    assert!(error.contains("invalid peer certificate"), "{error}");
    list(&["--server-ca-file", "cert.pem"]).fails(2);
    let mut command = test_dir.command();
    command.args(["account", "list", "--server", &url, "--server-user", "root", "--server-ca-file", "cert.pem"]);
    let by_variable = command.env("CARNELIAN_SERVER_KEY", &root.key).output().expect("it can be run");
    assert!(String::from_utf8_lossy(&by_variable.stdout).contains("Office"), "{by_variable:?}");
    test_dir.write("root.key", "crk1_wrong");
    let error = list(&trusted).fails(1);
    assert!(error.contains("Invalid credentials"), "{error}");
    let error = test_dir.bare_cli(&[
        "account",
        "list",
        "--server",
        "http://192.0.2.1",
        "--server-user",
        "root",
        "--server-key-file",
        "root.key",
    ]);
    assert!(error.fails(2).contains("https only"));
    for local in [
        &["backup", "x.backup"][..],
        &["audit", "verify"],
        &["account", "erasure-grace"],
        &["customer", "export"],
        &["directory", "verify"],
    ] {
        let error = test_dir.bare_cli(&[local, &["--server", &url], &trusted].concat()).fails(2);
        assert!(error.contains("a server does not offer this command"), "{local:?}: {error}");
    }
}
