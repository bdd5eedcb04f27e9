//! Opens the database: settings, checks and migrations.

use crate::{
    error::OpenError,
    files::{file_system::log_of, page_scrub},
    port::directory::snapshot,
};
use carnelian_store::{AuditHead, PartitionId, RegistryId, RegistryKeys};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    fs, io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

/// The name of the database.
pub(crate) const DATABASE: &str = "carnelian.db";

/// The application id in the header of the database: "CRNL".
const APPLICATION_ID: u32 = 0x4352_4e4c;

/// The statements that make each version of the schema from the one before; a released one is never edited.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_registry.sql")];

/// Before this release, a checkpoint racing a commit could corrupt the write-ahead log.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a transaction waits for one of another process. Transactions are short.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Refuses a SQLite with a known bug in the write-ahead log.
pub(crate) fn assert_sqlite_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE { Err(OpenError::OldSqlite(rusqlite::version())) } else { Ok(()) }
}

/// Opens the database for writing. Creates it if it does not exist, and migrates an older schema.
///
/// `alone` means that no server has it open, so that the log of an earlier process can be rewritten and truncated.
pub(crate) fn open_for_writing(path: &Path, alone: bool, keys: &dyn RegistryKeys) -> Result<Connection, OpenError> {
    let explain = |source| OpenError::Directory { path: path.to_owned(), source };
    make_private(path).map_err(explain)?;
    // SQLite ignores a failed sync of the directory. So each name is synced here before SQLite does: the database's
    // now, the log's below. Neither name changes before the last connection is closed.
    sync_directory_of(path).map_err(explain)?;
    let mut connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    recognise(&connection, path)?;
    page_scrub::check_available(&connection)?;
    let journal: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if journal != "wal" {
        return Err(OpenError::NoLog(path.to_owned()));
    }
    sync_directory_of(path).map_err(explain)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    // Overwrites deleted rows.
    let _: bool = connection.pragma_update_and_check(None, "secure_delete", true, |row| row.get(0))?;
    if alone {
        renew_log(&connection, path)?;
    }
    migrate(&mut connection, MIGRATIONS, keys)?;
    if alone {
        // The log may hold erased data.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    // From now on the syncer syncs each commit before its replies.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Writes the content of the log again, and syncs it.
///
/// A sync of an earlier process may have failed. The kernel then keeps such pages in its cache and does not write them
/// again, so a power cut would lose them and with them all later commits, although those were synced. No process can
/// append to the log meanwhile, since the transaction holds the write lock.
fn renew_log(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let renewed = write_again(&log_of(path));
    connection.execute_batch("ROLLBACK")?;
    renewed.map_err(|source| OpenError::Directory { path: path.to_owned(), source })
}

fn write_again(log: &Path) -> io::Result<()> {
    let log = fs::OpenOptions::new().read(true).write(true).open(log)?;
    let (mut chunk, mut at) = (vec![0; 1 << 20], 0);
    loop {
        let length = log.read_at(&mut chunk, at)?;
        if length == 0 {
            return log.sync_data();
        }
        log.write_all_at(&chunk[..length], at)?;
        at += length as u64;
    }
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| fs::File::open(directory)?.sync_all())
}

/// Creates the database file readable for its owner only, if it does not exist: SQLite would let others read it.
///
/// An existing file is not opened, since closing it would release all locks that this process has on it.
fn make_private(path: &Path) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Whether opening a registry would upgrade its schema. Changes nothing.
pub fn is_outdated(directory: &Path) -> Result<bool, OpenError> {
    let flags = flags(OpenFlags::SQLITE_OPEN_READ_ONLY);
    let connection = Connection::open_with_flags(directory.join(DATABASE), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(found < MIGRATIONS.len())
}

/// Opens the database, which must exist, for copying its log into it.
pub(crate) fn open_for_checkpoints(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -64)?;
    Ok(connection)
}

/// Opens the database, which must exist, for reading.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    // What a larger one would hold is in the system's cache as well, once for all connections.
    connection.pragma_update(None, "cache_size", -512)?;
    Ok(connection)
}

/// Only one thread uses a connection at a time, so SQLite need not lock it.
fn flags(access: OpenFlags) -> OpenFlags {
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
}

fn recognise(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let id: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) { Ok(()) } else { Err(OpenError::Foreign(path.to_owned())) }
}

/// Brings a database to the newest schema in one transaction: wholly or not at all.
fn migrate(connection: &mut Connection, migrations: &[&str], keys: &dyn RegistryKeys) -> Result<(), OpenError> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let found: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = migrations.len();
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    if found == known {
        return Ok(());
    }
    for migration in &migrations[found..] {
        transaction.execute_batch(migration)?;
    }
    if found == 0 {
        seal_empty(&transaction, keys)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

/// Seals a directory and an audit log without entries.
fn seal_empty(connection: &Connection, keys: &dyn RegistryKeys) -> Result<(), rusqlite::Error> {
    let id = connection.query_row("SELECT id FROM registry", [], |row| row.get(0).map(RegistryId))?;
    let directory = snapshot::seal(connection, &*keys.directory_key(id))?;
    let end = AuditHead::empty(PartitionId::FIRST).end(&*keys.audit_chain(id), &directory.newest);
    connection.execute("UPDATE registry SET audit_seal = ?1", [end.seal]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_store::contract::TestKeys;
    use rusqlite::hooks::{AuthContext, Authorization};
    use std::{
        collections::BTreeSet,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    #[test]
    fn a_registry_is_private_and_has_a_log() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = open_for_writing(&path, true, &TestKeys).expect("opens");
        let setting = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(setting("journal_mode"), Ok("wal".to_owned().into()));
        assert_eq!(setting("synchronous"), Ok(1.into()));
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_schema_from_the_future_and_a_foreign_file_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = open_for_writing(&path, true, &TestKeys).expect("opens");
        connection.pragma_update(None, "user_version", 1000).expect("updates");
        assert!(matches!(open_for_writing(&path, true, &TestKeys), Err(OpenError::TooNew { found: 1000, .. })));
        let other = directory.path().join("other.db");
        Connection::open(&other).and_then(|db| db.execute_batch("CREATE TABLE t (x)")).expect("makes");
        assert!(matches!(open_for_writing(&other, true, &TestKeys), Err(OpenError::Foreign(_))));
    }

    /// A made-up next version: a column more, a table that is made anew, an index, and a row changed.
    const NEXT: &str = "
        ALTER TABLE account ADD COLUMN note TEXT;
        UPDATE account SET note = 'made before there were notes';
        CREATE TABLE new_group (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note TEXT) STRICT;
        INSERT INTO new_group SELECT id, name, NULL FROM account_group;
        DROP TABLE account_group;
        ALTER TABLE new_group RENAME TO account_group;
        CREATE INDEX customer_by_version ON customer (version);";

    /// A registry of version 1 with many rows; its connection keeps so few pages that a large transaction reaches the log
    /// before it is committed.
    fn version_1(path: &Path) -> Connection {
        let connection = open_for_writing(path, true, &TestKeys).expect("opens");
        let fill = "
            INSERT INTO account VALUES (1, 'Acme', 'Acme', 0, x'01', 5);
            INSERT INTO account_group VALUES (1, 'West', 'West');
            WITH RECURSIVE ids (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM ids WHERE id < 2000)
                INSERT INTO customer SELECT id, 1, 'Customer ' || id, NULL, 1, 0, 9, 9, zeroblob(50), id FROM ids;
            PRAGMA cache_size = 2";
        connection.execute_batch(fill).expect("fills");
        connection
    }

    /// The version of a database and what of it any version has.
    fn state(connection: &Connection) -> (usize, Vec<String>) {
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("is read");
        let selects = [
            "SELECT group_concat(id || name || state) FROM account",
            "SELECT group_concat(id || name) FROM account_group",
            "SELECT group_concat(id || name || name_hash) FROM customer",
            "PRAGMA integrity_check",
        ];
        let read = |select: &str| connection.query_row(select, [], |row| row.get(0)).expect("is read");
        (version, selects.into_iter().map(read).collect())
    }

    #[test]
    fn a_registry_of_an_older_schema_keeps_every_row() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut connection = version_1(&directory.path().join(DATABASE));
        let (version, rows) = state(&connection);
        assert_eq!(version, 1);
        migrate(&mut connection, &[MIGRATIONS[0], NEXT], &TestKeys).expect("migrates");
        assert_eq!(state(&connection), (2, rows));
        connection.execute("UPDATE account SET note = NULL", []).expect("there is a new column");
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut connection = version_1(&directory.path().join(DATABASE));
        let before = state(&connection);
        let failing = [NEXT, "INSERT INTO missing VALUES (1)"].concat();
        migrate(&mut connection, &[MIGRATIONS[0], &failing], &TestKeys).expect_err("the last statement fails");
        assert_eq!(state(&connection), before);
    }

    #[test]
    fn a_migration_killed_between_two_statements_has_changed_nothing_and_can_be_repeated() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(DATABASE);
        let mut connection = version_1(&path);
        let (_, rows) = state(&connection);
        // SQLite asks for permission when it prepares a statement. The files are copied then, as a kill leaves them.
        let kills = Arc::new(AtomicU32::new(0));
        let (counted, copies) = (kills.clone(), directory.path().to_owned());
        connection
            .authorizer(Some(move |_: AuthContext<'_>| {
                let copy = copies.join(counted.fetch_add(1, Ordering::SeqCst).to_string());
                let copied = fs::create_dir(&copy).and_then(|()| fs::copy(copies.join(DATABASE), copy.join(DATABASE)));
                let copied =
                    copied.and_then(|_| fs::copy(log_of(&copies.join(DATABASE)), log_of(&copy.join(DATABASE))));
                copied.expect("files can be copied");
                Authorization::Allow
            }))
            .expect("is set");
        let migrations = [MIGRATIONS[0], NEXT];
        migrate(&mut connection, &migrations, &TestKeys).expect("migrates");
        connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).expect("is set");
        let kills = kills.load(Ordering::SeqCst);
        let log = |kill: u32| log_of(&directory.path().join(kill.to_string()).join(DATABASE));
        let lengths: Vec<_> = (0..kills).map(|kill| fs::metadata(log(kill)).expect("is copied").len()).collect();
        assert!(lengths.is_sorted() && lengths.last() > lengths.first(), "no change was in the log: {lengths:?}");
        for kill in 0..kills {
            let path = directory.path().join(kill.to_string()).join(DATABASE);
            let mut left = Connection::open(&path).expect("opens");
            assert_eq!(state(&left), (1, rows.clone()), "kill {kill}");
            migrate(&mut left, &migrations, &TestKeys).expect("migrates");
            assert_eq!(state(&left), (2, rows.clone()), "kill {kill}");
        }
    }

    /// The tables and indexes of the page about the schema: `table column TYPE` and `index table`.
    fn documented(page: &str) -> BTreeSet<String> {
        let (mut documented, mut section) = (BTreeSet::new(), "");
        for line in page.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                section = heading.trim_matches('`');
            }
            let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            if let ["", name, second, purpose, ""] = cells[..]
                && line.starts_with("| `")
            {
                assert!(!purpose.is_empty(), "{section}: {name} is not explained");
                let indexes = section == "Indexes";
                documented.insert(if indexes {
                    format!("{name} {second}")
                } else {
                    format!("{section} {name} {second}")
                });
            }
        }
        documented
    }

    #[test]
    fn the_page_about_the_schema_shows_every_table_column_and_index() {
        let directory = tempfile::tempdir().expect("a directory");
        let connection = open_for_writing(&directory.path().join(DATABASE), true, &TestKeys).expect("opens");
        let select = "SELECT t.name || ' ' || c.name || ' ' || c.type FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
                WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%'
            UNION ALL SELECT name || ' ' || tbl_name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
        let mut select = connection.prepare(select).expect("prepares");
        let found = select.query_map([], |row| row.get(0)).and_then(Iterator::collect);
        let found: BTreeSet<String> = found.expect("is read");
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/schema.md");
        let documented = documented(&fs::read_to_string(page).expect("there is a page"));
        assert_eq!(documented.difference(&found).collect::<Vec<_>>(), [""; 0], "documented and not there");
        assert_eq!(found.difference(&documented).collect::<Vec<_>>(), [""; 0], "not documented");
    }
}
