//! Every statement is one that other engines with PostgreSQL's protocol can run and route: the types are plain, nothing
//! relies on what only PostgreSQL has, and a statement on a table that is spread over machines names the partition.

use std::{fs, path::Path};

/// The tables that have the partition in each of their keys.
const SPREAD: [&str; 8] =
    ["account", "audit", "audit_block", "customer", "erased_customer", "id_block", "idempotent_write", "partition"];

/// The column types that every engine has.
const TYPES: [&str; 4] = ["BIGINT", "TEXT", "BYTEA", "BOOLEAN"];

/// What other engines lack, or do otherwise.
const FORBIDDEN: [&str; 15] = [
    "TRIGGER",
    "SEQUENCE",
    "SERIAL",
    "IDENTITY",
    "LISTEN",
    "NOTIFY",
    "LATERAL",
    "SKIP",
    "COPY",
    "TEMPORARY",
    "REFERENCES",
    "RECURSIVE",
    "nextval",
    "now",
    "pg_advisory_xact_lock",
];

/// What a statement begins with.
const VERBS: [&str; 4] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];

/// The string literals of a source file.
fn literals(source: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = source.chars().peekable();
    let mut before = ' ';
    while let Some(next) = rest.next() {
        match next {
            '/' if rest.peek() == Some(&'/') => drop(rest.by_ref().find(|char| *char == '\n')),
            '"' if before != '\'' => {
                let mut literal = String::new();
                while let Some(char) = rest.next().filter(|char| *char != '"') {
                    literal.push(if char == '\\' { rest.next().unwrap_or(' ') } else { char });
                }
                literals.push(literal);
            }
            _ => {}
        }
        before = next;
    }
    literals
}

/// Every statement of the crate, with its white space made even.
fn statements() -> Vec<String> {
    fn read(directory: &Path, statements: &mut Vec<String>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                read(&path, statements);
            } else {
                let literals = literals(&fs::read_to_string(&path).expect("UTF-8"));
                let even = literals.iter().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
                statements.extend(even.filter(|text| VERBS.iter().any(|verb| text.starts_with(verb))));
            }
        }
    }
    let mut statements = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut statements);
    assert!(statements.len() > 100, "{}", statements.len());
    statements
}

/// The words of a text, without punctuation.
fn words(text: &str) -> Vec<&str> {
    text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_').filter(|word| !word.is_empty()).collect()
}

fn assert_portable(statement: &str) {
    for forbidden in FORBIDDEN {
        assert!(!words(statement).contains(&forbidden), "{forbidden}: {statement}");
    }
}

#[test]
fn every_statement_names_the_partition_of_a_table_that_is_spread() {
    for statement in statements() {
        assert_portable(&statement);
        let words = words(&statement);
        let tables = words.windows(2).filter(|pair| ["FROM", "JOIN", "INTO", "UPDATE", "USING"].contains(&pair[0]));
        let spread: Vec<_> = tables.map(|pair| pair[1]).filter(|table| SPREAD.contains(table)).collect();
        let inserts = statement.contains("(partition, ") && statement.contains("VALUES ($1, ");
        let names_partition = statement.contains("partition = $1") || inserts;
        assert!(spread.is_empty() || names_partition, "{spread:?} without a partition: {statement}");
    }
}

#[test]
fn the_schema_has_plain_types_and_the_partition_in_every_key_of_a_spread_table() {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for entry in fs::read_dir(migrations).expect("a directory") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("UTF-8");
        let text: Vec<_> = text.lines().filter(|line| !line.starts_with("--")).collect();
        for statement in text.join("\n").split(';').map(str::trim) {
            assert_portable(statement);
            let Some(table) = statement.strip_prefix("CREATE TABLE ") else {
                let key = statement.strip_prefix("CREATE UNIQUE INDEX ");
                assert!(key.is_none_or(|key| key.contains("(partition, ")), "{statement}");
                continue;
            };
            let (name, columns) = table.split_once(" (").expect("columns");
            for column in columns.lines().skip(1).map(str::trim).filter(|line| !line.starts_with([')'])) {
                let mut words = column.split_whitespace();
                let (column_name, kind) = (words.next().expect("a name"), words.next().expect("a type"));
                if column_name == "PRIMARY" {
                    assert!(!SPREAD.contains(&name) || column.contains("(partition"), "{name}: {column}");
                } else {
                    assert!(TYPES.contains(&kind.trim_end_matches(',')), "{name}: {column}");
                    let is_key = column.contains("PRIMARY KEY") || column.contains("UNIQUE");
                    assert!(!is_key || !SPREAD.contains(&name) || column_name == "partition", "{name}: {column}");
                }
            }
        }
    }
}
