//! `carnelian customer import`.

mod refusals;
mod unfinished;

use blackbox::{Outcome, TestDir, sample};
use serde_json::{Value, json};

/// A place with the account `Acme`.
fn test_dir() -> TestDir {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    test_dir
}

/// Imports a file with this content, with what `more` adds to the command.
fn import(test_dir: &TestDir, name: &str, content: &str, more: &[&str]) -> Outcome {
    test_dir.write(name, content);
    test_dir.cli(&[&["customer", "import", name], more].concat())
}

/// Every customer, as an export shows it.
fn stored(test_dir: &TestDir) -> Vec<Value> {
    let lines = test_dir.cli(&["customer", "export", "--format", "jsonl"]).done();
    lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn names(test_dir: &TestDir) -> Vec<String> {
    stored(test_dir).iter().map(|customer| customer["name"].as_str().expect("a name").to_owned()).collect()
}

/// How many changes the audit log contains.
fn changes(test_dir: &TestDir) -> usize {
    let log = test_dir.cli(&["audit", "export"]).done();
    log.lines().filter(|line| !line.contains("export_customers")).count()
}

/// Asserts that an import was refused, and that it said exactly this about rows.
#[track_caller]
fn assert_rejects(outcome: &Outcome, expected: &[&str]) {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome:?}");
    let about_rows: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("row ")).collect();
    assert_eq!(about_rows, expected, "{outcome:?}");
}

#[test]
fn csv_is_imported_in_the_order_of_its_rows() {
    let test_dir = test_dir();
    let csv = "name,accountName,shipToBillAddress,contacts[1].email,billingAddress.city,customerId\r\n\
        \"Zed, \"\"the last\"\"\",Acme,TRUE,zed@example.com,Anytown,77\r\n\
        Ann,Acme,,,,\r\n";
    let outcome = import(&test_dir, "customers.csv", csv, &[]);
    assert!(outcome.stderr.contains("2 rows: 2 created, 0 updated, 0 skipped, 0 rejected"), "{outcome:?}");
    outcome.done();
    let found = stored(&test_dir);
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0]["name"], &found[0]["shipToBillAddress"]), (&json!("Zed, \"the last\""), &json!(true)));
    assert_eq!(found[0]["contacts"].as_array().map(Vec::len), Some(2), "a contact precedes the second one");
    assert_eq!(found[0]["contacts"][1]["email"], "zed@example.com");
    assert_eq!(found[0]["billingAddress"]["city"], "Anytown");
    assert_eq!((&found[1]["name"], &found[1]["billingAddress"]), (&json!("Ann"), &Value::Null));
    assert_eq!(found[1]["contacts"], json!([]));
}

#[test]
fn json_lines_are_imported_as_the_api_takes_them() {
    let test_dir = test_dir();
    let (full, least) = (sample::full("Full", "Acme"), sample::minimal("Least", "Acme"));
    import(&test_dir, "customers.jsonl", &format!("{full}\n\n{least}"), &[]).done();
    let server = test_dir.serve();
    let ada = test_dir.user("ada", "Acme", &[]);
    let listed = server.client_of(&ada).get("/rws/api/v1/customers").json();
    for (customer, sent) in listed["customers"].as_array().expect("a page").iter().zip([&full, &least]) {
        sample::assert_shows(customer, sent, customer["customerId"].as_u64().expect("an id"));
    }
}

#[test]
fn the_format_is_determined_by_flag_name_or_first_character() {
    let test_dir = test_dir();
    let json = |name: &str| sample::minimal(name, "Acme").to_string();
    import(&test_dir, "a.csv", &json("Flag"), &["--format", "jsonl"]).done();
    import(&test_dir, "b.NDJSON", &json("Name"), &[]).done();
    import(&test_dir, "c.txt", &format!("\u{feff}\n {}", json("First")), &[]).done();
    import(&test_dir, "d", "\u{feff}accountName,name\nAcme,Comma\n", &[]).done();
    let piped = test_dir.cli_with_input(&["customer", "import", "-"], &json("Piped"));
    assert!(piped.stderr.contains("cannot be resumed"), "{piped:?}");
    piped.done();
    assert_eq!(names(&test_dir), ["Flag", "Name", "First", "Comma", "Piped"]);
}

#[test]
fn every_rejected_row_is_reported_with_its_column_and_error_code() {
    let test_dir = test_dir();
    test_dir.account("Leaving");
    test_dir.cli(&["account", "request-erasure", "--yes", "Leaving"]).done();
    let long = "1".repeat(26);
    let csv = format!(
        "name,accountName,contacts[0].mobile,shipToBillAddress\n\
        Good,Acme,,\n\
        ,Acme,{long},\n\
        Nowhere,Nobody,,\n\
        Late,Leaving,,\n\
        Good,Acme,,\n\
        Boolean,Acme,,yes\n\
        Long,Acme,,,,more\n\
        \"Two\nlines\",Acme,,\n\
        Short,Acme\n"
    );
    let expected = [
        "row 3: name: 10000581 Customer name is required.; contacts[0].mobile: 10000592 Invalid contact mobile. \
            Number of characters allowed 0 - 40. (the limit is 25)",
        "row 4: accountName: 20000003 Resource not found - Invalid accountId.",
        "row 5: accountName: 10000603 Invalid account. Account erasure request is in progress for the account.",
        "row 6: name: 10000602 Duplicate customer name.",
        "row 7: shipToBillAddress: 10000023 Expected true or false.",
        "row 8: the row has 6 cells, the header has 4",
        "row 9: name: 10000582 Invalid customer name. Number of characters allowed 1 - 60. \
            (the text contains a line break; check for an unclosed quote)",
    ];
    let tried = import(&test_dir, "customers.csv", &csv, &["--dry-run"]);
    assert_rejects(&tried, &expected);
    assert_rejects(&import(&test_dir, "customers.csv", &csv, &[]), &expected);
    assert_eq!(names(&test_dir), ["Good", "Short"]);

    let lines = "{\"name\":1,\"accountName\":\"Acme\"}\n\n{\"name\":\nnull\n\
        {\"name\":\"A\",\"name\":\"B\",\"accountName\":\"Acme\",\"contacts\":[1]}\n";
    assert_rejects(
        &import(&test_dir, "customers.jsonl", lines, &[]),
        &[
            "row 1: name: 10000582 Invalid customer name. Number of characters allowed 1 - 60.",
            "row 3: 10000023 The JSON in the request is not well formed. Please ensure that commas, colons, braces etc. are formatted properly. (the line ends at column 8; each line must be a whole object)",
            "row 4: 10000023 The JSON in the request is not well formed. Please ensure that commas, colons, braces etc. are formatted properly.",
            "row 5: name: 10000023 The JSON in the request is not well formed. Please ensure that commas, colons, braces etc. are formatted properly.; \
                contacts[0]: 10000023 The JSON in the request is not well formed. Please ensure that commas, colons, braces etc. are formatted properly.",
        ],
    );
}

#[test]
fn a_header_must_say_what_every_column_is() {
    let test_dir = test_dir();
    for (csv, why) in [
        ("name,billingAdress.city\nA,B\n", "billingAdress.city"),
        ("name;accountName\nA;Acme\n", "separated by semicolons"),
        ("name\taccountName\nA\tAcme\n", "separated by tabs"),
        ("sep=;\nname;accountName\nA;Acme\n", "separated by semicolons"),
        ("name,,accountName\nA,,Acme\n", "column 2: unknown column"),
        ("name,account\"Name\nA,Acme\n", "column 2: a quote"),
        ("name,accountName,name\nA,Acme,B\n", "duplicate"),
        ("", "empty"),
        (",\nA,Acme\n", "names no column"),
    ] {
        let refused = import(&test_dir, "customers.csv", csv, &[]).fails(1);
        assert!(refused.contains(why), "{refused}");
    }
    assert!(test_dir.cli(&["customer", "import", "missing.csv"]).fails(1).contains("missing.csv"));
}

#[test]
fn an_account_may_stand_in_and_accounts_may_be_created() {
    let test_dir = test_dir();
    let csv = "name,accountName\nOne,\nTwo,Globex\n";
    assert!(import(&test_dir, "customers.csv", csv, &["--account", "Nobody"]).fails(1).contains("Nobody"));
    let outcome = import(&test_dir, "customers.csv", csv, &["--account", "Acme"]);
    assert_rejects(&outcome, &["row 3: accountName: 20000003 Resource not found - Invalid accountId."]);
    let fresh = TestDir::new();
    let more = ["--account", "Acme", "--create-accounts"];
    import(&fresh, "customers.csv", csv, &more).done();
    let accounts: Vec<_> = stored(&fresh).iter().map(|customer| customer["accountName"].clone()).collect();
    assert_eq!(accounts, ["Acme", "Globex"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let test_dir = test_dir();
    import(&test_dir, "before.csv", "name,accountName\nTaken,Acme\n", &[]).done();
    let before = (changes(&test_dir), names(&test_dir));
    let csv = "name,accountName\nNew,Acme\nTaken,Acme\n New,Acme\nOther,Globex\n";
    let more = ["--dry-run", "--create-accounts", "--rejects", "rejects.csv"];
    let outcome = import(&test_dir, "customers.csv", csv, &more);
    let taken = |row| format!("row {row}: name: 10000602 Duplicate customer name.");
    assert_rejects(&outcome, &[&taken(3), &taken(4)]);
    assert!(outcome.stderr.contains("4 rows: 2 created, 0 updated, 0 skipped, 2 rejected"), "{outcome:?}");
    assert!(outcome.stderr.contains("nothing was written"), "{outcome:?}");
    assert_eq!((changes(&test_dir), names(&test_dir)), before);
    assert!(!test_dir.cli(&["account", "list"]).done().contains("Globex"));
    import(&test_dir, "again.csv", "name,accountName\nNew,Acme\n", &[]).done();
}

#[test]
fn a_taken_name_fails_is_skipped_or_updates() {
    let csv = |city: &str| format!("name,accountName,billingAddress.city\nOne,Acme,{city}\nTwo,Acme,{city}\n");
    let cities = |test_dir: &TestDir| -> Vec<Value> {
        stored(test_dir).iter().map(|customer| customer["billingAddress"]["city"].clone()).collect()
    };
    for (mode, code, summary, after) in [
        ("fail", 1, "2 rows: 0 created, 0 updated, 0 skipped, 2 rejected", "Old"),
        ("skip", 0, "2 rows: 0 created, 0 updated, 2 skipped, 0 rejected", "Old"),
        ("update", 0, "2 rows: 0 created, 2 updated, 0 skipped, 0 rejected", "New"),
    ] {
        let test_dir = test_dir();
        import(&test_dir, "old.csv", &csv("Old"), &[]).done();
        for dry in [&["--dry-run"][..], &[]] {
            let outcome = import(&test_dir, "new.csv", &csv("New"), &[&["--on-duplicate", mode], dry].concat());
            assert_eq!(outcome.code, code, "{mode}: {outcome:?}");
            assert!(outcome.stderr.contains(summary), "{mode}: {outcome:?}");
        }
        assert_eq!(cities(&test_dir), [after, after], "{mode}");
        let edits = test_dir.cli(&["audit", "export"]).done();
        assert_eq!(edits.contains("\"fields\":[\"billingAddress\"]"), mode == "update", "{edits}");
        assert_eq!(edits.matches("edit_customer").count(), if mode == "update" { 2 } else { 0 });
    }
}

#[test]
fn rejected_rows_can_be_mended_and_imported() {
    let test_dir = test_dir();
    let csv = "name,accountName,billingAddress.city\nGood,Acme,\"A \"\"b\"\", c\"\n,Acme,\"Bad, \"\"quoted\"\"\"\nLong,Acme,,more\n";
    let outcome = import(&test_dir, "customers.csv", csv, &["--rejects", "rejects.csv"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let read = |name: &str| std::fs::read_to_string(test_dir.root().join(name)).expect("there are rejects");
    let rejects = read("rejects.csv");
    assert_eq!(
        rejects,
        "rejectReason,name,accountName,billingAddress.city\r\n\
            name: 10000581 Customer name is required.,,Acme,\"Bad, \"\"quoted\"\"\"\r\n\
            \"the row has 4 cells, the header has 3\",Long,Acme,,more\r\n"
    );
    // Again with nothing mended: the reasons are as before, and a file that is there is never written over.
    test_dir.cli(&["customer", "import", "rejects.csv", "--rejects", "rejects.csv"]).fails(1);
    assert_eq!(read("rejects.csv"), rejects);
    test_dir.cli(&["customer", "import", "rejects.csv", "--rejects", "again.csv"]).fails(1);
    let again = read("again.csv");
    assert_eq!(again.lines().next(), rejects.lines().next());
    assert!(again.contains("\"the row has 5 cells, the header has 4\",Long,Acme,,more\r\n"), "{again}");
    let mended = rejects.replace(".,,Acme", ".,Mended,Acme").replace("Acme,,more", "Acme,more");
    import(&test_dir, "mended.csv", &mended, &["--rejects", "none.csv"]).done();
    assert!(!test_dir.root().join("none.csv").exists(), "without rejected rows there is no file");
    assert_eq!(names(&test_dir), ["Good", "Mended", "Long"]);

    let lines = "{\"name\":\"\",\"accountName\":\"Acme\",\"more\":1.50}\n{oops\n";
    import(&test_dir, "customers.jsonl", lines, &["--rejects", "rejects.jsonl"]).fails(1);
    let reason = "name: 10000581 Customer name is required.";
    let expected =
        format!("{{\"name\":\"\",\"accountName\":\"Acme\",\"more\":1.50,\"rejectReason\":\"{reason}\"}}\n{{oops\n");
    assert_eq!(read("rejects.jsonl"), expected);
    let mended = expected.replace("\"name\":\"\"", "\"name\":\"Json\"").replace("{oops\n", "");
    import(&test_dir, "mended.jsonl", &mended, &[]).done();
    assert_eq!(names(&test_dir).last().map(String::as_str), Some("Json"));
}

#[test]
fn a_finished_import_is_not_gone_on_with() {
    let test_dir = test_dir();
    let csv = "name,accountName\nOne,Acme\n";
    import(&test_dir, "customers.csv", csv, &[]).done();
    assert_rejects(&import(&test_dir, "customers.csv", csv, &[]), &["row 2: name: 10000602 Duplicate customer name."]);
    for table in ["import", "import_refusal"] {
        assert_eq!(test_dir.sql(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
}

#[test]
fn every_imported_customer_is_logged() {
    let test_dir = test_dir();
    import(&test_dir, "customers.csv", "name,accountName\nOne,Acme\nTwo,Acme\n", &["--reason", "moving house"]).done();
    let log = test_dir.cli(&["audit", "export"]).done();
    let logged = log.lines().filter(|line| line.contains("create_customer") && line.contains("moving house"));
    assert_eq!(logged.count(), 2, "{log}");
    test_dir.cli(&["audit", "verify"]).done();
}
