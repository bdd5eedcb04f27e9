//! `carnelian backup`, `carnelian ledger` and `carnelian restore`.

use std::fs;
use std::path::{Path, PathBuf};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Login, Server, TestDir, sample, wait};
use serde_json::Value;

pub(crate) fn plain(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

/// Backs a place up, and returns where.
pub(crate) fn back_up(test_dir: &TestDir, name: &str) -> PathBuf {
    let file = test_dir.root().join(name);
    test_dir.cli(&["backup", plain(&file)]).done();
    file
}

/// Another place with the master key of one, as after a lost disk.
pub(crate) fn elsewhere(test_dir: &TestDir) -> TestDir {
    let other = if test_dir.is_embedded() { TestDir::embedded() } else { TestDir::new() };
    other.copy_master_key(test_dir);
    other
}

pub(crate) fn restore(test_dir: &TestDir, file: &Path, more: &[&str]) -> blackbox::Outcome {
    test_dir.cli(&[&["restore", plain(file)], more].concat())
}

/// Everything that a client sees of an account.
fn seen(client: &Client) -> Value {
    client.get(CUSTOMERS).json()
}

pub(crate) fn erase_account(fixture: &Fixture, account: &str) {
    fixture.test_dir.cli(&["account", "erasure-grace", "0"]).done();
    let erasure = fixture.test_dir.cli(&["account", "request-erasure", "--yes", account]).line();
    wait::until("there is a receipt", wait::PROCESS, || {
        (fixture.test_dir.cli(&["account", "receipt", &erasure]).code == 0).then_some(())
    });
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn nothing_of_another_registry_with_the_same_master_key_is_taken_for_the_own() {
    let fixture = Fixture::start();
    let file = back_up(&fixture.test_dir, "backup");
    let other = elsewhere(&fixture.test_dir);
    other.account("Acme");
    let others = back_up(&other, "backup");
    let others_ledger = others.with_extension("ledger");
    let why = restore(&elsewhere(&fixture.test_dir), &file, &["--ledger", plain(&others_ledger)]).fails(1);
    assert!(why.contains("the ledger is that of another registry"), "{why}");
    // A ledger that claims to be the other registry's, by its id alone, is none.
    let mut forged = fs::read(&others_ledger).expect("is there");
    let own = fs::read(file.with_extension("ledger")).expect("is there");
    let id = b"carnelian ledger 3\n".len()..b"carnelian ledger 3\n".len() + 16;
    assert_ne!(own[id.clone()], forged[id.clone()], "a ledger names its registry");
    forged[id.clone()].copy_from_slice(&own[id.clone()]);
    fs::write(&others_ledger, forged).expect("can be written");
    let why = restore(&elsewhere(&fixture.test_dir), &file, &["--ledger", plain(&others_ledger)]).fails(1);
    assert!(why.contains("no whole ledger"), "{why}");
    let id: String = own[id].iter().map(|byte| format!("{byte:02x}")).collect();

    fixture.test_dir.account("Leaving");
    erase_account(&fixture, "Leaving");
    let receipt = fixture.test_dir.cli(&["account", "receipt", "1"]).line();
    assert!(receipt.contains(&format!("\"registryId\":\"{id}\"")), "{receipt}");
    let receipt = fixture.test_dir.write("receipt.json", &receipt);
    fixture.test_dir.cli(&["account", "check-receipt", plain(&receipt)]).done();
    other.cli(&["account", "check-receipt", plain(&receipt)]).fails(1);
}

#[test]
fn a_backup_made_under_a_server_is_restored_identically_elsewhere() {
    let fixture = Fixture::start();
    fixture.test_dir.group("West", &["Acme"]);
    let rita = fixture.test_dir.user("rita", "Acme", &["--role", "ACCOUNTREADONLY", "--group", "West"]);
    let client = fixture.client();
    for number in 0..120 {
        client.create(&sample::full(&format!("Customer {number}"), "Acme")).must_succeed("a create");
    }
    let id = client.create(&sample::full(" J\u{f6}rg \"quoted\" ", "Acme")).customer_id();
    client.edit(id, &sample::minimal("Edited", "Acme")).must_succeed("an edit");
    let file = back_up(&fixture.test_dir, "backup");
    client.create(&sample::minimal("Later", "Acme")).must_succeed("after the backup");

    let other = elsewhere(&fixture.test_dir);
    restore(&other, &file, &[]).done();
    let server = other.serve();
    let restored = server.client_of(&fixture.ada);
    assert_eq!(seen(&restored), seen(&client));
    sample::assert_shows(&restored.read(id).json(), &sample::minimal("Edited", "Acme"), id);
    assert_eq!(restored.read(id).header("etag"), Some("\"2\""));
    server.client_of(&rita).create(&sample::minimal("A", "Acme")).must_be(&ROLE_NOT_ALLOWED, "a reader stays one");
    restored.create(&sample::minimal("Customer 7", "Acme")).must_be(&DUPLICATE_NAME, "names are taken");
    let later = restored.create(&sample::minimal("Later", "Acme")).customer_id();
    assert!(later > id, "no id is given again");
    other.cli(&["audit", "verify"]).done();
    let audit = other.cli(&["audit", "export"]).done();
    assert!(audit.contains("\"back_up\"") && audit.contains("\"restore\""), "{audit}");
    let fields = format!("\"fields\":{}", serde_json::json!(other.location_settings()));
    let settings: Vec<_> = audit.lines().filter(|line| line.contains("change_settings")).collect();
    assert_eq!(settings.len(), 2, "{audit}");
    assert!(settings[1].contains(&fields), "of the settings only the place has changed: {audit}");
}

#[test]
fn a_backup_without_its_key_reveals_nothing() {
    let fixture = Fixture::start();
    fixture.client().create(&sample::full("Quetzalcoatlus", "Acme")).must_succeed("a create");
    let file = back_up(&fixture.test_dir, "backup");
    for path in [&file, &fixture.test_dir.root().join("backup.ledger")] {
        let bytes = fs::read(path).expect("is there");
        for secret in ["Quetzalcoatlus", "Acme", "ada", "FirstConcert", &fixture.ada.key] {
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
    let stranger = TestDir::new();
    stranger.account("Own key");
    let other = elsewhere(&stranger);
    let why = restore(&other, &file, &[]).fails(1);
    assert!(why.contains("master key"), "{why}");
}

#[test]
fn an_account_that_was_erased_since_does_not_come_back() {
    const GONE: &str = "Therizinosaurus";
    let fixture = Fixture::start();
    fixture.test_dir.account(GONE);
    let gone = fixture.test_dir.user("greta", GONE, &[]);
    let gone_client = fixture.server.client_of(&gone);
    for number in 0..20 {
        gone_client.create(&sample::full(&format!("{GONE} {number}"), GONE)).must_succeed("a create");
    }
    let kept = fixture.client().create(&sample::full("Kept", "Acme")).customer_id();
    let erased = fixture.client().create(&sample::full("Erased", "Acme")).customer_id();
    let file = back_up(&fixture.test_dir, "old");
    erase_account(&fixture, GONE);
    fixture.client().erase(erased).must_succeed("an erasure");
    let ledger = fixture.test_dir.root().join("new.ledger");
    fixture.test_dir.cli(&["ledger", plain(&ledger)]).done();

    let other = elsewhere(&fixture.test_dir);
    restore(&other, &file, &["--ledger", plain(&ledger)]).done();
    assert!(other.stored().iter().all(|(_, bytes)| !holds(bytes, GONE)), "{GONE} came back");
    let server = other.serve();
    let client = server.client_of(&fixture.ada);
    sample::assert_shows(&client.read(kept).json(), &sample::full("Kept", "Acme"), kept);
    client.read(erased).must_be(&CUSTOMER_NOT_FOUND, "a customer that was erased since");
    server.client_of(&gone).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
    other.account(GONE);
    let id = other.cli(&["user", "create", "greta", "--account", GONE]).line();
    assert!(id.parse::<u64>().expect("an id") > 2, "the id of an erased user was given again: {id}");
}

#[test]
fn a_ledger_written_after_a_restore_still_lists_earlier_erasures() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let first = client.create(&sample::full("First", "Acme")).customer_id();
    let older = back_up(&fixture.test_dir, "older");
    fixture.test_dir.account("Leaving");
    let greta = fixture.test_dir.user("greta", "Leaving", &[]);
    let second = client.create(&sample::full("Second", "Acme")).customer_id();
    let newer = back_up(&fixture.test_dir, "newer");
    for id in [first, second] {
        client.erase(id).must_succeed("an erasure");
    }
    erase_account(&fixture, "Leaving");
    let write_ledger = |test_dir: &TestDir, name: &str| {
        let ledger = fixture.test_dir.root().join(name);
        test_dir.cli(&["ledger", plain(&ledger)]).done();
        ledger
    };
    let known = write_ledger(&fixture.test_dir, "first.ledger");
    let restored = elsewhere(&fixture.test_dir);
    let said = restore(&restored, &older, &["--ledger", plain(&known), "--reason", "a lost disk"]);
    assert!(said.stderr.contains("0 accounts, 1 customer"), "{said:?}");
    let audit = restored.cli(&["audit", "export"]).done();
    for id in [first, second] {
        let entry = format!(r#""action":"erase_customer","object":"customer:{id}""#);
        let entry = audit.lines().find(|line| line.contains(&entry)).expect("the audit log has an entry");
        assert!(entry.contains("a lost disk"), "{entry}");
    }
    restored.cli(&["audit", "verify"]).done();
    let account = restored.cli(&["account", "create", "New"]).line();
    assert!(account.parse::<u64>().expect("an id") > 2, "the id of an erased account was given again: {account}");

    let still_known = write_ledger(&restored, "second.ledger");
    let again = elsewhere(&fixture.test_dir);
    restore(&again, &newer, &["--ledger", plain(&still_known)]).done();
    let server = again.serve();
    for id in [first, second] {
        server.client_of(&fixture.ada).read(id).must_be(&CUSTOMER_NOT_FOUND, "erased before the first restore");
    }
    server.client_of(&greta).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
}

#[test]
fn a_truncated_or_altered_backup_or_ledger_is_refused_entirely() {
    let fixture = Fixture::start();
    fixture.client().create(&sample::full("Kept", "Acme")).must_succeed("a create");
    let file = back_up(&fixture.test_dir, "backup");
    let (whole, ledger) = (fs::read(&file).expect("is there"), fs::read(fixture.test_dir.root().join("backup.ledger")));
    let ledger = ledger.expect("is there");
    let other = elsewhere(&fixture.test_dir);
    let damaged = other.root().join("damaged");
    let refused = |bytes: &[u8], ledger: &[u8], case: &str| {
        fs::write(&damaged, bytes).expect("can be written");
        fs::write(other.root().join("damaged.ledger"), ledger).expect("can be written");
        restore(&other, &damaged, &[]).fails(1);
        let left = fs::read_dir(other.data()).expect("there is a data directory");
        let left: Vec<_> = left.map(|entry| entry.expect("a directory can be listed").file_name()).collect();
        assert!(left.iter().all(|name| name == "master.key" || name == "open.lock"), "{case}: {left:?} is left");
    };
    for length in [0, 10, 40, whole.len() / 2, whole.len() - 33, whole.len() - 1] {
        refused(&whole[..length], &ledger, &format!("{length} bytes"));
    }
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        refused(&bytes, &ledger, &format!("byte {at} altered"));
    }
    refused(&[&whole[..], b"x"].concat(), &ledger, "a byte more");
    for at in [0, ledger.len() / 2, ledger.len() - 3] {
        let mut bytes = ledger.clone();
        bytes[at] ^= 1;
        refused(&whole, &bytes, &format!("byte {at} of the ledger altered"));
    }
    fs::write(other.root().join("damaged.ledger"), &ledger).expect("can be written");
    fs::write(&damaged, &whole).expect("can be written");
    restore(&other, &damaged, &[]).done();
}

#[test]
fn a_ledger_that_is_older_than_the_backup_is_refused() {
    let fixture = Fixture::start();
    let ledger = fixture.test_dir.root().join("early.ledger");
    fixture.test_dir.cli(&["ledger", plain(&ledger)]).done();
    fixture.test_dir.account("Newer");
    let file = back_up(&fixture.test_dir, "backup");
    let other = elsewhere(&fixture.test_dir);
    let why = restore(&other, &file, &["--ledger", plain(&ledger)]).fails(1);
    assert!(why.contains("does not know account 2 of the backup"), "{why}");
}

#[test]
fn nothing_is_overwritten_unless_that_is_asked_for() {
    let fixture = Fixture::start();
    let file = back_up(&fixture.test_dir, "backup");
    fixture.client().create(&sample::minimal("Later", "Acme")).must_succeed("a create");
    fixture.test_dir.cli(&["backup", plain(&file)]).fails(1);
    fixture.test_dir.cli(&["ledger", plain(&fixture.test_dir.root().join("backup.ledger"))]).fails(1);
    restore(&fixture.test_dir, &file, &[]).fails(1);
    assert_eq!(seen(&fixture.client())["customers"][0]["name"], "Later");
    fixture.test_dir.cli(&["backup", plain(&file), "--replace"]).done();
}

#[test]
fn a_restore_needs_the_master_key() {
    let fixture = Fixture::start();
    let file = back_up(&fixture.test_dir, "backup");
    let other = TestDir::new();
    let why = restore(&other, &file, &[]).fails(1);
    assert!(why.contains("master.key is missing"), "{why}");
}

/// What a person can do with the key of a login: nothing, read, write, or administer.
fn can(server: &Server, login: &Login) -> &'static str {
    let client = server.client_of(login);
    if client.get(CUSTOMERS).status == 401 {
        return "nothing";
    }
    if client.get("/admin/v1/users").status == 200 {
        return "administer";
    }
    let created = client.create(&sample::minimal(&format!("By {}", login.user), "Acme"));
    if created.status == 200 { "write" } else { "read" }
}

#[test]
fn what_was_taken_away_since_the_backup_does_not_come_back() {
    let fixture = Fixture::start();
    let operator = ["--role", "OPERATOR"];
    let demoted = fixture.test_dir.user("demoted", "Acme", &operator);
    let disabled = fixture.test_dir.user("disabled", "Acme", &operator);
    let revoked = fixture.test_dir.user("revoked", "Acme", &operator);
    let kept = fixture.test_dir.user("kept", "Acme", &operator);
    let other_key = fixture.test_dir.key("revoked", &[]);
    fixture.test_dir.account("Branch");
    fixture.test_dir.account("Shop");
    fixture.test_dir.group("West", &["Branch", "Shop"]);
    let left = fixture.test_dir.user("left", "Acme", &["--group", "West"]);
    let stayed = fixture.test_dir.user("stayed", "Acme", &["--group", "West"]);
    let file = back_up(&fixture.test_dir, "backup");
    let keys = fixture.test_dir.cli(&["key", "list", "revoked", "--json"]).json();
    let key_id = keys[0]["keyId"].as_str().expect("an id");
    for command in [
        &["user", "edit", "--yes", "demoted", "--role", "ACCOUNTREADONLY"][..],
        &["user", "disable", "--yes", "disabled"],
        &["key", "revoke", "--yes", key_id],
        &["user", "edit", "--yes", "left", "--no-group"],
        &["group", "remove", "--yes", "West", "Shop"],
        &["user", "create", "later", "--account", "Acme"],
        &["group", "create", "Later"],
        &["account", "create", "Later"],
    ] {
        fixture.test_dir.cli(command).done();
    }
    let ledger = fixture.test_dir.root().join("newest.ledger");
    fixture.test_dir.cli(&["ledger", plain(&ledger)]).done();
    let Fixture { test_dir, mut server, ada } = fixture;
    server.signal("TERM");
    server.wait();

    let told = elsewhere(&test_dir);
    let by_ledger = restore(&told, &file, &["--ledger", plain(&ledger)]);
    let mut restored = vec![(&told, by_ledger)];
    // The ledger of the backup knows nothing of it, and the registry that is replaced does. One in a database is not replaced.
    if test_dir.is_embedded() {
        restored.push((&test_dir, restore(&test_dir, &file, &["--replace", "--yes"])));
    }
    for (test_dir, outcome) in restored {
        let stays = "stays taken away: 1 key revoked, 1 user disabled, 1 role lowered, 1 user and 1 account removed";
        assert!(outcome.stderr.contains(stays), "{outcome:?}");
        let listed = outcome.done();
        let names: Vec<_> = listed.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, ["ada", "demoted", "revoked", "kept", "left", "stayed"], "{listed}");
        assert!(!listed.contains(key_id) && listed.contains("ACCOUNTREADONLY"), "{listed}");
        for action in ["revoke_key", "disable_user", "edit_user", "remove_from_group"] {
            let entries = test_dir.cli(&["audit", "list", "--action", action, "--json"]).json();
            assert_eq!(entries.as_array().map(Vec::len), Some(if action == "edit_user" { 2 } else { 1 }), "{entries}");
        }
        test_dir.cli(&["audit", "verify"]).done();
        let server = test_dir.serve();
        for (login, expected) in [
            (&demoted, "read"),
            (&disabled, "nothing"),
            (&revoked, "nothing"),
            (&other_key, "administer"),
            (&kept, "administer"),
            (&ada, "write"),
        ] {
            assert_eq!(can(&server, login), expected, "{}", login.user);
        }
        let branch = sample::minimal("Of Branch", "Branch");
        server.client_of(&left).create(&branch).must_be(&ACCOUNT_NOT_FOUND, "who has left the group");
        server.client_of(&stayed).create(&branch).must_succeed("who is still in the group");
        let shop = sample::minimal("Of Shop", "Shop");
        server.client_of(&stayed).create(&shop).must_be(&ACCOUNT_NOT_FOUND, "an account that has left the group");
        let ids = [
            &["account", "create", "New"][..],
            &["group", "create", "New"],
            &["user", "create", "new", "--account", "New"],
        ];
        let ids = ids.map(|command| test_dir.cli(command).line().parse::<u64>().expect("an id"));
        assert!(ids[0] > 4 && ids[1] > 2 && ids[2] > 8, "an id was given again: {ids:?}");
    }
}

#[test]
fn with_the_ledger_of_the_backup_alone_everything_comes_back_and_is_listed() {
    let fixture = Fixture::start();
    let file = back_up(&fixture.test_dir, "backup");
    fixture.test_dir.cli(&["user", "disable", "--yes", "ada"]).done();
    let other = elsewhere(&fixture.test_dir);
    let outcome = restore(&other, &file, &[]);
    assert!(outcome.stderr.contains("warning") && outcome.stderr.contains("comes back"), "{outcome:?}");
    assert!(outcome.stderr.contains("1 user can sign in"), "{outcome:?}");
    let keys = fixture.test_dir.cli(&["key", "list", "ada", "--json"]).json();
    let listed = outcome.done();
    let row: Vec<_> = listed.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(row, ["ada", "Acme", "-", "ACCOUNTADMIN", keys[0]["keyId"].as_str().expect("an id")]);
    assert_eq!(can(&other.serve(), &fixture.ada), "write");
}

#[test]
fn an_erasure_requested_since_the_backup_is_told() {
    let fixture = Fixture::start();
    let file = back_up(&fixture.test_dir, "backup");
    fixture.test_dir.cli(&["account", "request-erasure", "--yes", "Acme"]).done();
    let ledger = fixture.test_dir.root().join("newest.ledger");
    fixture.test_dir.cli(&["ledger", plain(&ledger)]).done();
    let outcome = restore(&elsewhere(&fixture.test_dir), &file, &["--ledger", plain(&ledger)]);
    assert!(outcome.stderr.contains("the erasure of account \"Acme\" was requested after the backup"), "{outcome:?}");
    outcome.done();
}

#[test]
fn a_ledger_of_many_pages_names_every_erased_customer() {
    const PAGE: u64 = 10_000;
    let fixture = Fixture::start();
    let file = back_up(&fixture.test_dir, "backup");
    let ledger = fixture.test_dir.root().join("newest.ledger");
    let row = if fixture.test_dir.is_embedded() { "id" } else { "0, id, TRUE" };
    for count in [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 1] {
        fixture.test_dir.sql(&format!(
            "WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < {count})
            INSERT INTO erased_customer SELECT {row} FROM number WHERE true ON CONFLICT DO NOTHING"
        ));
        fixture.test_dir.cli(&["ledger", plain(&ledger), "--replace"]).done();
        let other = elsewhere(&fixture.test_dir);
        restore(&other, &file, &["--ledger", plain(&ledger)]).done();
        let erased = other.sql("SELECT count(*), min(id), max(id) FROM erased_customer");
        assert_eq!(erased, format!("{count}|1|{count}"));
    }
}
