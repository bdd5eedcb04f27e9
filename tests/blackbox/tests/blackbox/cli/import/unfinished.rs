//! Files that cannot be read to their end, and the stored progress of unfinished imports.

use blackbox::{TestDir, sample};

use super::{assert_rejects, import, names, test_dir};

/// Far more than a row may have.
const MUCH: usize = 3 << 20;

/// A CSV file with two good rows, and a quote that is opened in the third and never closed.
fn unfinished() -> String {
    let more = "Other,Acme\n";
    format!("name,accountName\nOne,Acme\nTwo,Acme\n\"Three,Acme\n{}", more.repeat(MUCH / more.len()))
}

#[test]
fn an_unfinished_row_is_reported_and_the_rows_before_it_are_stored() {
    let long = sample::minimal(&"x".repeat(MUCH), "Acme");
    let json = format!("{}\n{}\n{long}\n", sample::minimal("One", "Acme"), sample::minimal("Two", "Acme"));
    for (name, content, row) in [("customers.csv", unfinished(), "row 4"), ("customers.jsonl", json, "row 3")] {
        let test_dir = test_dir();
        for dry in [&["--dry-run"][..], &[]] {
            let outcome = import(&test_dir, name, &content, dry);
            assert!(outcome.stderr.contains("2 rows: 2 created"), "{outcome:?}");
            let why = outcome.fails(1);
            let why = why.lines().last().unwrap_or_default();
            assert!(why.starts_with(&format!("error: {row}: ")) && why.contains("1 MiB"), "{why}");
        }
        assert_eq!(names(&test_dir), ["One", "Two"]);
        import(&test_dir, name, &content, &[]).fails(1);
        assert_eq!(names(&test_dir), ["One", "Two"], "no row is stored twice");
    }
}

#[test]
fn an_import_is_resumed_only_by_the_same_command_on_the_same_content() {
    let test_dir = test_dir();
    test_dir.account("Globex");
    test_dir.write("limits.toml", "limits.country = 100\n");
    let content = unfinished();
    let resumes = |name: &str, content: &str, more: &[&str]| {
        let error = import(&test_dir, name, content, more).fails(1);
        error.contains("after row 3")
    };
    assert!(!resumes("customers.csv", &content, &["--account", "Acme"]), "the first time");
    assert!(resumes("customers.csv", &content, &["--account", "Acme"]));
    assert!(resumes("renamed.csv", &content, &["--account", "Acme"]), "the file's name does not matter");
    let others: [&[&str]; 6] = [
        &[],
        &["--account", "Globex"],
        &["--account", "Acme", "--on-duplicate", "skip"],
        &["--account", "Acme", "--create-accounts"],
        &["--account", "Acme", "--config", "limits.toml"],
        &["--account", "Acme", "--dry-run"],
    ];
    for other in others {
        assert!(!resumes("customers.csv", &content, other), "{other:?}");
    }
    assert!(!resumes("customers.csv", &format!("{content}x"), &["--account", "Acme"]), "another content");
    assert!(resumes("customers.csv", &content, &["--account", "Acme"]), "the other imports have not affected it");
}

#[test]
fn a_long_row_is_checked_like_any_other() {
    let test_dir = test_dir();
    let long = "x".repeat(1_000_000);
    let csv = format!("name,accountName\n{long},Acme\n\"{long}\",Acme\nGood,Acme\n");
    let rejected =
        |row| format!("row {row}: name: 10000582 Invalid customer name. Number of characters allowed 1 - 60.");
    assert_rejects(&import(&test_dir, "customers.csv", &csv, &[]), &[&rejected(2), &rejected(3)]);
    assert_eq!(names(&test_dir), ["Good"]);
    // More than are held in memory at once.
    let csv = format!("name,accountName\n{}Better,Acme\n", format!("{long},Acme\n").repeat(20));
    let rejected: Vec<_> = (2..22).map(rejected).collect();
    assert_rejects(&import(&test_dir, "more.csv", &csv, &[]), &rejected.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(names(&test_dir), ["Good", "Better"]);
}

#[test]
fn a_quote_that_is_never_closed_ends_the_import() {
    for (csv, column) in [
        ("name,accountName,customerId\nOne,Acme,1\nTwo,Acme,\"2\nThree,Acme,3\n", "customerId"),
        ("name,accountName\nOne,Acme\n\"Two,Acme\nThree,Acme\n", "name"),
    ] {
        let test_dir = test_dir();
        let why = import(&test_dir, "customers.csv", csv, &[]).fails(1);
        let expected = format!("error: row 3: {column}: the quote that begins this cell is never closed\n");
        assert!(why.ends_with(&expected), "{why}");
        assert_eq!(names(&test_dir), ["One"], "no row after it is taken for a part of it");
    }
}

#[test]
fn a_line_break_in_an_ignored_column_is_rejected() {
    let test_dir = test_dir();
    let csv = "name,accountName,customerId\nOne,Acme,\"1\nTwo,Acme,\"\nThree,Acme,3\n";
    let rejected = "row 2: a line break in an ignored column; check for an unclosed quote";
    assert_rejects(&import(&test_dir, "customers.csv", csv, &[]), &[rejected]);
    assert_eq!(names(&test_dir), ["Three"]);
}

/// The numbers of rows about unfinished imports.
fn stored_progress(test_dir: &TestDir) -> [String; 2] {
    ["import", "import_refusal"].map(|table| test_dir.sql(&format!("SELECT count(*) FROM {table}")))
}

#[test]
fn an_unfinished_import_is_forgotten_after_a_month() {
    let test_dir = test_dir();
    import(&test_dir, "customers.csv", &unfinished().replace("Two,", "One,"), &[]).fails(1);
    assert_eq!(stored_progress(&test_dir), ["1", "1"], "it can be resumed");
    let other = |name: &str| import(&test_dir, name, &format!("name,accountName\n{name},Acme\n"), &[]).done();
    let age = |days: u64| test_dir.sql(&format!("UPDATE import SET at = at - {}", days * 86_400_000));
    age(29);
    other("a.csv");
    assert_eq!(stored_progress(&test_dir), ["1", "1"], "a month is not over");
    age(2);
    other("b.csv");
    assert_eq!(stored_progress(&test_dir), ["0", "0"]);
}
