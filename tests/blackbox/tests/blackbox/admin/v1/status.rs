//! `GET /admin/v1/status`.

use blackbox::{Fixture, sample};
use serde_json::{Value, json};

use super::get;
use crate::tls::{issued, over_tls};

fn status(client: &blackbox::Client) -> Value {
    get(client, "status").must_succeed("status").json()
}

#[test]
fn the_status_shows_engine_space_writes_and_connections() {
    let fixture = Fixture::start_with(|launch| {
        launch.args(&["--limits-connections", "300", "--limits-connections-per-address", "200"])
    });
    let root = fixture.server.client_of(&fixture.test_dir.user("root", "Acme", &["--role", "OPERATOR"]));
    let first = status(&root);
    let engine = if fixture.test_dir.is_embedded() { "SQLite" } else { "PostgreSQL" };
    assert_eq!(first["engine"]["name"], engine, "{first}");
    assert_eq!(first["engine"]["schema"], 1, "{first}");
    assert_eq!(first["engine"]["logBytes"].is_u64(), fixture.test_dir.is_embedded(), "{first}");
    assert!(first["engine"]["dataBytes"].as_u64() > Some(0) && first["diskFreeBytes"].as_u64() > Some(0), "{first}");
    assert!(first["version"].is_string() && first["uptimeSeconds"].is_u64(), "{first}");
    assert_eq!(first["writes"]["waiting"], 0, "{first}");
    assert_eq!((&first["connections"]["limit"], &first["connections"]["limitPerAddress"]), (&json!(300), &json!(200)));
    assert!(first["connections"]["open"].as_u64() >= Some(1), "its own connection is open: {first}");
    assert_eq!(first["certificates"], json!([]));
    fixture.client().create(&sample::minimal("First", "Acme")).must_succeed("a write");
    assert!(status(&root)["writes"]["lastCommitSeconds"].as_f64() > Some(0.0));
}

#[test]
fn the_status_shows_pending_erasures_and_the_newest_backup_and_ledger() {
    let fixture = Fixture::start();
    let test_dir = &fixture.test_dir;
    let root = fixture.server.client_of(&test_dir.user("root", "Acme", &["--role", "OPERATOR"]));
    let none = json!({ "newestBackupAt": null, "newestLedgerAt": null });
    assert_eq!(status(&root)["backup"], none);
    test_dir.cli(&["ledger", "only.ledger"]).done();
    let ledger = status(&root)["backup"].clone();
    assert!(ledger["newestBackupAt"].is_null() && ledger["newestLedgerAt"].is_string(), "{ledger}");
    test_dir.cli(&["backup", "first.backup"]).done();
    let both = status(&root)["backup"].clone();
    assert!(both["newestBackupAt"].as_str() > ledger["newestLedgerAt"].as_str(), "{both}");
    assert!(both["newestLedgerAt"].as_str() >= both["newestBackupAt"].as_str(), "{both}");
    test_dir.account("Gone");
    test_dir.cli(&["account", "request-erasure", "--yes", "Gone"]).done();
    let pending = json!({ "waiting": 1, "due": 0, "overdue": 0, "oldestDueAt": null });
    assert_eq!(status(&root)["erasures"], pending);
}

#[test]
fn the_status_shows_the_certificates_and_how_long_they_are_valid() {
    let (_server, _test_dir, mut connection, root) = over_tls(issued([2020, 4000]));
    let reply = connection.exchange(&blackbox::Request::new("GET", "/admin/v1/status").login(&root));
    let status = reply.expect("the server responds").must_succeed("status").json();
    let [own, ca] = [0, 1].map(|index| &status["certificates"][index]);
    assert_eq!(own["names"], json!(["carnelian.test"]), "{status}");
    assert_eq!((&own["expiresAt"], &ca["subject"]), (&json!("4000-01-01T00:00:00.000Z"), &json!("CN=Test CA")));
    assert!(own["daysLeft"].as_i64() > Some(365 * 1900), "{status}");
}

#[test]
fn a_command_shows_the_status_also_while_no_server_runs() {
    let fixture = Fixture::start();
    let [own, ca, key] = issued([2020, 4000]);
    let test_dir = &fixture.test_dir;
    test_dir.write("cert.pem", &format!("{own}{ca}"));
    test_dir.write("key.pem", &key);
    let config = test_dir.write("carnelian.toml", "tls.cert = \"cert.pem\"\ntls.key = \"key.pem\"\n");
    let show = |more: &[&str]| {
        let config = config.to_str().expect("a plain name");
        test_dir.cli(&[&["status", "--config", config], more].concat())
    };
    let beside = show(&["--json"]).json();
    assert_eq!(beside["uptimeSeconds"], Value::Null, "a command does not know about the server: {beside}");
    fixture.server.stop();
    let without = show(&["--json"]).json();
    assert_eq!(without["engine"]["name"], beside["engine"]["name"]);
    assert_eq!(without["certificates"][0]["names"], json!(["carnelian.test"]));
    let words = show(&[]).done();
    for line in ["Version ", "Engine ", "Disk free ", "Erasures  ", "Newest backup  none", "Certificate "] {
        assert!(words.contains(line), "no {line:?} in {words}");
    }
    fixture.test_dir.bare_cli(&["status", "--data", "nowhere"]).fails(1);
}
