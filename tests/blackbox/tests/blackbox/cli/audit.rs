//! `carnelian audit`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use blackbox::{CUSTOMERS, Fixture, Launch, Request, TestDir, sample, wait};
use serde_json::{Value, json};

use super::{assert_keys, backup::elsewhere};

fn list(test_dir: &TestDir) -> Vec<Value> {
    let listing = test_dir.cli(&["audit", "list", "--json", "--limit", "1000"]).json();
    listing.as_array().expect("a listing is an array").clone()
}

/// The statement that makes an entry the last one, with a seal given in hexadecimal digits.
fn put_end(test_dir: &TestDir, sequence: u64, seal: &str) -> String {
    let seal = test_dir.bytes(seal);
    match test_dir.is_embedded() {
        false => format!("UPDATE audit SET seal = {seal} WHERE sequence = {sequence}"),
        true => format!("UPDATE registry SET audit_sequence = {sequence}, audit_seal = {seal}"),
    }
}

/// The seal of the last entry, in hexadecimal digits.
fn end_seal(test_dir: &TestDir) -> String {
    let seal = match test_dir.is_embedded() {
        false => test_dir.sql("SELECT seal FROM audit WHERE seal IS NOT NULL"),
        true => test_dir.sql("SELECT audit_seal FROM registry"),
    };
    seal[2..].to_owned()
}

/// The statements that put the entries of a log into another registry.
fn inserts(test_dir: &TestDir) -> String {
    match test_dir.is_embedded() {
        false => test_dir.sql(
            "SELECT format('INSERT INTO audit VALUES (%L, %L, %L, %L, %L, %L);', partition, sequence, at, entry, link, seal)
            FROM audit",
        ),
        true => test_dir.sql(
            "SELECT format('INSERT INTO audit VALUES (%d, %d, %Q, %s);', sequence, at, entry, quote(link)) FROM audit",
        ),
    }
}

/// A site in which a customer was created, edited and erased, and the customer's id.
fn with_a_customer() -> (Fixture, u64) {
    let fixture = Fixture::start();
    let client = fixture.client();
    let create = Request::new("POST", CUSTOMERS).header("X-Request-Id", "create-1").json(&sample::full("A", "Acme"));
    let id = client.send(create).customer_id();
    let mut edited = sample::full("B", "Acme");
    edited["securityAnswer"] = "another one".into();
    client.edit(id, &edited).must_succeed("an edit");
    client.erase(id).must_succeed("an erasure");
    (fixture, id)
}

#[test]
fn numbers_have_bounds() {
    let test_dir = blackbox::TestDir::new();
    test_dir.account("Acme");
    let list = |more: &[&str]| test_dir.cli(&[&["audit", "list"], more].concat());
    assert_eq!(list(&["--after", "9007199254740991"]).done().lines().count(), 1);
    for last in [&["--last"][..], &[]] {
        for after in ["9007199254740992", "18446744073709551615"] {
            let why = list(&[&["--after", after], last].concat()).fails(2);
            assert!(why.contains("9007199254740991"), "{why}");
        }
    }
    for limit in ["0", "10001", "18446744073709551615"] {
        assert!(list(&["--limit", limit]).fails(2).contains("expected a number from 1 to 10000"));
    }
}

#[test]
fn every_change_is_logged_with_actor_address_and_fields_but_without_values() {
    let (fixture, id) = with_a_customer();
    fixture.test_dir.cli(&["user", "disable", "--yes", "ada", "--reason", "left the company"]).done();
    let entries = list(&fixture.test_dir);
    assert_keys(&json!(entries), &sample::AUDIT_KEYS);
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().expect("an action")).collect();
    let set_up = ["create_account", "create_user", "issue_key", "change_settings"];
    let life = ["create_customer", "edit_customer", "erase_customer", "disable_user"];
    assert_eq!(actions, [set_up.as_slice(), &life].concat());
    let sequences: Vec<_> = entries.iter().map(|entry| entry["sequence"].as_u64()).collect();
    assert_eq!(sequences, (1..=8).map(Some).collect::<Vec<_>>());
    let (create, edit, disable) = (&entries[4], &entries[5], &entries[7]);
    assert_eq!((&create["object"], &create["actor"]), (&json!(format!("customer:{id}")), &json!("user:1")));
    assert_eq!((&create["requestId"], &create["address"]), (&json!("create-1"), &json!("127.0.0.1")));
    assert_eq!(edit["fields"], json!(["name", "securityAnswer"]));
    assert_eq!((&disable["actor"], &disable["reason"]), (&json!("command_line"), &json!("left the company")));
    let whole = json!(entries).to_string();
    for value in ["another one", "Acme", "ada", "Anytown"] {
        assert!(!whole.contains(value), "{value} is in {whole}");
    }
}

#[test]
fn a_listing_can_be_read_in_parts() {
    let (fixture, _) = with_a_customer();
    let all = list(&fixture.test_dir);
    let part = fixture.test_dir.cli(&["audit", "list", "--json", "--after", "2", "--limit", "3"]).json();
    assert_eq!(part, json!(all[2..5]));
    let words = fixture.test_dir.cli(&["audit", "list"]).done();
    assert_eq!(words.lines().count(), all.len() + 1, "{words}");
}

#[test]
fn entries_can_be_filtered_and_the_last_ones_listed() {
    let (fixture, id) = with_a_customer();
    fixture.test_dir.account("Other");
    let all = list(&fixture.test_dir);
    let found = |more: &[&str]| {
        let listing = fixture.test_dir.cli(&[&["audit", "list", "--json"], more].concat()).json();
        let entries = listing.as_array().expect("a listing is an array").iter();
        entries.map(|entry| entry["sequence"].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    let every = || 1..=all.len() as u64;
    assert_eq!(found(&["--last", "--limit", "2"]), every().skip(all.len() - 2).collect::<Vec<_>>());
    assert_eq!(found(&["--last", "--limit", "1000"]), every().collect::<Vec<_>>());
    assert_eq!(found(&["--last", "--limit", "1000", "--after", "6"]), every().skip(6).collect::<Vec<_>>());
    assert_eq!(found(&["--action", "edit_customer"]), [6]);
    assert_eq!(found(&["--action", "create_account"]), [1, 8]);
    assert_eq!(found(&["--action", "create_account", "--limit", "1"]), [1]);
    assert_eq!(found(&["--action", "create_account", "--limit", "1", "--last"]), [8]);
    assert_eq!(found(&["--account-id", "2"]), [8]);
    assert_eq!(found(&["--newest-first", "--limit", "3"]), every().rev().take(3).collect::<Vec<_>>());
    assert_eq!(found(&["--before", "3"]), [1, 2]);
    assert_eq!(found(&["--object", &format!("customer:{id}")]), [5, 6, 7]);
    assert_eq!(found(&["--object", &format!("customer:{id}"), "--newest-first", "--limit", "2"]), [7, 6]);
    assert_eq!(found(&["--object", "account:2", "--actor", "command_line"]), [8]);
    assert_eq!(found(&["--actor", "user:1"]), [5, 6, 7]);
    assert_eq!(found(&["--request-id", "create-1"]), [5]);
    assert_eq!(found(&["--until", "2900-01-01T00:00:00Z"]), every().collect::<Vec<_>>());
    assert!(found(&["--until", "2020-01-01T00:00:00Z"]).is_empty());
    assert_eq!(found(&["--since", "2020-01-01T00:00:00Z"]), every().collect::<Vec<_>>());
    assert!(found(&["--since", "2900-01-01T00:00:00Z"]).is_empty());
    for wrong in [
        ["--action", "dance"],
        ["--account-id", "Acme"],
        ["--since", "today"],
        ["--object", "customer"],
        ["--actor", "ada"],
        ["--last", "--newest-first"],
        ["--follow", "--newest-first"],
    ] {
        fixture.test_dir.cli(&[&["audit", "list"], &wrong[..]].concat()).fails(2);
    }
}

#[test]
fn an_export_has_every_entry_as_a_line_of_json() {
    let (fixture, _) = with_a_customer();
    let export = fixture.test_dir.cli(&["audit", "export"]).done();
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect();
    let entries = list(&fixture.test_dir);
    assert_eq!(lines.len(), entries.len());
    for (line, entry) in lines.iter().zip(&entries) {
        for key in ["sequence", "at", "actor", "action", "object"] {
            assert_eq!(line[key], entry[key]);
        }
        assert_eq!(line["link"].as_str().map(str::len), Some(64));
    }
}

#[test]
fn an_unaltered_log_verifies_also_against_an_end_recorded_elsewhere() {
    let (fixture, _) = with_a_customer();
    let before = fixture.test_dir.cli(&["audit", "verify"]).line();
    assert!(before.starts_with("7:") && before.len() == 2 + 64, "{before}");
    fixture.client().create(&sample::minimal("Later", "Acme")).must_succeed("another change");
    let after = fixture.test_dir.cli(&["audit", "verify"]).line();
    assert!(after.starts_with("8:"), "{after}");
    fixture.test_dir.cli(&["audit", "verify", "--expect", &before, "--expect", &after]).done();
    let empty = format!("0:{}", "0".repeat(64));
    assert_eq!(fixture.test_dir.cli(&["audit", "verify", "--expect", &empty]).line(), after);
    for wrong in ["", "8", "8:00", &format!("{after}0"), &format!("x:{after}")] {
        fixture.test_dir.cli(&["audit", "verify", "--expect", wrong]).fails(2);
    }
}

/// The heads that a server has logged, in their order.
fn logged_heads(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.contains("the head of the audit log"));
    lines.map(|line| line.split_once("head=").expect("a head").1.trim().to_owned()).collect()
}

#[test]
fn the_head_is_logged_at_the_start_and_at_the_end_and_a_log_put_back_to_an_older_end_does_not_have_it() {
    let (mut fixture, _) = with_a_customer();
    fixture.server.signal("TERM");
    fixture.server.wait();
    let log = fixture.server.log();
    let heads = logged_heads(&log);
    assert_eq!(heads.len(), 2, "{log}");
    assert!(heads[0].starts_with("4:") && heads[1].starts_with("7:"), "{heads:?}");
    let verify = |head: &str| fixture.test_dir.cli(&["audit", "verify", "--expect", head]);
    assert_eq!(verify(&heads[0]).line(), heads[1]);
    assert_eq!(verify(&heads[1]).line(), heads[1]);
    let altered = heads[1].replace(|digit: char| digit.is_ascii_hexdigit() && digit != '7', "0");
    let why = verify(&altered).fails(1);
    assert!(why.contains("entry 7: it is not the one that was noted"), "{why}");

    // The end, as it was once: without the noted head nothing shows.
    let seal = end_seal(&fixture.test_dir);
    import(&fixture.test_dir, "Later", 1);
    let noted = fixture.test_dir.cli(&["audit", "verify"]).line();
    let end = put_end(&fixture.test_dir, 7, &seal);
    fixture.test_dir.sql(&format!("DELETE FROM audit WHERE sequence > 7; {end}"));
    let why = verify(&noted).fails(1);
    assert!(why.contains("entry 8: it was noted as the last one, and is missing"), "{why}");
    verify(&heads[1]).done();
}

#[test]
fn an_entry_that_is_altered_missing_or_out_of_place_is_found() {
    let (mut fixture, _) = with_a_customer();
    fixture.server.signal("TERM");
    fixture.server.wait();
    let test_dir = &fixture.test_dir;
    let link = test_dir.sql("SELECT link FROM audit WHERE sequence = 5")[2..].to_owned();
    let shorter = format!("DELETE FROM audit WHERE sequence > 5; {}", put_end(test_dir, 5, &link));
    let empty = format!("DELETE FROM audit; {}", put_end(test_dir, 0, &"00".repeat(32)));
    // An embedded registry knows the number of the last entry. In a database, the last entry has the seal of the log.
    let (first, last) = if test_dir.is_embedded() { (1, 7) } else { (0, 6) };
    let tampered = [
        ("UPDATE audit SET entry = replace(entry, 'user:1', 'user:2') WHERE sequence = 5", 5),
        ("UPDATE audit SET at = at + 1 WHERE sequence = 6", 6),
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence = 5", 5),
        ("DELETE FROM audit WHERE sequence = 7", last),
        ("DELETE FROM audit WHERE sequence = 5; UPDATE audit SET sequence = 5 WHERE sequence = 6", 5),
        ("DELETE FROM audit", first),
        (&shorter, 5),
        (&empty, 0),
    ];
    let (entries, end) = (inserts(test_dir), put_end(test_dir, 7, &end_seal(test_dir)));
    for (number, (sql, sequence)) in tampered.into_iter().enumerate() {
        test_dir.sql(sql);
        let outcome = test_dir.cli(&["audit", "verify"]);
        assert!(outcome.stderr.contains(&format!("entry {sequence}")), "{sql}: {outcome:?}");
        outcome.fails(1);
        // Later entries do not repair it.
        test_dir.write("later.csv", &format!("name,accountName\nLater {number},Acme\n"));
        let imported = test_dir.cli(&["customer", "import", "later.csv"]);
        assert!(imported.code == 0 || imported.stderr.contains("the end of the audit log was altered"), "{imported:?}");
        test_dir.cli(&["audit", "verify"]).fails(1);
        test_dir.sql(&format!("DELETE FROM audit; {entries} {end}"));
        test_dir.cli(&["audit", "verify"]).done();
    }
}

#[test]
fn the_log_of_another_registry_with_the_same_master_key_does_not_verify() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let other = elsewhere(&test_dir);
    for name in ["Acme", "Evil"] {
        other.account(name);
    }
    other.cli(&["audit", "verify"]).done();
    let end = put_end(&test_dir, 2, &end_seal(&other));
    test_dir.sql(&format!("DELETE FROM audit; {} {end}", inserts(&other)));
    let why = test_dir.cli(&["audit", "verify"]).fails(1);
    assert!(why.contains("entry 1: it was altered"), "{why}");
    // With the id as well it is the other registry, and has none of the accounts' keys: the master key is refused.
    let id = test_dir.bytes(&other.sql("SELECT id FROM registry")[2..]);
    test_dir.sql(&format!("UPDATE registry SET id = {id}"));
    let why = test_dir.cli(&["audit", "verify"]).fails(1);
    assert!(why.contains("master key"), "{why}");
}

/// The changed settings that each start of a server has logged.
fn logged_settings(test_dir: &TestDir) -> Vec<Value> {
    let entries = list(test_dir).into_iter().filter(|entry| entry["action"] == "change_settings");
    entries
        .map(|entry| {
            assert_eq!((&entry["actor"], &entry["object"]), (&json!("server"), &json!("registry")));
            entry["fields"].clone()
        })
        .collect()
}

#[test]
fn changed_settings_are_logged_at_the_next_start_by_name_without_values() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    assert!(logged_settings(&test_dir).is_empty(), "a command is not a server");
    let mut expected = Vec::new();
    let mut serve = |launch: Launch, changed: &[&str]| {
        launch.start().stop();
        expected.extend((!changed.is_empty()).then(|| json!(changed)));
        assert_eq!(logged_settings(&test_dir), expected);
    };
    serve(test_dir.launch(), &[test_dir.location_settings(), &["listen"]].concat());
    serve(test_dir.launch(), &[]);
    let country = || test_dir.launch().args(&["--limits-country", "100"]);
    serve(country().env("CARNELIAN_ERASURE_GRACE", "77d"), &["limits.country", "erasure.grace"]);
    serve(test_dir.launch().config("limits.country = 100\nerasure.grace = \"77d\"\n"), &[]);
    serve(country(), &[]);
    serve(country().args(&["--erasure-grace", "30d"]), &["erasure.grace"]);
    serve(test_dir.launch(), &["limits.country"]);
    let data = test_dir.data();
    let value = data.to_str().expect("a plain path").as_bytes();
    for (path, bytes) in test_dir.stored() {
        assert!(!bytes.windows(value.len()).any(|part| part == value), "a value is in {}", path.display());
    }
    test_dir.cli(&["audit", "verify"]).done();
}

#[test]
fn a_server_that_cannot_listen_has_changed_nothing() {
    let fixture = Fixture::start();
    let before = logged_settings(&fixture.test_dir);
    let other = TestDir::new();
    other.account("Acme");
    let (data, taken) = (other.data(), fixture.server.address().to_string());
    let data = data.to_str().expect("a plain path");
    other.launch().bare().args(&["--data", data, "--listen", &taken]).run().fails(1);
    assert!(logged_settings(&other).is_empty());
    let data = fixture.test_dir.data();
    let data = data.to_str().expect("a plain path");
    let second = fixture.test_dir.launch().bare().args(&["--data", data, "--listen", &taken]);
    second.args(&["--limits-country", "100"]).run().fails(1);
    assert_eq!(logged_settings(&fixture.test_dir), before, "a second server changes nothing either");
}

#[test]
fn a_reason_is_a_short_text() {
    let test_dir = TestDir::new();
    for bad in ["", " ", "two\nlines", &"x".repeat(101)] {
        test_dir.cli(&["account", "create", "Acme", "--reason", bad]).fails(2);
    }
    test_dir.cli(&["account", "create", "Acme", "--reason", &"x".repeat(100)]).done();
}

/// Imports this many customers with names of their own.
fn import(test_dir: &TestDir, prefix: &str, count: usize) {
    let rows: String = (0..count).map(|number| format!("{prefix} {number},Acme\n")).collect();
    test_dir.write("many.csv", &format!("name,accountName\n{rows}"));
    test_dir.cli(&["customer", "import", "many.csv"]).done();
}

#[test]
fn an_audit_log_of_many_parts_is_listed_exported_and_verified_whole() {
    const PART: u64 = 1000;
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let entries = |test_dir: &TestDir| {
        let head = test_dir.cli(&["audit", "verify"]).line();
        head.split_once(':').expect("a head").0.parse::<u64>().expect("a number")
    };
    let numbers = |test_dir: &TestDir, more: &[&str]| {
        let listing = test_dir.cli(&[&["audit", "list", "--json", "--limit", "10000"], more].concat()).json();
        let listing = listing.as_array().expect("a listing").iter();
        listing.map(|entry| entry["sequence"].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    let exported = |test_dir: &TestDir| {
        let export = test_dir.cli(&["audit", "export"]).done();
        let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).expect("is JSON"));
        lines.map(|line| line["sequence"].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    import(&test_dir, "First", 980);
    let mut groups = Vec::new();
    for goal in [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1] {
        if goal == 2 * PART {
            import(&test_dir, "Second", 980);
        }
        while entries(&test_dir) < goal {
            test_dir.cli(&["group", "create", &format!("Group {}", groups.len())]).done();
            groups.push(entries(&test_dir));
        }
        assert_eq!(entries(&test_dir), goal, "the imports wrote more than was assumed");
        let all: Vec<_> = (1..=goal).collect();
        assert_eq!(numbers(&test_dir, &[]), all);
        assert_eq!(exported(&test_dir), all);
        assert_eq!(numbers(&test_dir, &["--last"]), all);
        assert_eq!(numbers(&test_dir, &["--after", "998"]), all[998..]);
        assert_eq!(numbers(&test_dir, &["--action", "create_group"]), groups);
        assert_eq!(numbers(&test_dir, &["--action", "create_group", "--last"]), groups);
        let last = test_dir.cli(&["audit", "list", "--json", "--last", "--limit", "1"]).json();
        assert_eq!(last[0]["sequence"], goal);
    }
    // Beside a writer, each reading is of everything up to some moment.
    let login = test_dir.user("ada", "Acme", &[]);
    let server = test_dir.serve();
    let before = entries(&test_dir);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let client = server.client_of(&login);
            for number in 0..300 {
                client.create(&sample::minimal(&format!("Beside {number}"), "Acme")).must_succeed("a create");
            }
        });
        let mut is_over = false;
        while !is_over {
            is_over = writer.is_finished();
            let (verified, exported) = (entries(&test_dir), exported(&test_dir));
            assert!(exported.len() as u64 >= verified, "{verified}");
            assert!(exported.iter().copied().eq(1..=exported.len() as u64));
        }
    });
    assert_eq!(entries(&test_dir), before + 300);
    wait::until("two blocks are indexed", wait::PATIENCE, || {
        (test_dir.sql("SELECT count(*) FROM audit_block") == "2").then_some(())
    });
    assert_eq!(numbers(&test_dir, &["--action", "create_group"]), groups);
    assert_eq!(numbers(&test_dir, &["--actor", "user:1"]).len(), 300);
    test_dir.sql("UPDATE audit_block SET latest = latest + 1 WHERE number = 1");
    let why = test_dir.cli(&["audit", "verify"]).fails(1);
    assert!(why.contains("entry 2048: the index"), "what searches rely on was altered: {why}");
    test_dir.sql("UPDATE audit_block SET latest = latest - 1 WHERE number = 1");
    test_dir.cli(&["audit", "verify"]).done();
    test_dir.sql("UPDATE audit SET at = at + 1 WHERE sequence = 2001");
    let why = test_dir.cli(&["audit", "verify"]).fails(1);
    assert!(why.contains("entry 2001"), "an entry of the third part was altered: {why}");
}

/// A running `audit list --follow --json`, and the lines that it prints.
fn follow(test_dir: &TestDir, more: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = test_dir.command();
    command.args(["audit", "list", "--follow", "--json"]).args(more).arg("--data").arg(test_dir.data());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the binary can be run");
    let lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
    (child, lines)
}

fn ends_with_success(mut child: Child) {
    let ended = || child.try_wait().expect("a child can be waited for");
    let status = wait::until("the command ends", wait::PROCESS, ended);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_followed_log_prints_every_entry_once_beside_writers_and_ends_at_an_interrupt_or_a_closed_pipe() {
    let (fixture, _) = with_a_customer();
    let test_dir = &fixture.test_dir;
    let (child, mut lines) = follow(test_dir, &["--limit", "3"]);
    let mut next = || {
        let line = lines.next().expect("a line").expect("UTF-8");
        serde_json::from_str::<Value>(&line).expect("is JSON")["sequence"].as_u64().expect("a number")
    };
    assert_eq!([next(), next(), next()], [5, 6, 7], "the last entries come first");
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let client = fixture.client();
            scope.spawn(move || {
                for number in 0..40 {
                    client.create(&sample::minimal(&format!("{writer} {number}"), "Acme")).must_succeed("a create");
                }
            });
        }
        for expected in 8..128 {
            assert_eq!(next(), expected);
        }
    });
    test_dir.account("By a command");
    assert_eq!(next(), 128);
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill can be run");
    assert!(interrupt.success());
    ends_with_success(child);
    let (child, mut lines) = follow(test_dir, &["--action", "create_account", "--limit", "1"]);
    let last = lines.next().expect("a line").expect("UTF-8");
    assert!(last.contains("128"), "{last}");
    drop(lines);
    ends_with_success(child);
}
