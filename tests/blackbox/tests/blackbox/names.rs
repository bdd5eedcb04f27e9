//! Names that look the same are the same, whatever form of Unicode they come in.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Fixture, Login, Request, TestDir, sample};
use serde_json::{Value, json};

/// One name in NFC and in NFD.
const COMPOSED: &str = "Caf\u{e9}";
const DECOMPOSED: &str = "Cafe\u{301}";

/// `COMPOSED` and `DECOMPOSED` in a query.
const QUERIES: [&str; 2] = ["Caf%C3%A9", "Cafe%CC%81"];

fn count(fixture: &Fixture, list: &str) -> usize {
    fixture.test_dir.cli(&[list, "list", "--json"]).json().as_array().expect("a listing").len()
}

#[test]
fn accounts_groups_and_users_are_unique_and_found_in_either_form() {
    let fixture = Fixture::start();
    let cli = |arguments: &[&str]| fixture.test_dir.cli(arguments);
    fixture.test_dir.account(DECOMPOSED);
    cli(&["group", "create", DECOMPOSED]).done();
    let opal = fixture.test_dir.user("opal", "Acme", &["--role", "OPERATOR"]);
    fixture.test_dir.user(DECOMPOSED, COMPOSED, &["--group", COMPOSED]);
    for name in [COMPOSED, DECOMPOSED] {
        cli(&["account", "create", name]).fails(1);
        cli(&["group", "create", name]).fails(1);
        cli(&["user", "create", name, "--account", name]).fails(1);
    }
    cli(&["group", "add", COMPOSED, COMPOSED]).done();
    cli(&["group", "add", DECOMPOSED, DECOMPOSED]).fails(1);
    cli(&["user", "edit", "--yes", COMPOSED, "--role", "ACCOUNTADMIN"]).done();
    assert_eq!((count(&fixture, "account"), count(&fixture, "group"), count(&fixture, "user")), (2, 1, 3));
    let key = fixture.test_dir.key(COMPOSED, &[]).key;
    let operator = fixture.server.client_of(&opal);
    operator.get(CUSTOMERS).must_succeed("an operator");
    for (name, query) in [COMPOSED, DECOMPOSED].into_iter().zip(QUERIES) {
        let client = fixture.server.client_of(&Login { user: name.into(), key: key.clone() });
        client.get(CUSTOMERS).must_succeed("a sign-in");
        let found = operator.get(&format!("/rws/api/v1/users?username={query}&fields=username,accountName")).json();
        assert_eq!(found["users"], json!([{ "username": DECOMPOSED, "accountName": DECOMPOSED }]), "{name:?}");
        for (path, body) in [
            ("accounts", json!({ "accountName": name })),
            ("groups", json!({ "groupName": name })),
            ("users", json!({ "username": name, "accountName": "Acme" })),
        ] {
            let post = Request::new("POST", &format!("/admin/v1/{path}")).json(&body);
            operator.send(post).must_be(&NAME_TAKEN, path);
        }
    }
}

#[test]
fn customers_are_written_and_listed_by_either_form_of_an_account_s_name() {
    let fixture = Fixture::start();
    fixture.test_dir.account(DECOMPOSED);
    let opal = fixture.test_dir.user("opal", "Acme", &["--role", "OPERATOR"]);
    let client = fixture.server.client_of(&opal);
    let first = client.create(&sample::minimal("First", COMPOSED)).customer_id();
    client.create(&sample::minimal("First", DECOMPOSED)).must_be(&DUPLICATE_NAME, "the same account");
    client.create(&sample::minimal("Second", &format!(" {DECOMPOSED} "))).must_succeed("white space does not count");
    assert_eq!(client.read(first).json()["accountName"], DECOMPOSED, "as the account was created");
    for query in QUERIES {
        let listed = client.get(&format!("{CUSTOMERS}?accountName={query}&fields=name")).json();
        assert_eq!(listed["customers"], json!([{ "name": "First" }, { "name": "Second" }]), "{query}");
    }
    client.edit(first, &sample::minimal("Renamed", COMPOSED)).must_succeed("an edit");
    let log = fixture.test_dir.cli(&["audit", "list", "--last", "--limit", "1", "--json"]).json();
    assert_eq!(log[0]["fields"], json!(["name"]), "the account is the same");
    client.create(&sample::minimal("Caf\u{c9}", &DECOMPOSED.to_uppercase())).must_be(&ACCOUNT_NOT_FOUND, "case counts");
}

#[test]
fn an_import_takes_both_forms_for_one_account() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let rows = format!("name,accountName\nOne,{COMPOSED}\nTwo,{DECOMPOSED}\nOne,{DECOMPOSED}\n");
    let file = test_dir.write("rows.csv", &rows);
    let file = file.to_str().expect("a plain name");
    let import = |more: &[&str]| {
        let arguments = [&["customer", "import", file, "--create-accounts", "--on-duplicate", "skip"], more].concat();
        test_dir.cli(&arguments).stderr
    };
    let tried = import(&["--dry-run"]);
    let imported = import(&[]);
    for report in [&tried, &imported] {
        assert!(report.contains("2 created") && report.contains("1 skipped"), "{report}");
    }
    let accounts = test_dir.cli(&["account", "list", "--json"]).json();
    let names: Vec<_> = accounts.as_array().expect("a listing").iter().map(|account| &account["accountName"]).collect();
    assert_eq!(names, [&Value::from("Acme"), &Value::from(COMPOSED)]);
    let export = |account: &str| test_dir.cli(&["customer", "export", "--account", account]).done();
    assert_eq!(export(COMPOSED), export(DECOMPOSED));
    assert_eq!(export(COMPOSED).lines().count(), 3);
}
