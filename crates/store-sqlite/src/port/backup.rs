//! Backups: the rows of every table as JSON, and a database made of them again.
//!
//! Tables and columns are found in the schema, so that what a migration adds is backed up too.

use crate::{
    commit::audit_tail::AuditTail,
    error::{OpenError, read_error},
    files::schema::{self, DATABASE},
    store::SqliteStore,
};
use carnelian_domain::{AccountId, Action, CustomerId, Object, Origin, Timestamp};
use carnelian_store::{AuditChain, AuditEntry, BackupPart, BackupRow, Backups, Ledger, StoreError, TakePart};
use data_encoding::BASE64;
use rusqlite::{
    Connection, Row, params_from_iter,
    types::{Value, ValueRef},
};
use serde_json::{Map, Value as Json, json};
use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
    sync::Arc,
};

/// What is of no use to another registry.
const LEFT_OUT: &[&str] = &["idempotent_write", "import", "import_refusal"];

/// What stands in the account's table and goes another way.
const DATA_KEY: &str = "wrapped_key";

/// Keeps the place of an account of which nothing may come back.
const PLACE_OF_ACCOUNT: &str =
    "INSERT INTO account (id, name, state, wrapped_key, created_at) VALUES (?1, '', 2, x'', 0)";

/// The key under which bytes stand, since JSON has none.
const BYTES: &str = "base64";

impl Backups for SqliteStore {
    fn back_up(&self, take: &mut TakePart<'_>) -> Result<(), StoreError> {
        let mut refused = Ok(());
        let done = self.readers.read_blocking(|connection| {
            let moment = connection.transaction()?;
            let mut hand_out = |part| take(part).map_err(|error| refuse(&mut refused, error));
            hand_out(BackupPart::Schema(moment.pragma_query_value(None, "user_version", |row| row.get(0))?))?;
            for (account, key) in keys(&moment)? {
                hand_out(BackupPart::Key(account, key))?;
            }
            for (table, has_rowid) in tables(&moment)? {
                rows(&moment, &table, has_rowid, &mut hand_out)?;
            }
            Ok(())
        });
        refused.map_err(|error: io::Error| StoreError::unavailable(error))?;
        done
    }

    fn ledger(&self) -> Result<Ledger, StoreError> {
        self.readers.read_blocking(ledger)
    }
}

/// The ledger of a registry, as a connection sees it.
fn ledger(connection: &mut Connection) -> Result<Ledger, rusqlite::Error> {
    let moment = connection.transaction()?;
    let next = moment.query_row("SELECT next_customer_id FROM registry", [], |row| row.get(0))?;
    let last_account = moment.query_row("SELECT ifnull(max(id), 0) FROM account", [], |row| row.get(0))?;
    let erased_customers = Erased::read(&moment)?.customers;
    Ok(Ledger { keys: keys(&moment)?, erased_customers, last_account, next_customer_id: next })
}

/// Who was erased in a registry.
#[derive(Default)]
pub(crate) struct Erased {
    pub(crate) accounts: Vec<AccountId>,
    /// Those that were erased one by one.
    pub(crate) customers: Vec<CustomerId>,
}

impl Erased {
    pub(crate) fn read(connection: &Connection) -> Result<Erased, rusqlite::Error> {
        let mut accounts = connection.prepare("SELECT id FROM account WHERE state = 2")?;
        let accounts = accounts.query_map([], |row| row.get(0).map(AccountId))?.collect::<Result<_, _>>()?;
        let mut customers = connection.prepare("SELECT id FROM erased_customer ORDER BY id")?;
        let customers = customers.query_map([], |row| row.get(0).map(CustomerId))?.collect::<Result<_, _>>()?;
        Ok(Erased { accounts, customers })
    }

    /// Those of them that are present in another registry.
    pub(crate) fn present_in(&self, other: &Connection) -> Result<Erased, rusqlite::Error> {
        let mut account = other.prepare("SELECT 1 FROM account WHERE id = ?1 AND state <> 2")?;
        let mut customer = other.prepare("SELECT 1 FROM customer WHERE id = ?1")?;
        let mut there = Erased::default();
        for &id in &self.accounts {
            there.accounts.extend(account.exists([id.0])?.then_some(id));
        }
        for &id in &self.customers {
            there.customers.extend(customer.exists([id.0])?.then_some(id));
        }
        Ok(there)
    }
}

/// Keeps why a part was not taken, and ends the read.
fn refuse(refused: &mut io::Result<()>, error: io::Error) -> rusqlite::Error {
    *refused = Err(error);
    rusqlite::Error::QueryReturnedNoRows
}

fn keys(connection: &Connection) -> Result<Vec<(AccountId, Vec<u8>)>, rusqlite::Error> {
    let mut select = connection.prepare("SELECT id, wrapped_key FROM account WHERE state <> 2 ORDER BY id")?;
    select.query_map([], |row| Ok((AccountId(row.get(0)?), row.get(1)?)))?.collect()
}

/// The tables in the order in which they were made, and whether their rows have numbers.
fn tables(connection: &Connection) -> Result<Vec<(String, bool)>, rusqlite::Error> {
    let select = "SELECT name, wr = 0 FROM pragma_table_list JOIN sqlite_schema USING (name)
        WHERE pragma_table_list.type = 'table' AND schema = 'main' ORDER BY sqlite_schema.rowid";
    let mut select = connection.prepare(select)?;
    let tables = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    tables.filter(|table| !table.as_ref().is_ok_and(|(name, _)| LEFT_OUT.contains(&name.as_str()))).collect()
}

/// The account that a row of a table tells something of, in SQL.
fn account_of(table: &str) -> &'static str {
    match table {
        "account" => "(SELECT whole.id FROM account AS whole WHERE whole.id = t.id AND whole.state <> 2)",
        "registry_user" | "customer" => "(SELECT id FROM account WHERE id = t.account_id AND state <> 2)",
        "api_key" => {
            "(SELECT account.id FROM account JOIN registry_user ON account.id = registry_user.account_id
                WHERE registry_user.id = t.user_id AND account.state <> 2)"
        }
        _ => "NULL",
    }
}

fn rows(
    connection: &Connection,
    table: &str,
    has_rowid: bool,
    hand_out: &mut dyn FnMut(BackupPart) -> Result<(), rusqlite::Error>,
) -> Result<(), rusqlite::Error> {
    let (id, account) = (if has_rowid { "t.rowid" } else { "0" }, account_of(table));
    let mut select = connection.prepare(&format!("SELECT {id}, {account}, t.* FROM {table} AS t ORDER BY 1"))?;
    let columns: Vec<String> = select.column_names().skip(2).map(str::to_owned).collect();
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let account = row.get::<_, Option<u64>>(1)?.map(AccountId);
        let content = Json::Object(content(row, &columns)?).to_string().into_bytes();
        hand_out(BackupPart::Row(BackupRow { table: table.to_owned(), id: row.get(0)?, account, content }))?;
    }
    Ok(())
}

fn content(row: &Row<'_>, columns: &[String]) -> Result<Map<String, Json>, rusqlite::Error> {
    let mut content = Map::new();
    for (place, column) in columns.iter().enumerate().filter(|(_, column)| *column != DATA_KEY) {
        let value = match row.get_ref(place + 2)? {
            ValueRef::Null => Json::Null,
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
            ValueRef::Blob(bytes) => json!({ BYTES: BASE64.encode(bytes) }),
        };
        content.insert(column.clone(), value);
    }
    Ok(content)
}

/// What the audit log of a restored registry is told of that.
pub struct Noted {
    /// When it was restored.
    pub at: Timestamp,
    /// Who restored it.
    pub origin: Origin,
    /// Links what is noted to the entries of the backup.
    pub chain: Arc<dyn AuditChain>,
}

/// A database that is being made of a backup.
pub struct Restoring {
    connection: Connection,
    keys: HashMap<AccountId, Vec<u8>>,
    /// The customers of the backup that were left out, and the accounts that they were in.
    left_out: HashMap<CustomerId, AccountId>,
}

impl Restoring {
    /// Begins with an empty registry of the backup's schema, in a directory that holds none.
    pub fn begin(
        directory: &Path,
        schema: u32,
        ledger: &Ledger,
        chain: &dyn AuditChain,
    ) -> Result<Restoring, OpenError> {
        let connection = schema::make_empty(&directory.join(DATABASE), schema, chain)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM registry")?;
        Ok(Restoring { connection, keys: ledger.keys.iter().cloned().collect(), left_out: HashMap::new() })
    }

    /// Puts a row back.
    pub fn put(&self, row: &BackupRow) -> Result<(), StoreError> {
        let damaged = |why: &str| StoreError::corrupt(format!("a row of {} in the backup: {why}", row.table));
        let content: Map<String, Json> =
            serde_json::from_slice(&row.content).map_err(|error| damaged(&error.to_string()))?;
        let mut columns: Vec<_> = content.keys().map(String::as_str).collect();
        let values = content.values().map(value).collect::<Option<Vec<_>>>();
        let mut values = values.ok_or_else(|| damaged("a value of no known kind"))?;
        if row.table == "account" {
            let key = row.account.and_then(|account| self.keys.get(&account)).cloned();
            columns.push(DATA_KEY);
            values.push(Value::Blob(key.unwrap_or_default()));
        }
        let known = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !known(&row.table) || !columns.iter().all(|column| known(column)) {
            return Err(damaged("a name that no table or column has"));
        }
        let places = vec!["?"; values.len()].join(", ");
        let insert = format!("INSERT INTO {} ({}) VALUES ({places})", row.table, columns.join(", "));
        self.connection
            .prepare_cached(&insert)
            .and_then(|mut insert| insert.execute(params_from_iter(values)))
            .map_err(read_error)?;
        Ok(())
    }

    /// Keeps the place of an account, a user or a customer of whom nothing may come back, so that nobody gets its id.
    pub fn put_erased(&mut self, row: &BackupRow) -> Result<(), StoreError> {
        let account = row.account.map_or(0, |account| account.0);
        let done = match row.table.as_str() {
            "customer" => {
                self.left_out.extend(row.account.map(|account| (CustomerId(row.id), account)));
                Ok(0)
            }
            "account" => self.connection.execute(PLACE_OF_ACCOUNT, [row.id]),
            "registry_user" => self.connection.execute(
                "INSERT INTO registry_user (id, account_id, role, enabled, created_at)
                    VALUES (?1, ?2, 'ACCOUNTREADONLY', 0, 0)",
                [row.id, account],
            ),
            _ => Ok(0),
        };
        done.map(drop).map_err(read_error)
    }

    /// Makes sure that it is whole, notes that it was restored, and closes it.
    ///
    /// Later ledgers are made of what it says itself. So every account and every customer that the ledger knows to be
    /// erased is noted, whether the backup has it or not.
    pub fn finish(self, ledger: &Ledger, noted: Noted) -> Result<(), OpenError> {
        let next = "UPDATE registry SET next_customer_id = max(next_customer_id, ?1),
            directory_version = directory_version + 1";
        self.connection.execute(next, [ledger.next_customer_id])?;
        for erased in (1..=ledger.last_account).filter(|id| !self.keys.contains_key(&AccountId(*id))) {
            self.connection.prepare_cached(&format!("{PLACE_OF_ACCOUNT} ON CONFLICT DO NOTHING"))?.execute([erased])?;
        }
        // Who was in an account that is gone may have been in a group, too.
        self.connection.execute_batch(
            "DELETE FROM group_account WHERE account_id IN (SELECT id FROM account WHERE state = 2); COMMIT",
        )?;
        schema::check_whole(&self.connection)?;
        let known: HashSet<_> = Erased::read(&self.connection)?.customers.into_iter().collect();
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut audit = AuditTail::new(noted.chain);
        let mut note = |action, object: Object<'_>, account| {
            let entry = AuditEntry::record(&noted.origin, action, object, account, &[]);
            audit.append(&self.connection, noted.at, &entry)
        };
        note(Action::Restore, Object::Registry, None)?;
        for customer in ledger.erased_customers.iter().filter(|customer| !known.contains(customer)) {
            self.connection.prepare_cached("INSERT INTO erased_customer (id) VALUES (?1)")?.execute([customer.0])?;
            note(Action::EraseCustomer, Object::Customer(*customer), self.left_out.get(customer).copied())?;
        }
        audit.finish(&self.connection)?;
        self.connection.execute_batch("COMMIT")?;
        Ok(self.connection.close().map_err(|(_, error)| error)?)
    }
}

fn value(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Null => Value::Null,
        Json::Number(number) => number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Real))?,
        Json::String(text) => Value::Text(text.clone()),
        Json::Object(bytes) => Value::Blob(BASE64.decode(bytes.get(BYTES)?.as_str()?.as_bytes()).ok()?),
        Json::Bool(_) | Json::Array(_) => return None,
    })
}
