//! Opening the database: settings, recognition, migrations.

use crate::{OpenError, audit, page_scrub};
use carnelian_store::AuditChain;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    fs, io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The name of the database.
pub(crate) const DATABASE: &str = "carnelian.db";

/// Marks a database file as ours: "CRNL".
const APPLICATION_ID: u32 = 0x4352_4e4c;

/// Every migration, in order; a shipped one is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_registry.sql"),
    include_str!("../migrations/0002_customers_of_an_account.sql"),
    include_str!("../migrations/0003_one_row_less.sql"),
    include_str!("../migrations/0004_audit.sql"),
    include_str!("../migrations/0005_erasure.sql"),
    include_str!("../migrations/0006_import.sql"),
    include_str!("../migrations/0007_keys.sql"),
    include_str!("../migrations/0008_settings.sql"),
    include_str!("../migrations/0009_age_of_imports.sql"),
    include_str!("../migrations/0010_idempotent_writes.sql"),
    include_str!("../migrations/0011_erased_customers.sql"),
    include_str!("../migrations/0012_end_of_the_audit_log.sql"),
];

/// The version with which the end of the audit log is sealed.
const SEALED_END: u32 = 12;

/// Before this release, a checkpoint racing a commit could corrupt the write-ahead log.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a writer waits for another process, which never holds a transaction for long.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Refuses a SQLite that cannot be trusted.
pub(crate) fn assert_sqlite_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE { Err(OpenError::OldSqlite(rusqlite::version())) } else { Ok(()) }
}

/// Opens the database for writing; makes it or brings it up to date first.
///
/// `alone` says that no server has it open, so that what an earlier process left in the log can be made sure of.
pub(crate) fn open_for_writing(path: &Path, alone: bool, chain: &dyn AuditChain) -> Result<Connection, OpenError> {
    let explain = |source| OpenError::Directory { path: path.to_owned(), source };
    make_private(path).map_err(explain)?;
    // SQLite goes on when it cannot sync the directory. So this is done for every name by hand, before SQLite tries:
    // here for the database, below for the log. Neither name changes before the last connection is closed.
    sync_directory_of(path).map_err(explain)?;
    let mut connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    recognise(&connection, path)?;
    page_scrub::assert_reachable(&connection)?;
    let journal: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if journal != "wal" {
        return Err(OpenError::NoLog(path.to_owned()));
    }
    sync_directory_of(path).map_err(explain)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -4_096)?;
    // What is erased is overwritten, not only forgotten.
    let _: bool = connection.pragma_update_and_check(None, "secure_delete", true, |row| row.get(0))?;
    if alone {
        renew_log(&connection, path)?;
    }
    migrate(&mut connection, chain)?;
    if alone {
        // The log may hold what was erased since.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    // From here on commits are synced by the writer's own hand, before anybody hears of them.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Writes what is in the log once more, and syncs it.
///
/// An earlier process may have failed to sync it. The kernel still shows such bytes and will not write them again, so
/// whatever was appended behind them would be lost with them in a power cut, however well it was synced itself. Nobody
/// can append meanwhile: the transaction keeps all others out.
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

/// The write-ahead log of a database.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Makes the file, if it is not there, before SQLite would make it readable for others.
///
/// One that is there is not touched: to close a file frees every lock that this process has on it.
fn make_private(path: &Path) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
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

/// A connection never leaves the thread that uses it at the time, so SQLite need not lock within it.
fn flags(access: OpenFlags) -> OpenFlags {
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
}

fn recognise(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let id: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) { Ok(()) } else { Err(OpenError::Foreign(path.to_owned())) }
}

fn migrate(connection: &mut Connection, chain: &dyn AuditChain) -> Result<(), OpenError> {
    migrate_to(connection, MIGRATIONS.len() as u32, chain)
}

fn migrate_to(connection: &mut Connection, wanted: u32, chain: &dyn AuditChain) -> Result<(), OpenError> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.len() as u32;
    if found.max(wanted) > known {
        return Err(OpenError::TooNew { found: found.max(wanted), known });
    }
    if found >= wanted {
        return Ok(());
    }
    for version in found + 1..=wanted {
        transaction.execute_batch(MIGRATIONS[version as usize - 1])?;
        if version == SEALED_END && !audit::seal_end(&transaction, chain)? {
            return Err(OpenError::WrongKey);
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", wanted)?;
    Ok(transaction.commit()?)
}

/// Makes an empty database as an earlier release would have, to be filled from a backup of that release.
pub(crate) fn make_of_version(path: &Path, version: u32, chain: &dyn AuditChain) -> Result<Connection, OpenError> {
    make_private(path).map_err(|source| OpenError::Directory { path: path.to_owned(), source })?;
    let mut connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate_to(&mut connection, version, chain)?;
    Ok(connection)
}

/// Migrates a database that was filled from a backup, and refuses it if it is not whole.
pub(crate) fn bring_up_to_date(connection: &mut Connection, chain: &dyn AuditChain) -> Result<(), OpenError> {
    migrate(connection, chain)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let dangling: i64 = connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if verdict == "ok" && dangling == 0 { Ok(()) } else { Err(OpenError::NotWhole) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{idempotency, indexes::Indexes};
    use carnelian_domain::{AccountId, CustomerId, Timestamp, UserId};
    use carnelian_store::{AuditHead, Conflict, IdempotencyKey, Link, Written, contract::KeylessChain};

    #[test]
    fn a_registry_is_private_and_has_a_log() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = open_for_writing(&path, true, &KeylessChain).expect("opens");
        let setting = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(setting("journal_mode"), Ok("wal".to_owned().into()));
        assert_eq!(setting("synchronous"), Ok(1.into()));
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_schema_from_the_future_and_a_foreign_file_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = open_for_writing(&path, true, &KeylessChain).expect("opens");
        connection.pragma_update(None, "user_version", 1000).expect("updates");
        assert!(matches!(open_for_writing(&path, true, &KeylessChain), Err(OpenError::TooNew { found: 1000, .. })));
        let other = directory.path().join("other.db");
        Connection::open(&other).and_then(|db| db.execute_batch("CREATE TABLE t (x)")).expect("makes");
        assert!(matches!(open_for_writing(&other, true, &KeylessChain), Err(OpenError::Foreign(_))));
    }

    /// A registry of version 1 as it may be found.
    const VERSION_1: &str = "
        INSERT INTO account VALUES (1, 'Acme', 0, x'01', 5), (2, 'Gone', 2, x'02', 5), (3, 'Globex', 1, x'03', 6);
        INSERT INTO account_group VALUES (1, 'West');
        INSERT INTO group_account VALUES (1, 1);
        INSERT INTO registry_user VALUES (1, 'ann', 1, 1, 'ACCOUNTADMIN', 1, 7);
        INSERT INTO api_key VALUES (1, 'k1', 1, x'04', 0, NULL, 8, NULL, NULL);
        INSERT INTO customer VALUES (7, 3, 'Seven', NULL, 2, 1, 9, 11, x'05'), (8, 1, ' Eight', 'Eight', 1, 0, 9, 9, x'06'),
            (9, 3, 'Nine', NULL, 1, 0, 10, 10, x'');
        INSERT INTO customer_name VALUES (7, 70), (8, -80), (9, 90);
        UPDATE registry SET next_customer_id = 1001, key_proof = x'07';";

    /// What a registry of version 1 holds, as later versions still have it.
    const OF_VERSION_1: [&str; 7] = [
        "(SELECT one, directory_version, next_customer_id, key_proof, name_hash_key FROM registry)",
        "account",
        "account_group",
        "group_account",
        "registry_user",
        "(SELECT id, key_id, user_id, digest, kind, label, created_at, expires_at, revoked_at FROM api_key)",
        "(SELECT id, account_id, name, unique_name, version, ship_to_bill_address, created_at, modified_at, sealed
            FROM customer)",
    ];

    /// The rows of a table, as text.
    fn rows(connection: &Connection, table: &str) -> Vec<String> {
        let mut select = connection.prepare(&format!("SELECT * FROM {table}")).expect("the table is there");
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|column| row.get_ref(column).map(|value| format!("{value:?}")));
            Ok(values.collect::<Result<Vec<_>, _>>()?.join(" "))
        };
        select.query_map([], row).and_then(Iterator::collect).expect("the table is read")
    }

    #[test]
    fn a_registry_of_version_1_keeps_every_row_and_its_customers_can_be_listed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let old = Connection::open(&path).expect("opens");
        old.execute_batch(MIGRATIONS[0]).and_then(|()| old.execute_batch(VERSION_1)).expect("fills");
        old.pragma_update(None, "application_id", APPLICATION_ID).expect("is marked");
        old.pragma_update(None, "user_version", 1).expect("is marked");
        let before = OF_VERSION_1.map(|table| rows(&old, table));
        let hashes = rows(&old, "(SELECT customer_id, hash FROM customer_name)");
        assert!(before.iter().all(|rows| !rows.is_empty()));
        drop(old);

        let connection = open_for_writing(&path, true, &KeylessChain).expect("opens and migrates");
        assert_eq!(OF_VERSION_1.map(|table| rows(&connection, table)), before);
        assert_eq!(rows(&connection, "(SELECT id, name_hash FROM customer ORDER BY id)"), hashes);
        let of_account = "(SELECT id, modified_at FROM customer INDEXED BY customer_of_account WHERE account_id = 3)";
        assert_eq!(rows(&connection, of_account), ["Integer(7) Integer(11)", "Integer(9) Integer(10)"]);
        assert_eq!(rows(&connection, "pragma_integrity_check"), ["Text([111, 107])"], "it is ok");
    }

    #[test]
    fn what_was_written_under_a_key_before_an_upgrade_is_answered_after_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let old = make_of_version(&path, 9, &KeylessChain).expect("makes");
        old.execute_batch(
            "INSERT INTO idempotency VALUES (3, 'a', x'01', 12, 1, 50, 1), (3, 'b', x'02', 11, 1, 40, 2)",
        )
        .expect("fills");
        drop(old);

        let connection = open_for_writing(&path, true, &KeylessChain).expect("opens and migrates");
        let indexes = Indexes::load(&path, &connection).expect("loads");
        let find = |key: &str, fingerprint: u8| {
            let key = IdempotencyKey { user: UserId(3), key: key.into(), fingerprint: vec![fingerprint] };
            idempotency::find(&connection, &idempotency::candidates(&indexes, &key), &key, Timestamp(60))
                .expect("is read")
        };
        let written =
            |id, at, version| Written { id: CustomerId(id), account: AccountId(1), at: Timestamp(at), version };
        assert_eq!(find("a", 1), Some(Ok(written(12, 50, 1))));
        assert_eq!(find("b", 2), Some(Ok(written(11, 40, 2))));
        assert_eq!(find("b", 1), Some(Err(Conflict::IdempotencyKeyReused)));
        assert_eq!(find("c", 1), None);
    }

    /// The chain of another master key than the registry's.
    struct ForeignChain;

    impl AuditChain for ForeignChain {
        fn link(&self, previous: &Link, sequence: u64, at: Timestamp, entry: &str) -> Link {
            KeylessChain.link(previous, sequence, at, entry)
        }

        fn seal(&self, head: &AuditHead) -> Link {
            KeylessChain.seal(head)
        }

        fn is_of(&self, _: &[u8]) -> bool {
            false
        }
    }

    #[test]
    fn the_end_of_a_log_is_sealed_with_the_key_of_the_registry_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let old = make_of_version(&path, SEALED_END - 1, &KeylessChain).expect("makes");
        old.execute("UPDATE registry SET key_proof = x'01'", []).expect("is written");
        let refused = open_for_writing(&path, true, &ForeignChain);
        assert!(matches!(refused, Err(OpenError::WrongKey)), "{refused:?}");
        let version: u32 = old.pragma_query_value(None, "user_version", |row| row.get(0)).expect("is read");
        assert_eq!(version, SEALED_END - 1);
        open_for_writing(&path, true, &KeylessChain).expect("opens and migrates");
    }

    #[test]
    fn shipped_migrations_are_what_they_were() {
        let lengths: Vec<_> = MIGRATIONS.iter().map(|migration| (migration.len(), fingerprint(migration))).collect();
        assert_eq!(lengths, SHIPPED, "a shipped migration must not change; add another one");
    }

    const SHIPPED: &[(usize, u64)] = &[
        (2562, 0x548c_c680_8f42_7948),
        (312, 0x2214_9e37_21b5_672d),
        (495, 0x7cdb_47ec_5650_65c9),
        (917, 0x8eff_96a3_172e_6a57),
        (1005, 0xf019_cc29_a0f4_c539),
        (549, 0x84f8_d6a3_9a85_7c4b),
        (258, 0xb8aa_b967_a338_813c),
        (213, 0x4d60_28db_3139_ed7c),
        (199, 0xe55e_bf7b_86f6_9513),
        (932, 0xb6c1_58cd_58bd_c46b),
        (259, 0x5fe9_a1ea_5784_65de),
        (257, 0x37f7_1d70_ef56_9afa),
    ];

    /// FNV-1a, enough to notice an edit.
    fn fingerprint(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}
