//! Settings: a flag, an environment variable and a key each.

use std::process::Command;

use blackbox::{Launch, Login, Server, TestDir, sample};
use serde_json::json;

/// Every setting that takes a plain value: its key, a value that is not the default, and one that is bad.
const SETTINGS: [(&str, &str, &str); 18] = [
    ("log", "json", "loud"),
    ("log_level", "warn", "chatty"),
    ("limits.country", "100", "many"),
    ("limits.mobile", "40", "-1"),
    ("limits.body_bytes", "70000", "64k"),
    ("limits.connections", "100", "few"),
    ("limits.connections_per_address", "50", "0"),
    ("limits.requests_per_second", "1000", "1.5.0"),
    ("limits.requests_per_second_per_account", "2000", "-1"),
    ("limits.requests_per_second_per_address", "500", "1000001"),
    ("timeouts.header_seconds", "5", "soon"),
    ("timeouts.body_seconds", "5", "later"),
    ("compat.require_shipping_address", "true", "maybe"),
    ("audit.security_answers", "true", "sometimes"),
    ("insecure_http", "true", "perhaps"),
    ("proxy.trusted", "10.0.0.0/8,192.0.2.1/32", "10.0.0.0/33"),
    ("proxy.header", "forwarded", "via"),
    ("erasure.copies_kept", "90d", "forever"),
];

fn flag(key: &str) -> String {
    format!("--{}", key.replace(['.', '_'], "-"))
}

fn variable(key: &str) -> String {
    format!("CARNELIAN_{}", key.replace('.', "_").to_uppercase())
}

/// One line of TOML; words need quotes.
fn line(key: &str, value: &str) -> String {
    let plain = value == "true" || value.parse::<i64>().is_ok();
    if plain { format!("{key} = {value}\n") } else { format!("{key} = \"{value}\"\n") }
}

fn prepared() -> (TestDir, Login) {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let ada = test_dir.user("ada", "Acme", &[]);
    (test_dir, ada)
}

/// The limit of `country` that a server applies.
fn country_limit(server: &Server, ada: &Login) -> u64 {
    let mut body = sample::full("A", "Acme");
    body["billingAddress"]["country"] = "x".repeat(1000).into();
    let reply = server.client_of(ada).create(&body);
    reply.violations()[0].limit.expect("a length rule has a limit")
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let (test_dir, ada) = prepared();
    let limit = |launch: Launch| country_limit(&launch.start(), &ada);
    let toml = "[limits]\ncountry = 101\n";
    let name = "CARNELIAN_LIMITS_COUNTRY";
    assert_eq!(limit(test_dir.launch()), 150);
    assert_eq!(limit(test_dir.launch().config(toml)), 101);
    assert_eq!(limit(test_dir.launch().config(toml).env(name, "102")), 102);
    assert_eq!(limit(test_dir.launch().config(toml).env(name, "102").args(&["--limits-country", "103"])), 103);
}

#[test]
fn every_setting_can_be_given_in_every_source() {
    let (test_dir, ada) = prepared();
    let mut by_flag = test_dir.launch();
    let mut by_variable = test_dir.launch();
    let mut toml = String::new();
    for (key, value, _) in SETTINGS {
        by_flag = if value == "true" { by_flag.args(&[&flag(key)]) } else { by_flag.args(&[&flag(key), value]) };
        by_variable = by_variable.env(&variable(key), value);
        toml.push_str(&line(key, value));
    }
    for launch in [by_flag, by_variable, test_dir.launch().config(&toml)] {
        let server = launch.start();
        assert_eq!(country_limit(&server, &ada), 100);
        assert!(server.log().lines().all(|line| line.starts_with('{')), "the log is not JSON: {}", server.log());
    }
    let log = test_dir.cli(&["audit", "list", "--json"]).json();
    let changes: Vec<_> =
        log.as_array().into_iter().flatten().filter(|entry| entry["action"] == "change_settings").collect();
    let [change] = changes[..] else { panic!("the same settings from another source are no change: {changes:?}") };
    let changed = change["fields"].as_array().expect("names");
    assert!(SETTINGS.iter().all(|(key, ..)| changed.contains(&(*key).into())), "{changed:?}");
    // The address, and where the registry is.
    let others = 1 + test_dir.location_settings().len();
    assert_eq!(changed.len(), SETTINGS.len() + others, "{changed:?}");
}

#[test]
fn data_and_address_may_come_from_anywhere() {
    let (test_dir, ada) = prepared();
    let data = test_dir.data();
    let data = data.to_str().expect("a plain path");
    let bare = || test_dir.launch().bare();
    let file = test_dir.write("elsewhere.toml", &format!("data = {data:?}\nlisten = \"127.0.0.1:0\"\n"));
    let file = file.to_str().expect("a plain path");
    let launches = [
        bare().env("CARNELIAN_DATA", data).env("CARNELIAN_LISTEN", "127.0.0.1:0"),
        bare().args(&["--config", file]),
        bare().env("CARNELIAN_CONFIG", file),
    ];
    for launch in launches {
        let server = launch.start();
        assert_eq!(country_limit(&server, &ada), 150);
    }
}

#[test]
fn a_bad_value_is_refused_by_name_before_anything_starts() {
    let test_dir = TestDir::new();
    for (key, _, bad) in SETTINGS {
        let (flag, variable) = (flag(key), variable(key));
        // A flag that is a switch takes no value that could be bad.
        if !["insecure_http", "compat.require_shipping_address"].contains(&key) {
            refused(&test_dir, test_dir.launch().args(&[&format!("{flag}={bad}")]), &[&flag]);
        }
        refused(&test_dir, test_dir.launch().env(&variable, bad), &[&variable]);
        refused(&test_dir, test_dir.launch().config(&line(key, bad)), &[key, "carnelian.toml"]);
    }
    refused(&test_dir, test_dir.launch().bare().args(&["--listen", "nowhere"]), &["--listen"]);
    refused(&test_dir, test_dir.launch().bare().args(&["--listen", "127.0.0.1:65536"]), &["--listen"]);
    refused(&test_dir, test_dir.launch().bare().env("CARNELIAN_LISTEN", "nowhere"), &["CARNELIAN_LISTEN"]);
}

#[test]
fn a_value_beyond_its_bounds_is_refused_with_the_bounds() {
    let test_dir = TestDir::new();
    for (key, values, bounds) in [
        ("erasure.grace", ["3651d", "99999999999d"], "from 0 to 3650d"),
        ("limits.connections", ["0", "1000001"], "from 1 to 1000000"),
        ("limits.body_bytes", ["0", "18446744073709551615"], "from 1 to 1073741824"),
        ("timeouts.header_seconds", ["0", "86401"], "from 1 to 86400"),
        ("limits.country", ["65537", "99999999999999999999"], "from 0 to 65536"),
    ] {
        for value in values {
            refused(&test_dir, test_dir.launch().args(&[&flag(key), value]), &[&flag(key), bounds]);
            refused(&test_dir, test_dir.launch().env(&variable(key), value), &[&variable(key), bounds]);
            refused(&test_dir, test_dir.launch().config(&line(key, value)), &[key, bounds]);
        }
        let help = test_dir.bare_cli(&["serve", "--help"]).done();
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(bounds), "{key} in {help}");
    }
}

#[test]
fn an_unknown_setting_is_refused_by_name_before_anything_starts() {
    let test_dir = TestDir::new();
    refused(&test_dir, test_dir.launch().args(&["--limits-contry", "100"]), &["--limits-contry"]);
    refused(&test_dir, test_dir.launch().env("CARNELIAN_LIMITS_CONTRY", "100"), &["CARNELIAN_LIMITS_CONTRY"]);
    refused(&test_dir, test_dir.launch().config("[limits]\ncontry = 100\n"), &["contry", "carnelian.toml"]);
    refused(&test_dir, test_dir.launch().config("colour = \"red\"\n"), &["colour", "carnelian.toml"]);
    refused(&test_dir, test_dir.launch().config("[colours]\nred = 1\n"), &["colours", "carnelian.toml"]);
}

#[test]
fn what_kubernetes_sets_for_a_service_is_no_setting() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let mut command = test_dir.command();
    for (name, value) in [
        ("CARNELIAN_SERVICE_HOST", "10.0.0.1"),
        ("CARNELIAN_SERVICE_PORT", "8080"),
        ("CARNELIAN_SERVICE_PORT_HTTP", "8080"),
        ("CARNELIAN_PORT", "tcp://10.0.0.1:8080"),
        ("CARNELIAN_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("CARNELIAN_PORT_8080_TCP_PROTO", "tcp"),
        ("CARNELIAN_PORT_8080_TCP_PORT", "8080"),
        ("CARNELIAN_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ] {
        command.env(name, value);
    }
    let listed =
        command.args(["account", "list", "--data"]).arg(test_dir.data()).output().expect("the binary can be run");
    assert!(listed.status.success(), "{listed:?}");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_by_name() {
    let test_dir = TestDir::new();
    refused(&test_dir, test_dir.launch().config("this is no TOML"), &["carnelian.toml"]);
    refused(&test_dir, test_dir.launch().config("[limits]\ncountry = 1\ncountry = 2\n"), &["carnelian.toml"]);
    refused(&test_dir, test_dir.launch().args(&["--config", "missing.toml"]), &["missing.toml"]);
    refused(&test_dir, test_dir.launch().env("CARNELIAN_CONFIG", "missing.toml"), &["missing.toml"]);
}

#[test]
fn half_of_a_certificate_is_refused() {
    let test_dir = TestDir::new();
    refused(&test_dir, test_dir.launch().args(&["--tls-cert", "cert.pem"]), &["tls"]);
    refused(&test_dir, test_dir.launch().args(&["--tls-key", "key.pem"]), &["tls"]);
}

/// Asserts that a server does not start, that the error names the setting, and that no file is left.
#[track_caller]
fn refused(test_dir: &TestDir, launch: Launch, named: &[&str]) {
    let words = launch.run().fails(2);
    for name in named {
        assert!(words.contains(name), "{name} is not named in: {words}");
    }
    assert!(!test_dir.data().exists(), "something had started already: {words}");
}

#[test]
fn the_settings_in_force_are_shown_as_a_file_that_has_the_same_effect() {
    let test_dir = TestDir::embedded();
    let file = "listen = \"127.0.0.1:1\"\nlog = \"json\"\n[limits]\ncountry = 100\nmobile = 30\n";
    let file = test_dir.write("given.toml", file);
    let file = file.to_str().expect("a plain path");
    let mut command = test_dir.command();
    command.env("CARNELIAN_LOG", "text").env("CARNELIAN_LIMITS_COUNTRY", "101");
    command.env("CARNELIAN_DATABASE_URL", "postgres://ann:secret@db.example/registry");
    let shown = |command: &mut Command, arguments: &[&str]| {
        let output = command.args(["config", "show"]).args(arguments).output().expect("the command runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let with_origin = shown(&mut command, &["--origin", "--config", file, "--data", "here"]);
    for line in [
        "data = \"here\"  # --data",
        "database.url = \"postgres://ann@db.example/registry\"  # CARNELIAN_DATABASE_URL",
        &format!("listen = \"127.0.0.1:1\"  # {file}"),
        "log = \"text\"  # CARNELIAN_LOG",
        "limits.country = 101  # CARNELIAN_LIMITS_COUNTRY",
        &format!("limits.mobile = 30  # {file}"),
        "limits.connections = 10000  # default",
        "insecure_http = false  # default",
        "# tls.cert is not set",
    ] {
        assert!(with_origin.lines().any(|shown| shown == line), "no {line:?} in {with_origin}");
    }
    let copy = test_dir.write("shown.toml", &with_origin);
    let of_copy = shown(&mut test_dir.command(), &["--config", copy.to_str().expect("a plain path")]);
    let values = |text: &str| {
        let value = |line: &str| line.split("  # ").next().map(str::to_owned);
        text.lines().filter_map(value).collect::<Vec<_>>()
    };
    assert_eq!(values(&of_copy), values(&with_origin));
    let json = test_dir.bare_cli(&["config", "show", "--json", "--config", file]).json();
    let entry = |key: &str| json.as_array().into_iter().flatten().find(|entry| entry["key"] == key).cloned();
    assert_eq!(entry("limits.mobile"), Some(json!({"key": "limits.mobile", "value": "30", "origin": file})));
    assert_eq!(entry("tls.cert"), Some(json!({"key": "tls.cert", "value": null, "origin": "default"})));
}

#[test]
fn settings_that_a_server_would_refuse_fail_a_check() {
    let test_dir = TestDir::new();
    test_dir.bare_cli(&["config", "check"]).done();
    let check = |toml: &str| {
        let file = test_dir.write("checked.toml", toml);
        test_dir.bare_cli(&["config", "check", "--config", file.to_str().expect("a plain path")])
    };
    check("limits.country = 100").done();
    assert!(check("limits.county = 100").fails(2).contains("limits.county"));
    assert!(check("limits.country = \"many\"").fails(2).contains("limits.country"));
    assert!(check("listen = \"0.0.0.0:80\"").fails(1).contains("TLS is off"));
    assert!(check("tls.cert = \"cert.pem\"").fails(2).contains("--tls-key"));
    test_dir.write("cert.pem", "nothing");
    test_dir.write("key.pem", "nothing");
    let tls = "tls.cert = \"cert.pem\"\ntls.key = \"key.pem\"\n";
    assert!(check(tls).fails(1).contains(".pem"));
    assert!(!test_dir.root().join("carnelian-data").exists(), "a check creates no registry");
}

#[test]
fn operators_see_the_settings_of_the_server_over_http() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let opal = test_dir.user("opal", "Acme", &["--role", "OPERATOR"]);
    let launch = test_dir.launch().config("limits.country = 100").env("CARNELIAN_LIMITS_MOBILE", "30");
    let server = launch.args(&["--limits-body-bytes", "70000", "--erasure-grace", "7d"]).start();
    let reply = server.client_of(&opal).get("/admin/v1/settings");
    reply.must_succeed("an operator asks");
    let settings = reply.json()["settings"].as_array().expect("a list").clone();
    let shown = |key: &str| {
        let setting = settings.iter().find(|setting| setting["key"] == key).expect("every setting is listed");
        let text = |field: &str| setting[field].as_str().map(str::to_owned);
        (text("value"), text("origin").expect("an origin"))
    };
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(shown("limits.mobile"), (some("30"), "CARNELIAN_LIMITS_MOBILE".to_owned()));
    assert_eq!(shown("limits.body_bytes"), (some("70000"), "--limits-body-bytes".to_owned()));
    assert_eq!(shown("erasure.grace"), (some("7d"), "--erasure-grace".to_owned()));
    assert_eq!(shown("limits.connections"), (some("10000"), "default".to_owned()));
    assert_eq!(shown("tls.cert"), (None, "default".to_owned()));
    let (country, file) = shown("limits.country");
    assert_eq!(country, some("100"));
    assert!(file.ends_with("carnelian.toml"), "{file}");
}
