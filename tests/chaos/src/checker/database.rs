//! Reads a registry that is in a PostgreSQL database.

use serde_json::Value;
use test_postgres::{run_sql, try_sql};

use super::{Log, Row, Stored};

/// Compares every index with its table.
const CHECK_INDEXES: &str = "
    CREATE EXTENSION IF NOT EXISTS amcheck;
    SELECT bt_index_check(c.oid, TRUE) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
    WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace";

const ENTRIES: &str = "
    SELECT sequence, entry::json ->> 'action' AS action, entry::json ->> 'object' AS object,
        coalesce((entry::json ->> 'accountId')::BIGINT, 0) AS account, entry::json ->> 'requestId' AS request
    FROM audit ORDER BY sequence";

impl Stored {
    /// Reads the registry in a database.
    pub fn read_database(url: &str) -> Self {
        let damage = if try_sql(url, CHECK_INDEXES).is_ok() { Vec::new() } else { vec!["an index".to_owned()] };
        let customers = select(url, "SELECT id, account_id, name, unique_name FROM customer");
        let row = |row: &Value| Row {
            id: number(row, "id"),
            account: number(row, "account_id"),
            name: text(row, "name").to_owned(),
            unique_name: text(row, "unique_name").to_owned(),
        };
        Self { rows: customers.iter().map(row).collect(), log: Log::read_database(url), damage }
    }
}

impl Log {
    fn read_database(url: &str) -> Self {
        let erased = select(url, "SELECT account_id FROM erasure WHERE state IN (1, 2, 3)");
        let erased = erased.iter().map(|row| number(row, "account_id")).collect();
        let sealed = select(url, "SELECT sequence FROM audit WHERE seal IS NOT NULL");
        let noted = sealed.iter().map(|row| number(row, "sequence")).sum();
        let mut log = Self { noted, erased, ..Self::default() };
        for entry in select(url, ENTRIES) {
            let id = text(&entry, "object").strip_prefix("customer:").and_then(|id| id.parse().ok()).unwrap_or(0);
            log.requests.extend(entry["request"].as_str().map(str::to_owned));
            log.add(number(&entry, "sequence"), text(&entry, "action"), id, number(&entry, "account"));
        }
        log
    }
}

fn select(url: &str, sql: &str) -> Vec<Value> {
    let rows = run_sql(url, &format!("SELECT coalesce(json_agg(t), '[]') FROM ({sql}) AS t"));
    serde_json::from_str(&rows).expect("the database prints JSON")
}

fn number(row: &Value, column: &str) -> u64 {
    row[column].as_u64().unwrap_or_else(|| panic!("{column} is no number in {row}"))
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_else(|| panic!("{column} is no text in {row}"))
}
