//! `carnelian doctor`: each check has a fixture that trips it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use blackbox::{Outcome, TestDir};
use serde_json::Value;

use crate::files::{everything_below, plain, set_mode};
use crate::tls::{issued, self_signed};

/// A registry with a user, which is not served.
fn registry() -> TestDir {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir.user("ada", "Acme", &[]);
    test_dir
}

fn doctor(test_dir: &TestDir, more: &[&str]) -> Outcome {
    let listens = more.contains(&"--listen");
    let free: &[&str] = if listens { &[] } else { &["--listen", "127.0.0.1:0"] };
    test_dir.cli(&[&["doctor", "--json"], free, more].concat())
}

/// The finding of a check.
#[track_caller]
fn finding(outcome: &Outcome, check: &str) -> Value {
    let findings: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("no JSON: {outcome:?}"));
    let found = findings.as_array().into_iter().flatten().find(|finding| finding["check"] == check).cloned();
    found.unwrap_or_else(|| panic!("no {check} in {findings}"))
}

/// Asserts what a check finds, and that the exit code fits.
#[track_caller]
fn trips(outcome: &Outcome, check: &str, result: &str, words: &str) {
    let found = finding(outcome, check);
    let text = found["finding"].as_str().expect("a finding is a text");
    assert!(found["result"] == result && text.contains(words), "{check}: {found}");
    assert_eq!(found["advice"].is_string(), ["warning", "failure"].contains(&result), "{found}");
    let any_failure = outcome.stdout.contains("\"result\": \"failure\"");
    assert_eq!(outcome.code, i32::from(any_failure), "{outcome:?}");
}

#[test]
fn a_healthy_registry_passes_every_check_and_stays_as_it_is() {
    let test_dir = registry();
    test_dir.cli(&["backup", "first.backup"]).done();
    let before = everything_below(&test_dir.data());
    let outcome = doctor(&test_dir, &["--skip", "disk-space", "--skip", "file-system"]);
    let findings: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    for finding in findings.as_array().expect("a list") {
        assert!(["success", "skipped"].contains(&finding["result"].as_str().expect("a text")), "{finding}");
    }
    trips(&outcome, "disk-space", "skipped", "--skip");
    assert_eq!(everything_below(&test_dir.data()), before);
    let words = test_dir.cli(&["doctor", "--listen", "127.0.0.1:0"]).done();
    assert!(words.lines().any(|line| line.starts_with("success  audit-log")), "{words}");
    test_dir.cli(&["doctor", "--skip", "everything"]).fails(2);
}

#[test]
fn checks_of_settings() {
    let test_dir = registry();
    let config = test_dir.write("carnelian.toml", "limits.county = 1\n");
    let outcome = doctor(&test_dir, &["--config", plain(&config)]);
    trips(&outcome, "settings", "failure", "limits.county");
    trips(&outcome, "registry", "skipped", "settings");
    let proxies = |more: &[&str]| doctor(&test_dir, more);
    trips(&proxies(&["--proxy-trusted", "10.0.0.0/8,0.0.0.0/0"]), "proxies", "failure", "0.0.0.0/0");
    trips(&proxies(&["--listen", "0.0.0.0:0", "--insecure-http"]), "proxies", "warning", "behind a proxy");
    trips(&proxies(&["--listen", "0.0.0.0:0"]), "listen", "failure", "TLS is off");
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    trips(&proxies(&["--listen", &address]), "listen", "warning", "in use");
}

#[test]
fn checks_of_the_data_directory_and_its_file_system() {
    let test_dir = registry();
    set_mode(&test_dir.data(), 0o755);
    trips(&doctor(&test_dir, &[]), "data-directory", "warning", "other users may enter");
    set_mode(&test_dir.data(), 0o770);
    trips(&doctor(&test_dir, &[]), "data-directory", "failure", "chmod go-w");
    set_mode(&test_dir.data(), 0o700);
    trips(
        &test_dir.bare_cli(&["doctor", "--json", "--data", "nowhere"]),
        "data-directory",
        "failure",
        "does not exist",
    );
    assert!(!test_dir.root().join("nowhere").exists(), "it makes nothing");
    if test_dir.is_embedded() && Path::new("/dev/shm").is_dir() {
        let in_memory = tempfile::tempdir_in("/dev/shm").expect("a directory can be made");
        let arguments = ["doctor", "--json", "--data", plain(in_memory.path())];
        trips(&test_dir.bare_cli(&arguments), "file-system", "warning", "in memory");
    }
    let mut shell = test_dir.program(Path::new("/bin/sh"));
    let script = format!("ulimit -n 100; exec {} doctor --json --data data", plain(&blackbox::binary::path()));
    let ran = shell.arg("-c").arg(script).output().expect("a shell can be run");
    assert!(String::from_utf8_lossy(&ran.stdout).contains("the limit of open files leaves room for"), "{ran:?}");
}

#[test]
fn checks_of_the_master_key() {
    let test_dir = registry();
    let key = test_dir.data().join("master.key");
    set_mode(&key, 0o644);
    trips(&doctor(&test_dir, &[]), "master-key", "failure", "other users of the system");
    set_mode(&key, 0o600);
    let own = fs::read_to_string(&key).expect("there is a key");
    let digits = own.trim_end().len() - "carnelian-master-key-1:".len();
    fs::write(&key, format!("carnelian-master-key-1:{}\n", "0".repeat(digits))).expect("it can be replaced");
    let outcome = doctor(&test_dir, &[]);
    trips(&outcome, "master-key", "success", "can be read");
    trips(&outcome, "registry", "failure", "master key");
    trips(&outcome, "damage", "skipped", "not open");
    fs::remove_file(&key).expect("it can be removed");
    trips(&doctor(&test_dir, &[]), "master-key", "failure", "missing");
    assert!(!key.exists(), "no key is made");
    fs::write(&key, own).expect("it can be written");
    set_mode(&key, 0o600);
    test_dir.cli(&["backup", "data/first.backup"]).done();
    trips(&doctor(&test_dir, &[]), "backups-apart", "warning", "first.backup");
}

#[test]
fn checks_of_the_certificate() {
    let test_dir = registry();
    let [own, ca, key] = issued([2000, 2001]);
    let files = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let check = |certificate: &str, key: &str| {
        test_dir.write("cert.pem", certificate);
        test_dir.write("key.pem", key);
        doctor(&test_dir, &files)
    };
    trips(&check(&format!("{own}{ca}"), &key), "tls", "failure", "has expired");
    let [own, _, _] = issued([2020, 4000]);
    trips(&check(&own, &key), "tls", "failure", "key of another certificate");
    let today = rusqlite::Connection::open_in_memory().expect("opens");
    let soon: String = today.query_row("SELECT date('now', '+5 days')", [], |row| row.get(0)).expect("a date");
    let (certificate, key) = self_signed(&["carnelian.test"], &soon);
    trips(&check(&certificate, &key), "tls", "warning", "expires in");
    let (certificate, key) = self_signed(&[], "4000-01-01");
    trips(&check(&certificate, &key), "tls", "failure", "no name");
    let (certificate, key) = self_signed(&["carnelian.test", "192.0.2.7"], "4000-01-01");
    trips(&check(&certificate, &key), "tls", "success", "carnelian.test, 192.0.2.7");
}

#[test]
fn checks_of_what_is_stored() {
    let test_dir = registry();
    trips(&doctor(&test_dir, &[]), "backup", "warning", "there is no backup yet");
    trips(&doctor(&test_dir, &[]), "ledger", "warning", "there is no ledger yet");
    let last = "(SELECT max(sequence) FROM audit)";
    let at = test_dir.sql(&format!("SELECT at FROM audit WHERE sequence = {last}"));
    test_dir.sql(&format!("UPDATE audit SET at = at + 3600000 WHERE sequence = {last}"));
    let outcome = doctor(&test_dir, &[]);
    trips(&outcome, "clock", "failure", "the newest entry of the audit log is of");
    trips(&outcome, "audit-log", "failure", "was altered");
    test_dir.sql(&format!("UPDATE audit SET at = {at} WHERE sequence = {last}"));
    trips(&doctor(&test_dir, &[]), "audit-log", "success", "whole");
    test_dir.account("Gone");
    test_dir.cli(&["account", "request-erasure", "--yes", "Gone"]).done();
    trips(&doctor(&test_dir, &[]), "erasures", "success", "1 erasures are waiting");
    test_dir.sql("UPDATE erasure SET due_at = 1000");
    trips(&doctor(&test_dir, &[]), "erasures", "failure", "1 erasures are overdue, the oldest since 1970-01-01");
    test_dir.sql("UPDATE registry_user SET role = 'OPERATOR' WHERE name = 'ada'");
    trips(&doctor(&test_dir, &[]), "directory", "failure", "altered outside of Carnelian");
    if test_dir.is_embedded() {
        test_dir.sql("PRAGMA ignore_check_constraints = ON; UPDATE registry_user SET enabled = 7");
        trips(&doctor(&test_dir, &[]), "damage", "failure", "registry_user");
    }
}

#[test]
fn a_registry_that_cannot_be_opened_fails_its_check() {
    let test_dir = registry();
    if test_dir.is_embedded() {
        test_dir.sql("PRAGMA user_version = 1000");
        trips(&doctor(&test_dir, &[]), "registry", "failure", "schema 1000");
        test_dir.sql("PRAGMA user_version = 0");
        trips(&doctor(&test_dir, &[]), "registry", "failure", "earlier release");
        assert_eq!(test_dir.sql("PRAGMA user_version"), "0", "it is not upgraded");
    } else {
        test_dir.sql("UPDATE schema SET version = 1000, oldest = 1000");
        trips(&doctor(&test_dir, &[]), "registry", "failure", "1000");
        test_dir.sql("UPDATE schema SET version = 1, oldest = 1");
        let database = test_dir.database();
        test_dir.sql(&format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            database.split('?').next().and_then(|url| url.rsplit('/').next()).expect("a name")
        ));
        trips(&doctor(&test_dir, &[]), "registry", "failure", "does not allow writes");
    }
}
