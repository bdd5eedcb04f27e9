//! Files that cannot be read to their end, and what is kept of imports that nobody goes on with.

use blackbox::{Place, sample};
use rusqlite::Connection as Database;

use super::{assert_rejects, import, names, place};

/// Far more than a row may have.
const MUCH: usize = 3 << 20;

/// A CSV file with two good rows, and a quote that is opened in the third and never closed.
fn without_an_end() -> String {
    let more = "Other,Acme\n";
    format!("name,accountName\nOne,Acme\nTwo,Acme\n\"Three,Acme\n{}", more.repeat(MUCH / more.len()))
}

#[test]
fn a_row_without_an_end_is_told_and_what_comes_before_it_is_stored() {
    let long = sample::minimal(&"x".repeat(MUCH), "Acme");
    let json = format!("{}\n{}\n{long}\n", sample::minimal("One", "Acme"), sample::minimal("Two", "Acme"));
    for (name, content, row) in [("customers.csv", without_an_end(), "row 4"), ("customers.jsonl", json, "row 3")] {
        let place = place();
        for dry in [&["--dry-run"][..], &[]] {
            let outcome = import(&place, name, &content, dry);
            assert!(outcome.stderr.contains("2 rows: 2 created"), "{outcome:?}");
            let why = outcome.fails(1);
            let why = why.lines().last().unwrap_or_default();
            assert!(why.starts_with(&format!("error: {row}: ")) && why.contains("1 MiB"), "{why}");
        }
        assert_eq!(names(&place), ["One", "Two"]);
        import(&place, name, &content, &[]).fails(1);
        assert_eq!(names(&place), ["One", "Two"], "no row is stored twice");
    }
}

#[test]
fn an_import_is_gone_on_with_by_the_same_command_on_the_same_content_alone() {
    let place = place();
    place.account("Globex");
    place.write("limits.toml", "limits.country = 100\n");
    let content = without_an_end();
    let goes_on = |name: &str, content: &str, more: &[&str]| {
        let told = import(&place, name, content, more).fails(1);
        told.contains("after row 3")
    };
    assert!(!goes_on("customers.csv", &content, &["--account", "Acme"]), "the first time");
    assert!(goes_on("customers.csv", &content, &["--account", "Acme"]));
    assert!(goes_on("renamed.csv", &content, &["--account", "Acme"]), "a name tells nothing");
    let others: [&[&str]; 6] = [
        &[],
        &["--account", "Globex"],
        &["--account", "Acme", "--on-duplicate", "skip"],
        &["--account", "Acme", "--create-accounts"],
        &["--account", "Acme", "--config", "limits.toml"],
        &["--account", "Acme", "--dry-run"],
    ];
    for other in others {
        assert!(!goes_on("customers.csv", &content, other), "{other:?}");
    }
    assert!(!goes_on("customers.csv", &format!("{content}x"), &["--account", "Acme"]), "another content");
    assert!(goes_on("customers.csv", &content, &["--account", "Acme"]), "none of this has disturbed it");
}

#[test]
fn a_long_row_is_held_against_the_rules_like_any_other() {
    let place = place();
    let long = "x".repeat(1_000_000);
    let csv = format!("name,accountName\n{long},Acme\n\"{long}\",Acme\nGood,Acme\n");
    let told = |row| format!("row {row}: name: 10000582 Invalid customer name. Number of characters allowed 1 - 60.");
    assert_rejects(&import(&place, "customers.csv", &csv, &[]), &[&told(2), &told(3)]);
    assert_eq!(names(&place), ["Good"]);
    // More than are held in memory at once.
    let csv = format!("name,accountName\n{}Better,Acme\n", format!("{long},Acme\n").repeat(20));
    let told: Vec<_> = (2..22).map(told).collect();
    assert_rejects(&import(&place, "more.csv", &csv, &[]), &told.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(names(&place), ["Good", "Better"]);
}

#[test]
fn a_column_that_is_passed_over_swallows_no_rows() {
    let place = place();
    let csv = "name,accountName,customerId\nOne,Acme,\"1\nTwo,Acme,2\nThree,Acme,3\n";
    let told = "row 2: a line break in an ignored column; check for an unclosed quote";
    assert_rejects(&import(&place, "customers.csv", csv, &[]), &[told]);
    assert!(names(&place).is_empty());
}

/// How much is kept of imports.
fn kept(place: &Place) -> [i64; 2] {
    let database = Database::open(place.data().join("carnelian.db")).expect("opens");
    ["import", "import_refusal"].map(|table| {
        let count = format!("SELECT count(*) FROM {table}");
        database.query_row(&count, [], |row| row.get(0)).expect("is counted")
    })
}

#[test]
fn an_import_that_nobody_goes_on_with_is_forgotten_after_a_month() {
    let place = place();
    import(&place, "customers.csv", &without_an_end().replace("Two,", "One,"), &[]).fails(1);
    assert_eq!(kept(&place), [1, 1], "it could be gone on with");
    let other = |name: &str| import(&place, name, &format!("name,accountName\n{name},Acme\n"), &[]).done();
    let age = |days: i64| {
        let database = Database::open(place.data().join("carnelian.db")).expect("opens");
        database.execute("UPDATE import SET at = at - ?1 * 86400000", [days]).expect("it is older");
    };
    age(29);
    other("a.csv");
    assert_eq!(kept(&place), [1, 1], "a month is not over");
    age(2);
    other("b.csv");
    assert_eq!(kept(&place), [0, 0]);
}
