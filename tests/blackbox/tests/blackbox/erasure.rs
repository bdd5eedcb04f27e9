//! Erasing accounts: from the request to the receipt.

use std::fs;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Server, TestDir, sample, wait};
use serde_json::{Value, json};

use crate::cli::backup::elsewhere;

/// Requests an erasure that is due at once.
fn request(test_dir: &TestDir, account: &str) -> String {
    test_dir.cli(&["account", "erasure-grace", "0"]).done();
    request_again(test_dir, account)
}

/// Requests another erasure that is due at once.
fn request_again(test_dir: &TestDir, account: &str) -> String {
    test_dir.cli(&["account", "request-erasure", "--yes", account, "--reason", "contract ended"]).line()
}

/// Waits for the receipt of an erasure.
fn receipt(test_dir: &TestDir, erasure: &str) -> Value {
    let text = wait::until("there is a receipt", wait::PROCESS, || {
        let outcome = test_dir.cli(&["account", "receipt", erasure]);
        (outcome.code == 0).then_some(outcome.stdout)
    });
    serde_json::from_str(&text).expect("a receipt is JSON")
}

fn check(test_dir: &TestDir, receipt: &str) -> bool {
    let file = test_dir.write("receipt.json", receipt);
    test_dir.cli(&["account", "check-receipt", file.to_str().expect("a plain name")]).code == 0
}

fn erasures(test_dir: &TestDir) -> Value {
    test_dir.cli(&["account", "erasures", "--json"]).json()
}

fn create_many(client: &Client, account: &str, count: usize) -> Vec<u64> {
    (0..count)
        .map(|number| client.create(&sample::full(&format!("Customer {number}"), account)).customer_id())
        .collect()
}

/// A second account with a user; returns a client of the user.
fn neighbour(fixture: &Fixture) -> Client {
    fixture.test_dir.account("Neighbour");
    fixture.server.client_of(&fixture.test_dir.user("nora", "Neighbour", &[]))
}

#[test]
fn an_erasure_deletes_the_account_with_its_customers_and_users_and_nothing_else() {
    let fixture = Fixture::start();
    let nora = neighbour(&fixture);
    let opal = fixture.server.client_of(&fixture.test_dir.user("opal", "Neighbour", &["--role", "OPERATOR"]));
    let ids = create_many(&fixture.client(), "Acme", 250);
    let kept = nora.create(&sample::full("Kept", "Neighbour")).customer_id();
    let erasure = request(&fixture.test_dir, "Acme");
    let receipt = receipt(&fixture.test_dir, &erasure);
    for id in [ids[0], ids[125], ids[249]] {
        opal.read(id).must_be(&CUSTOMER_NOT_FOUND, "an erased customer");
    }
    opal.create(&sample::minimal("A", "Acme")).must_be(&ACCOUNT_NOT_FOUND, "an erased account");
    fixture.client().get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
    let accounts = opal.get("/rws/api/v1/accounts").json();
    assert_eq!(accounts["accounts"].as_array().map(Vec::len), Some(1), "{accounts}");
    sample::assert_shows(&nora.read(kept).json(), &sample::full("Kept", "Neighbour"), kept);
    let counts = [("customers", 250), ("users", 1), ("keys", 1), ("accountId", 1)];
    for (key, count) in counts {
        assert_eq!(receipt[key], count, "{receipt}");
    }
    assert_eq!((&receipt["requestedBy"], &receipt["reason"]), (&json!("command_line"), &json!("contract ended")));
    let entry = &erasures(&fixture.test_dir)[0];
    assert_eq!((&entry["status"], &entry["customers"]), (&json!("Receipted"), &json!(250)));
    let users = fixture.test_dir.cli(&["user", "list", "--json"]).json();
    let names: Vec<_> = users.as_array().expect("a list").iter().map(|user| &user["username"]).collect();
    assert_eq!(names, ["nora", "opal"]);
    fixture.test_dir.account("Acme");
    let new = fixture.test_dir.user("ada", "Acme", &[]);
    let again = fixture.server.client_of(&new).create(&sample::full("Customer 0", "Acme")).customer_id();
    assert!(again > ids[249], "ids are never assigned again");
}

#[test]
fn a_receipt_says_when_rows_were_removed_and_files_overwritten_and_when_copies_expire() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let erased = |copies_kept: &[&str]| {
        let server = test_dir.launch().args(copies_kept).start();
        let receipt = receipt(&test_dir, &request(&test_dir, "Acme"));
        server.stop();
        test_dir.account("Acme");
        receipt
    };
    let unknown = erased(&[]);
    assert_eq!(unknown["copiesExpireAt"], Value::Null, "{unknown}");
    let known = erased(&["--erasure-copies-kept", "90d"]);
    let moment = |key: &str| known[key].as_str().unwrap_or_else(|| panic!("{key}: {known}"));
    assert!(moment("rowsRemovedAt") < moment("copiesExpireAt"), "{known}");
    if test_dir.is_embedded() {
        assert!(moment("rowsRemovedAt") <= moment("filesOverwrittenAt"), "{known}");
    } else {
        assert_eq!(known["filesOverwrittenAt"], Value::Null, "PostgreSQL overwrites nothing: {known}");
    }
}

#[test]
fn an_altered_receipt_fails_the_check() {
    let fixture = Fixture::start();
    let erasure = request(&fixture.test_dir, "Acme");
    receipt(&fixture.test_dir, &erasure);
    let text = fixture.test_dir.cli(&["account", "receipt", &erasure]).line();
    assert!(check(&fixture.test_dir, &text));
    for (from, to) in [("\"customers\":0", "\"customers\":1"), ("contract", "Contract"), ("command_line", "user:1")] {
        assert!(text.contains(from) && !check(&fixture.test_dir, &text.replace(from, to)), "{from} changed to {to}");
    }
    let others = [
        ("a repeated key", text.replacen('{', "{\"customers\":7,", 1)),
        ("white space", text.replacen(':', ": ", 1)),
        ("data after it", format!("{text}\n{text}\n")),
        ("a line more", format!("{text}\n\n")),
        ("white space before it", format!(" {text}")),
    ];
    for (case, other) in others {
        assert!(!check(&fixture.test_dir, &other), "{case}");
    }
    assert!(check(&fixture.test_dir, &format!("{text}\n")), "as the command prints it");
    assert!(!check(&fixture.test_dir, "{}") && !check(&fixture.test_dir, ""));
    fixture.test_dir.cli(&["account", "receipt", "99"]).fails(1);
}

#[test]
fn nothing_stored_contains_personal_data_of_an_erased_account() {
    const ACCOUNT: &str = "Quetzalcoatlus & Daughters";
    const USER: &str = "opisthocoelicaudia";
    const LABEL: &str = "laptop of Parasaurolophus";
    let test_dir = TestDir::new();
    test_dir.account(ACCOUNT);
    test_dir.account("Neighbour");
    test_dir.group("West", &["Neighbour", ACCOUNT]);
    let login = test_dir.user(USER, ACCOUNT, &["--group", "West"]);
    test_dir.key(USER, &["--label", LABEL]);
    let server = test_dir.serve();
    let client = server.client_of(&login);
    let planted = |number: usize| format!("Therizinosaurus-{number}-x");
    for number in 0..300 {
        let mut customer = sample::full(&planted(number), ACCOUNT);
        customer["securityAnswer"] = planted(number + 1000).into();
        let id = client.create(&customer).customer_id();
        if number % 3 == 0 {
            customer["name"] = planted(number + 2000).into();
            client.edit(id, &customer).must_succeed("an edit");
        }
    }
    assert!(
        holds(&test_dir, &planted(1)) && holds(&test_dir, ACCOUNT) && holds(&test_dir, LABEL),
        "the data was never stored in plain text, so this test proves nothing"
    );
    let erasure = request(&test_dir, ACCOUNT);
    receipt(&test_dir, &erasure);
    let secrets = [ACCOUNT, USER, LABEL, "Therizinosaurus", &login.key];
    for secret in secrets {
        assert!(!holds(&test_dir, secret), "{secret} is left");
        assert!(!server.log().contains(secret), "{secret} is in the log");
    }
    server.stop();
    for secret in secrets {
        assert!(!holds(&test_dir, secret), "{secret} is left");
    }
}

fn holds(test_dir: &TestDir, text: &str) -> bool {
    test_dir.stored().iter().any(|(_, bytes)| contains(bytes, text))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn after_a_hundred_erasures_nothing_stored_and_no_restored_backup_contains_an_erased_account() {
    const ACCOUNTS: usize = 100;
    let fixture = Fixture::start();
    let opal = fixture.server.client_of(&fixture.test_dir.user("opal", "Acme", &["--role", "OPERATOR"]));
    let account = |number: usize| format!("Opisthocoelicaudia {number:03}");
    for number in 0..ACCOUNTS {
        fixture.test_dir.account(&account(number));
        for customer in ["Therizinosaurus", "Quetzalcoatlus"] {
            let customer = format!("{customer} of {number:03}");
            opal.create(&sample::full(&customer, &account(number))).must_succeed("a planted customer");
        }
    }
    let kept = opal.create(&sample::full("Kept", "Acme")).customer_id();
    let files = ["old", "new.ledger"].map(|name| fixture.test_dir.root().join(name));
    let [backup, ledger] = files.each_ref().map(|file| file.to_str().expect("a plain name"));
    fixture.test_dir.cli(&["backup", backup]).done();
    request(&fixture.test_dir, &account(0));
    for number in 1..ACCOUNTS {
        request_again(&fixture.test_dir, &account(number));
    }
    wait::until("all erasures have receipts", wait::PROCESS, || {
        let all = erasures(&fixture.test_dir);
        let mut all = all.as_array().expect("a listing").iter();
        (all.len() == ACCOUNTS && all.all(|erasure| erasure["status"] == "Receipted")).then_some(())
    });
    fixture.test_dir.cli(&["ledger", ledger]).done();
    let planted = ["Opisthocoelicaudia", "Therizinosaurus", "Quetzalcoatlus"];
    let outside =
        [fixture.server.log().into_bytes(), fs::read(backup).expect("is there"), fs::read(ledger).expect("is there")];
    for text in planted {
        assert!(!holds(&fixture.test_dir, text), "{text} is left");
        assert!(
            outside.iter().all(|bytes| !contains(bytes, text)),
            "{text} is left in the log, the backup or the ledger"
        );
    }
    let other = elsewhere(&fixture.test_dir);
    other.cli(&["restore", backup, "--ledger", ledger]).done();
    assert!(planted.into_iter().all(|text| !holds(&other, text)), "erased data was restored");
    let restored = other.serve();
    sample::assert_shows(&restored.client_of(&fixture.ada).read(kept).json(), &sample::full("Kept", "Acme"), kept);
}

#[test]
fn an_erasure_can_be_cancelled_during_the_grace_period() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("Kept", "Acme")).customer_id();
    let gone = client.create(&sample::full("Gone", "Acme")).customer_id();
    fixture.test_dir.cli(&["account", "request-erasure", "--yes", "Acme"]).line();
    let entry = &erasures(&fixture.test_dir)[0];
    let at = |key: &str| entry[key].as_str().expect("a moment").to_owned();
    assert_eq!(entry["status"], "Waiting");
    assert!(at("dueAt")[..10] > at("requestedAt")[..10], "{entry}");
    client.create(&sample::full("New", "Acme")).must_be(&ERASURE_IN_PROGRESS, "while the erasure waits");
    client.erase(gone).must_succeed("a customer of an account that is to be erased");
    sample::assert_shows(&client.read(id).json(), &sample::full("Kept", "Acme"), id);
    fixture.test_dir.cli(&["account", "receipt", "1"]).fails(1);
    fixture.test_dir.cli(&["account", "cancel-erasure", "Acme"]).done();
    assert_eq!(erasures(&fixture.test_dir)[0]["status"], "Cancelled");
    wait::until("the cancellation is noticed", wait::NOTICE, || {
        (client.create(&sample::full("New", "Acme")).status == 200).then_some(())
    });
}

#[test]
fn a_killed_erasure_is_continued_until_every_customer_is_erased() {
    // On a busy machine the whole erasure may pass between two looks at it.
    assert!((0..10).any(|_| kills_of_an_erasure() > 0), "no server was killed during its erasure");
}

/// Erases an account and kills the server meanwhile; how often that was possible.
fn kills_of_an_erasure() -> usize {
    const CUSTOMERS_OF_ACME: usize = 2000;
    let mut fixture = Fixture::start();
    create_many(&fixture.client(), "Acme", CUSTOMERS_OF_ACME);
    let erasure = request(&fixture.test_dir, "Acme");
    let mut kills = 0;
    // The server is killed after each transaction that is seen, until the erasure is complete.
    let mut seen = 0;
    while let Some(now) = wait_for_progress(&fixture.test_dir, seen) {
        seen = now;
        fixture.server = restart_after_kill(fixture.server, &fixture.test_dir);
        kills += 1;
    }
    let receipt = receipt(&fixture.test_dir, &erasure);
    assert_eq!(receipt["customers"], CUSTOMERS_OF_ACME);
    fixture.test_dir.cli(&["audit", "verify"]).done();
    kills
}

fn restart_after_kill(server: Server, test_dir: &TestDir) -> Server {
    server.kill();
    test_dir.serve()
}

/// Waits until more customers are erased than before and returns their number; `None` once the erasure is complete.
fn wait_for_progress(test_dir: &TestDir, seen: u64) -> Option<u64> {
    let select = "SELECT customers FROM erasure WHERE state < 2";
    wait::until("the erasure makes progress", wait::PATIENCE, || match test_dir.sql(select).as_str() {
        "" => Some(None),
        customers => Some(customers.parse().expect("a count")).filter(|customers| *customers > seen).map(Some),
    })
}

#[test]
fn the_grace_period_is_the_registry_s_whoever_requests_the_erasure() {
    let test_dir = TestDir::new();
    for account in ["Acme", "One", "Two", "Three", "Four", "Five"] {
        test_dir.account(account);
    }
    let opal = test_dir.user("opal", "Acme", &["--role", "OPERATOR"]);
    let grace = |test_dir: &TestDir| test_dir.cli(&["account", "erasure-grace"]).line();
    let by_command = |account: &str| test_dir.cli(&["account", "request-erasure", "--yes", account]).line();
    // The days between the request and the erasure.
    let days = |erasure: &str| {
        let select = format!("SELECT (due_at - requested_at) / 86400000 FROM erasure WHERE id = {erasure}");
        test_dir.sql(&select).parse::<u64>().expect("a number")
    };
    assert_eq!((grace(&test_dir), days(&by_command("One"))), ("30d".into(), 30), "until it is set");
    let server = test_dir.launch().args(&["--erasure-grace", "7d"]).start();
    assert_eq!((grace(&test_dir), days(&by_command("Two"))), ("7d".into(), 7), "as the server was started");
    let id = test_dir.cli(&["account", "list", "--json"]).json();
    let id = id.as_array().expect("a listing").iter().find(|account| account["accountName"] == "Three");
    let id = id.and_then(|account| account["accountId"].as_str()).expect("an id").to_owned();
    let request = blackbox::Request::new("POST", &format!("/admin/v1/accounts/{id}/erasure")).json(&json!({}));
    server.client_of(&opal).send(request.clone()).must_succeed("a request over HTTP");
    assert_eq!(days("3"), 7);
    test_dir.cli(&["account", "cancel-erasure", "Three"]).done();
    test_dir.cli(&["account", "erasure-grace", "14d"]).done();
    server.client_of(&opal).send(request).must_succeed("a request over HTTP");
    assert_eq!((days("4"), days(&by_command("Four"))), (14, 14), "as a command has set it, under a running server");
    server.stop();
    test_dir.serve().stop();
    assert_eq!(
        (grace(&test_dir), days(&by_command("Five"))),
        ("14d".into(), 14),
        "a server without the setting keeps it"
    );
    let log = test_dir.cli(&["audit", "list", "--action", "change_settings", "--json"]).json();
    let changes = log.as_array().expect("a listing").iter();
    let changes = changes.filter(|entry| entry["fields"].to_string().contains("erasure.grace"));
    let actors: Vec<_> = changes.map(|entry| entry["actor"].as_str().expect("an actor").to_owned()).collect();
    assert_eq!(actors, ["server", "command_line"], "{log}");
    for wrong in ["soon", "3651d", "7"] {
        test_dir.cli(&["account", "erasure-grace", wrong]).fails(2);
    }
    test_dir.cli(&["account", "request-erasure", "--yes", "Acme", "--erasure-grace", "0"]).fails(2);
}
