//! Registries as earlier releases have left them: made of one of this release by the migrations that were shipped, which
//! are never edited.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::checker::open_copy;

/// A version of the schema, and everything that it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The version that the database says it has.
    pub version: usize,
    /// The statements that make its tables and indices.
    pub statements: Vec<String>,
}

/// The migrations in their order.
fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/store-sqlite/migrations");
    let entries = fs::read_dir(folder).expect("there are migrations");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("can be listed").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("can be read")).collect()
}

/// The newest version.
pub fn newest() -> usize {
    migrations().len()
}

impl Schema {
    /// That of a version.
    pub fn of(version: usize) -> Self {
        let database = Connection::open_in_memory().expect("opens");
        migrate(&database, version);
        Self { version, statements: statements(&database).expect("can be read") }
    }

    /// That of the registry in `data`, as its files are.
    pub fn read(data: &Path) -> Result<Self, rusqlite::Error> {
        let (database, _copy) = open_copy(data)?;
        let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(Self { version: version as usize, statements: statements(&database)? })
    }
}

fn statements(database: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    let mut select = database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")?;
    select.query_map([], |row| row.get(0))?.collect()
}

fn migrate(database: &Connection, version: usize) {
    for migration in &migrations()[..version] {
        database.execute_batch(migration).expect("a shipped migration can be run");
    }
}

/// Makes of the registry in `data`, which nobody has open, one of an earlier version in `place`; the last that was
/// written stands in its log, as if its server had been killed.
pub fn make(data: &Path, version: usize, place: &Path) {
    fs::create_dir(place).expect("a directory can be made");
    fs::copy(data.join("master.key"), place.join("master.key")).expect("a file can be copied");
    let building = tempfile::tempdir().expect("a directory can be made");
    let path = building.path().join("carnelian.db");
    let database = Connection::open(&path).expect("opens");
    database.pragma_update(None, "foreign_keys", false).expect("is set");
    migrate(&database, version);
    fill(&database, &data.join("carnelian.db")).expect("a registry of this release has everything that older ones had");
    database.pragma_update(None, "user_version", version as i64).expect("is set");
    leave_a_log(&database).expect("can be written");
    for name in ["carnelian.db", "carnelian.db-wal"] {
        fs::copy(building.path().join(name), place.join(name)).expect("a file can be copied");
    }
}

/// Copies what the older schema has a place for.
fn fill(old: &Connection, registry: &Path) -> Result<(), rusqlite::Error> {
    old.execute("ATTACH ?1 AS whole", [registry.to_str().expect("a plain path")])?;
    let mut tables = old.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables {
        if table == "customer_name" {
            old.execute_batch("INSERT INTO customer_name SELECT id, name_hash FROM whole.customer")?;
            continue;
        }
        // Called something else in this release.
        let source = if table == "idempotency" { "idempotent_write" } else { &table };
        let columns = "SELECT group_concat(name) FROM pragma_table_info(?1, 'main')";
        let columns: String = old.query_row(columns, params![table], |row| row.get(0))?;
        // What was noted of the end of the audit log was its last link itself.
        let values = columns.replace("audit_link", "(SELECT link FROM whole.audit WHERE sequence = audit_sequence)");
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {values} FROM whole.{source}");
        old.execute_batch(&format!("DELETE FROM main.{table}; {copy}"))?;
    }
    let id: i64 = old.query_row("PRAGMA whole.application_id", [], |row| row.get(0))?;
    old.pragma_update(None, "application_id", id)?;
    old.execute_batch("DETACH whole")
}

/// Switches to the log, and writes some of the customers into it.
fn leave_a_log(old: &Connection) -> Result<(), rusqlite::Error> {
    old.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    old.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    old.execute_batch("UPDATE customer SET created_at = created_at WHERE id % 3 = 0")
}
