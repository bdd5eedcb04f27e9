//! `carnelian backup`, `carnelian ledger` and `carnelian restore`.

use std::fs;
use std::path::{Path, PathBuf};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Login, Place, Server, Site, sample, wait};
use serde_json::Value;

pub(super) fn plain(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

/// Backs a place up, and returns where.
pub(super) fn back_up(place: &Place, name: &str) -> PathBuf {
    let file = place.root().join(name);
    place.cli(&["backup", plain(&file)]).done();
    file
}

/// Another place with the master key of one, as after a lost disk.
pub(super) fn elsewhere(place: &Place) -> Place {
    let other = Place::new();
    fs::create_dir(other.data()).expect("can be made");
    let key = other.data().join("master.key");
    fs::copy(place.data().join("master.key"), &key).expect("can be copied");
    other
}

pub(super) fn restore(place: &Place, file: &Path, more: &[&str]) -> blackbox::Outcome {
    place.cli(&[&["restore", plain(file)], more].concat())
}

/// Everything that a client sees of an account.
fn seen(client: &Client) -> Value {
    client.get(CUSTOMERS).json()
}

pub(super) fn erase_account(site: &Site, account: &str) {
    site.place.cli(&["account", "erasure-grace", "0"]).done();
    let erasure = site.place.cli(&["account", "request-erasure", account]).line();
    wait::until("there is a receipt", wait::PROCESS, || {
        (site.place.cli(&["account", "receipt", &erasure]).code == 0).then_some(())
    });
}

pub(super) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn nothing_of_another_registry_with_the_same_master_key_is_taken_for_the_own() {
    let site = Site::start();
    let file = back_up(&site.place, "backup");
    let other = elsewhere(&site.place);
    other.account("Acme");
    let others = back_up(&other, "backup");
    let others_ledger = others.with_extension("ledger");
    let why = restore(&elsewhere(&site.place), &file, &["--ledger", plain(&others_ledger)]).fails(1);
    assert!(why.contains("the ledger is that of another registry"), "{why}");
    let why = restore(&other, &file, &["--replace"]).fails(1);
    assert!(why.contains("holds another registry"), "{why}");
    // A ledger that claims to be the other registry's, by its id alone, is none.
    let mut forged = fs::read(&others_ledger).expect("is there");
    let own = fs::read(file.with_extension("ledger")).expect("is there");
    let id = b"carnelian ledger 3\n".len()..b"carnelian ledger 3\n".len() + 16;
    assert_ne!(own[id.clone()], forged[id.clone()], "a ledger names its registry");
    forged[id.clone()].copy_from_slice(&own[id.clone()]);
    fs::write(&others_ledger, forged).expect("can be written");
    let why = restore(&elsewhere(&site.place), &file, &["--ledger", plain(&others_ledger)]).fails(1);
    assert!(why.contains("no whole ledger"), "{why}");
    let id: String = own[id].iter().map(|byte| format!("{byte:02x}")).collect();

    site.place.account("Leaving");
    erase_account(&site, "Leaving");
    let receipt = site.place.cli(&["account", "receipt", "1"]).line();
    assert!(receipt.contains(&format!("\"registryId\":\"{id}\"")), "{receipt}");
    let receipt = site.place.write("receipt.json", &receipt);
    site.place.cli(&["account", "check-receipt", plain(&receipt)]).done();
    other.cli(&["account", "check-receipt", plain(&receipt)]).fails(1);
}

#[test]
fn a_backup_made_under_a_server_is_restored_identically_elsewhere() {
    let site = Site::start();
    site.place.group("West", &["Acme"]);
    let rita = site.place.user("rita", "Acme", &["--role", "ACCOUNTREADONLY", "--group", "West"]);
    let client = site.client();
    for number in 0..120 {
        client.create(&sample::full(&format!("Customer {number}"), "Acme")).must_succeed("a create");
    }
    let id = client.create(&sample::full(" J\u{f6}rg \"quoted\" ", "Acme")).customer_id();
    client.edit(id, &sample::minimal("Edited", "Acme")).must_succeed("an edit");
    let file = back_up(&site.place, "backup");
    client.create(&sample::minimal("Later", "Acme")).must_succeed("after the backup");

    let other = elsewhere(&site.place);
    restore(&other, &file, &[]).done();
    let server = other.serve();
    let restored = server.client_of(&site.ada);
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
    let settings: Vec<_> = audit.lines().filter(|line| line.contains("change_settings")).collect();
    assert_eq!(settings.len(), 2, "{audit}");
    assert!(settings[1].contains("\"fields\":[\"data\"]"), "of the settings only the place has changed: {audit}");
}

#[test]
fn a_backup_without_its_key_reveals_nothing() {
    let site = Site::start();
    site.client().create(&sample::full("Quetzalcoatlus", "Acme")).must_succeed("a create");
    let file = back_up(&site.place, "backup");
    for path in [&file, &site.place.root().join("backup.ledger")] {
        let bytes = fs::read(path).expect("is there");
        for secret in ["Quetzalcoatlus", "Acme", "ada", "FirstConcert", &site.ada.key] {
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
    let stranger = Place::new();
    stranger.account("Own key");
    let other = elsewhere(&stranger);
    let why = restore(&other, &file, &[]).fails(1);
    assert!(why.contains("master key"), "{why}");
}

#[test]
fn an_account_that_was_erased_since_does_not_come_back() {
    const GONE: &str = "Therizinosaurus";
    let site = Site::start();
    site.place.account(GONE);
    let gone = site.place.user("greta", GONE, &[]);
    let gone_client = site.server.client_of(&gone);
    for number in 0..20 {
        gone_client.create(&sample::full(&format!("{GONE} {number}"), GONE)).must_succeed("a create");
    }
    let kept = site.client().create(&sample::full("Kept", "Acme")).customer_id();
    let erased = site.client().create(&sample::full("Erased", "Acme")).customer_id();
    let file = back_up(&site.place, "old");
    erase_account(&site, GONE);
    site.client().erase(erased).must_succeed("an erasure");
    let ledger = site.place.root().join("new.ledger");
    site.place.cli(&["ledger", plain(&ledger)]).done();

    let other = elsewhere(&site.place);
    restore(&other, &file, &["--ledger", plain(&ledger)]).done();
    assert!(other.data_files().iter().all(|(_, bytes)| !holds(bytes, GONE)), "{GONE} came back");
    let server = other.serve();
    let client = server.client_of(&site.ada);
    sample::assert_shows(&client.read(kept).json(), &sample::full("Kept", "Acme"), kept);
    client.read(erased).must_be(&CUSTOMER_NOT_FOUND, "a customer that was erased since");
    server.client_of(&gone).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
    other.account(GONE);
    let id = other.cli(&["user", "create", "greta", "--account", GONE]).line();
    assert!(id.parse::<u64>().expect("an id") > 2, "the id of an erased user was given again: {id}");
}

#[test]
fn a_ledger_written_after_a_restore_still_lists_earlier_erasures() {
    let site = Site::start();
    let client = site.client();
    let first = client.create(&sample::full("First", "Acme")).customer_id();
    let older = back_up(&site.place, "older");
    site.place.account("Leaving");
    let greta = site.place.user("greta", "Leaving", &[]);
    let second = client.create(&sample::full("Second", "Acme")).customer_id();
    let newer = back_up(&site.place, "newer");
    for id in [first, second] {
        client.erase(id).must_succeed("an erasure");
    }
    erase_account(&site, "Leaving");
    let write_ledger = |place: &Place, name: &str| {
        let ledger = site.place.root().join(name);
        place.cli(&["ledger", plain(&ledger)]).done();
        ledger
    };
    let known = write_ledger(&site.place, "first.ledger");
    let restored = elsewhere(&site.place);
    let said = restore(&restored, &older, &["--ledger", plain(&known), "--reason", "a lost disk"]);
    assert!(said.stderr.contains("0 accounts, 1 customers"), "{said:?}");
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
    let again = elsewhere(&site.place);
    restore(&again, &newer, &["--ledger", plain(&still_known)]).done();
    let server = again.serve();
    for id in [first, second] {
        server.client_of(&site.ada).read(id).must_be(&CUSTOMER_NOT_FOUND, "erased before the first restore");
    }
    server.client_of(&greta).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
}

#[test]
fn a_truncated_or_altered_backup_or_ledger_is_refused_entirely() {
    let site = Site::start();
    site.client().create(&sample::full("Kept", "Acme")).must_succeed("a create");
    let file = back_up(&site.place, "backup");
    let (whole, ledger) = (fs::read(&file).expect("is there"), fs::read(site.place.root().join("backup.ledger")));
    let ledger = ledger.expect("is there");
    let other = elsewhere(&site.place);
    let damaged = other.root().join("damaged");
    let refused = |bytes: &[u8], ledger: &[u8], case: &str| {
        fs::write(&damaged, bytes).expect("can be written");
        fs::write(other.root().join("damaged.ledger"), ledger).expect("can be written");
        restore(&other, &damaged, &[]).fails(1);
        let left: Vec<_> = other.data_files().into_iter().map(|(path, _)| path).collect();
        assert!(
            left.iter().all(|path| path.ends_with("master.key") || path.ends_with("open.lock")),
            "{case}: {left:?} is left"
        );
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
    let site = Site::start();
    let ledger = site.place.root().join("early.ledger");
    site.place.cli(&["ledger", plain(&ledger)]).done();
    site.place.account("Newer");
    let file = back_up(&site.place, "backup");
    let other = elsewhere(&site.place);
    let why = restore(&other, &file, &["--ledger", plain(&ledger)]).fails(1);
    assert!(why.contains("does not know account 2 of the backup"), "{why}");
    assert!(!other.data().join("carnelian.db").exists());
}

#[test]
fn nothing_is_overwritten_unless_that_is_asked_for() {
    let mut site = Site::start();
    let file = back_up(&site.place, "backup");
    site.client().create(&sample::minimal("Later", "Acme")).must_succeed("a create");
    site.place.cli(&["backup", plain(&file)]).fails(1);
    site.place.cli(&["ledger", plain(&site.place.root().join("backup.ledger"))]).fails(1);
    restore(&site.place, &file, &[]).fails(1);
    assert_eq!(names(&site.server, &site.ada), ["Later"]);
    site.server.signal("TERM");
    site.server.wait();
    restore(&site.place, &file, &["--replace"]).done();
    site.server = site.place.serve();
    assert!(names(&site.server, &site.ada).is_empty(), "what the backup has not is gone");
    site.place.cli(&["backup", plain(&file), "--replace"]).done();
}

fn names(server: &Server, login: &Login) -> Vec<String> {
    let page = seen(&server.client_of(login));
    let customers = page["customers"].as_array().expect("a page");
    customers.iter().map(|customer| customer["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_restore_needs_the_master_key() {
    let site = Site::start();
    let file = back_up(&site.place, "backup");
    let other = Place::new();
    let why = restore(&other, &file, &[]).fails(1);
    assert!(why.contains("master.key is missing"), "{why}");
    assert!(!other.data().join("carnelian.db").exists());
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
    let site = Site::start();
    let operator = ["--role", "OPERATOR"];
    let demoted = site.place.user("demoted", "Acme", &operator);
    let disabled = site.place.user("disabled", "Acme", &operator);
    let revoked = site.place.user("revoked", "Acme", &operator);
    let kept = site.place.user("kept", "Acme", &operator);
    let other_key = site.place.key("revoked", &[]);
    site.place.account("Branch");
    site.place.account("Shop");
    site.place.group("West", &["Branch", "Shop"]);
    let left = site.place.user("left", "Acme", &["--group", "West"]);
    let stayed = site.place.user("stayed", "Acme", &["--group", "West"]);
    let file = back_up(&site.place, "backup");
    let keys = site.place.cli(&["key", "list", "revoked", "--json"]).json();
    let key_id = keys[0]["keyId"].as_str().expect("an id");
    for command in [
        &["user", "edit", "demoted", "--role", "ACCOUNTREADONLY"][..],
        &["user", "disable", "disabled"],
        &["key", "revoke", key_id],
        &["user", "edit", "left", "--no-group"],
        &["group", "remove", "West", "Shop"],
        &["user", "create", "later", "--account", "Acme"],
        &["group", "create", "Later"],
        &["account", "create", "Later"],
    ] {
        site.place.cli(command).done();
    }
    let ledger = site.place.root().join("newest.ledger");
    site.place.cli(&["ledger", plain(&ledger)]).done();
    let Site { place, mut server, ada } = site;
    server.signal("TERM");
    server.wait();

    let told = elsewhere(&place);
    let by_ledger = restore(&told, &file, &["--ledger", plain(&ledger)]);
    // The ledger of the backup knows nothing of it, and the registry that is replaced does.
    let by_registry = restore(&place, &file, &["--replace"]);
    for (place, outcome) in [(&told, by_ledger), (&place, by_registry)] {
        let stays =
            "stays taken away: 1 keys revoked, 1 users disabled, 1 roles lowered, 1 users and 1 accounts removed";
        assert!(outcome.stderr.contains(stays), "{outcome:?}");
        let listed = outcome.done();
        let names: Vec<_> = listed.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, ["ada", "demoted", "revoked", "kept", "left", "stayed"], "{listed}");
        assert!(!listed.contains(key_id) && listed.contains("ACCOUNTREADONLY"), "{listed}");
        for action in ["revoke_key", "disable_user", "edit_user", "remove_from_group"] {
            let entries = place.cli(&["audit", "list", "--action", action, "--json"]).json();
            assert_eq!(entries.as_array().map(Vec::len), Some(if action == "edit_user" { 2 } else { 1 }), "{entries}");
        }
        place.cli(&["audit", "verify"]).done();
        let server = place.serve();
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
        let ids = ids.map(|command| place.cli(command).line().parse::<u64>().expect("an id"));
        assert!(ids[0] > 4 && ids[1] > 2 && ids[2] > 8, "an id was given again: {ids:?}");
    }
}

#[test]
fn with_the_ledger_of_the_backup_alone_everything_comes_back_and_is_listed() {
    let site = Site::start();
    let file = back_up(&site.place, "backup");
    site.place.cli(&["user", "disable", "ada"]).done();
    let other = elsewhere(&site.place);
    let outcome = restore(&other, &file, &[]);
    assert!(outcome.stderr.contains("warning") && outcome.stderr.contains("comes back"), "{outcome:?}");
    assert!(outcome.stderr.contains("1 users can sign in"), "{outcome:?}");
    let keys = site.place.cli(&["key", "list", "ada", "--json"]).json();
    let listed = outcome.done();
    let row: Vec<_> = listed.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(row, ["ada", "Acme", "-", "ACCOUNTADMIN", keys[0]["keyId"].as_str().expect("an id")]);
    assert_eq!(can(&other.serve(), &site.ada), "write");
}

#[test]
fn an_erasure_requested_since_the_backup_is_told() {
    let site = Site::start();
    let file = back_up(&site.place, "backup");
    site.place.cli(&["account", "request-erasure", "Acme"]).done();
    let ledger = site.place.root().join("newest.ledger");
    site.place.cli(&["ledger", plain(&ledger)]).done();
    let outcome = restore(&elsewhere(&site.place), &file, &["--ledger", plain(&ledger)]);
    assert!(outcome.stderr.contains("the erasure of account \"Acme\" was requested after the backup"), "{outcome:?}");
    outcome.done();
}

#[test]
fn a_ledger_of_many_pages_names_every_erased_customer() {
    const PAGE: i64 = 10_000;
    let site = Site::start();
    let file = back_up(&site.place, "backup");
    let ledger = site.place.root().join("newest.ledger");
    let erased = |place: &Place| {
        let database = rusqlite::Connection::open(place.data().join("carnelian.db")).expect("opens");
        let select = "SELECT count(*), min(id), max(id) FROM erased_customer";
        database.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("is read")
    };
    for count in [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 1] {
        let fill = "WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ?1)
            INSERT INTO erased_customer SELECT id FROM number WHERE true ON CONFLICT DO NOTHING";
        let database = rusqlite::Connection::open(site.place.data().join("carnelian.db")).expect("opens");
        database.execute(fill, [count]).expect("fills");
        site.place.cli(&["ledger", plain(&ledger), "--replace"]).done();
        let other = elsewhere(&site.place);
        restore(&other, &file, &["--ledger", plain(&ledger)]).done();
        assert_eq!(erased(&other), (count, 1, count));
    }
}
