//! Filling an empty registry from the records of a backup.

use crate::{
    commit::job::{WorkError, WriteTx},
    error::DatabaseError,
    memory::hash_index::HashKey,
    port::{directory, erasure_rows, ledger_rows::COUNTED},
    store::SqliteStore,
    words::{feeder, index},
};
use carnelian_domain::{AccountId, AccountState, unique_name};
use carnelian_store::{
    BackupCustomer, BackupErasure, BackupKey, BackupUser, Conflict, PartitionId, Record, RegistryId, Restores,
    Restoring, StoreError,
};
use rusqlite::{Connection, params};

/// What no registry has that was ever used.
const IS_USED: &str = "SELECT 1 FROM registry WHERE next_customer_id > 1 OR key_proof IS NOT NULL OR audit_sequence > 0
    OR EXISTS (SELECT 1 FROM account) OR EXISTS (SELECT 1 FROM account_group) OR EXISTS (SELECT 1 FROM setting)";

#[async_trait::async_trait]
impl Restores for SqliteStore {
    async fn begin_restore(&self, registry: RegistryId) -> Result<Box<dyn Restoring + '_>, StoreError> {
        let chain = self.keys.audit_chain(registry);
        self.write(move |writing| {
            if writing.connection.prepare(IS_USED)?.exists([])? {
                return Err(Conflict::NotEmpty.into());
            }
            writing.audit.adopt(chain);
            Ok(writing.connection.execute("UPDATE registry SET id = ?1, restoring = 1", [registry.0])?)
        })
        .await?;
        *self.id.lock() = registry;
        Ok(Box::new(Filling { store: self }))
    }
}

/// A registry that is being filled. Each batch is a commit of its own; until the last one the registry is marked, and is
/// not opened.
struct Filling<'a> {
    store: &'a SqliteStore,
}

#[async_trait::async_trait]
impl Restoring for Filling<'_> {
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        self.store
            .write(move |writing| {
                let hash_key = HashKey::read(writing.connection)?;
                records.iter().try_for_each(|record| insert(writing, &hash_key, record))?;
                // A process that writes customers has a thread for that.
                if writing.indexes.is_none() {
                    feeder::index_full_blocks(writing.connection)?;
                }
                Ok(())
            })
            .await
    }

    async fn append_audit(&mut self, entries: Vec<String>) -> Result<(), StoreError> {
        self.store.write(move |writing| entries.iter().try_for_each(|entry| writing.record(entry))).await
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        let key = self.store.directory_key();
        let is_consistent = self.store.write(move |writing| {
            let is_consistent = is_consistent(writing.connection)?;
            if is_consistent {
                let finish = "UPDATE registry SET restoring = 0, directory_version = directory_version + 1";
                writing.connection.execute(finish, [])?;
                let sealed = directory::seal(writing.connection, &*key)?;
                writing.audit.set_directory(writing.connection, sealed.newest)?;
            }
            Ok(is_consistent)
        });
        if is_consistent.await? { Ok(()) } else { Err(StoreError::corrupt("the backup is not consistent")) }
    }
}

fn is_consistent(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let dangling: i64 = connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    Ok(verdict == "ok" && dangling == 0)
}

/// Stores a record. What breaks a rule of its table is an error of the backup, not of the database.
fn insert(writing: &WriteTx<'_>, hash_key: &HashKey, record: &Record) -> Result<(), WorkError> {
    let connection = writing.connection;
    match record {
        Record::Registry { key_proof, ids } => {
            let update = "UPDATE registry SET key_proof = ?1, next_customer_id = ?2";
            run(connection, update, params![key_proof, ids.next_customer])?;
            let last = [ids.last_account, ids.last_group, ids.last_user, ids.last_erasure];
            COUNTED.into_iter().zip(last).try_for_each(|(table, last)| {
                // A row of its own appears with the first insert only.
                run(connection, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", params![table, last])
            })
        }
        Record::Account { id, name, state, created_at, wrapped_key } => {
            let state = match state {
                AccountState::Active => 0,
                AccountState::ErasureInProgress => 1,
                AccountState::Erased => 2,
            };
            let insert = "INSERT INTO account (id, name, unique_name, state, created_at, wrapped_key)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            run(connection, insert, params![id, name, unique_name(name), state, created_at, wrapped_key])
        }
        Record::Group { id, name } => {
            let insert = "INSERT INTO account_group (id, name, unique_name) VALUES (?1, ?2, ?3)";
            run(connection, insert, params![id, name, unique_name(name)])
        }
        Record::Member { group, account } => {
            run(connection, "INSERT INTO group_account (group_id, account_id) VALUES (?1, ?2)", params![group, account])
        }
        Record::User(user) => insert_user(connection, user),
        Record::Key(key) => insert_key(connection, key),
        Record::Setting { name, digest } => {
            run(connection, "INSERT INTO setting (name, digest) VALUES (?1, ?2)", params![name, digest])
        }
        Record::Erasure(erasure) => insert_erasure(connection, erasure),
        Record::ErasedCustomer { id } => {
            run(connection, "INSERT INTO erased_customer (id) VALUES (?1) ON CONFLICT DO NOTHING", params![id])
        }
        Record::AuditEntry { partition: PartitionId::FIRST, sequence, at, entry, link } => {
            let insert = "INSERT INTO audit (sequence, at, entry, link) VALUES (?1, ?2, ?3, ?4)";
            run(connection, insert, params![sequence, at, entry, link])
        }
        Record::AuditEnd { partition: PartitionId::FIRST, sequence, seal } => {
            run(connection, "UPDATE registry SET audit_sequence = ?1, audit_seal = ?2", params![sequence, seal])
        }
        Record::AuditEntry { .. } | Record::AuditEnd { .. } => {
            Err(DatabaseError::Corrupt("the backup has more than one audit log").into())
        }
        Record::Customer(customer) => insert_customer(writing, hash_key, customer),
    }
}

fn insert_user(connection: &Connection, user: &BackupUser) -> Result<(), WorkError> {
    let BackupUser { id, name, account, group, role, enabled, created_at } = user;
    let insert = "INSERT INTO registry_user (id, name, unique_name, account_id, group_id, role, enabled, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let unique = name.as_deref().map(unique_name);
    run(connection, insert, params![id, name, unique, account, group, role.name(), enabled, created_at])
}

fn insert_key(connection: &Connection, key: &BackupKey) -> Result<(), WorkError> {
    let BackupKey { key_id, user, account: _, digest, imported, label, .. } = key;
    let BackupKey { created_at, expires_at, revoked_at, last_used_at, allowed, .. } = key;
    let insert = "INSERT INTO api_key (key_id, user_id, digest, kind, label, created_at, expires_at, revoked_at,
        last_used_at, allowed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values =
        params![key_id, user, digest, imported, label, created_at, expires_at, revoked_at, last_used_at, allowed];
    run(connection, insert, values)
}

fn insert_erasure(connection: &Connection, erasure: &BackupErasure) -> Result<(), WorkError> {
    let BackupErasure { id, account, state, requested_at, requested_by, reason, due_at, .. } = erasure;
    let BackupErasure { erased_at, customers, users, keys, receipt, .. } = erasure;
    let state = erasure_rows::STATES.iter().position(|known| known == state);
    let insert = "INSERT INTO erasure (id, account_id, state, requested_at, requested_by, reason, due_at, erased_at,
        customers, users, keys, receipt) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let values = params![
        id,
        account,
        state,
        requested_at,
        requested_by,
        reason,
        due_at,
        erased_at,
        customers,
        users,
        keys,
        receipt
    ];
    run(connection, insert, values)
}

fn insert_customer(writing: &WriteTx<'_>, hash_key: &HashKey, customer: &BackupCustomer) -> Result<(), WorkError> {
    let BackupCustomer { id, account, name, unique_name, version, ship_to_bill_address, .. } = customer;
    let BackupCustomer { created_at, modified_at, sealed, .. } = customer;
    let hash = hash_key.hash_name(AccountId(*account), unique_name);
    let insert = "INSERT INTO customer (id, account_id, name, unique_name, name_hash, version, ship_to_bill_address,
        created_at, modified_at, sealed) VALUES (?1, ?2, ?3, nullif(?4, ?3), ?5, ?6, ?7, ?8, ?9, ?10)";
    let values =
        params![id, account, name, unique_name, hash.0, version, ship_to_bill_address, created_at, modified_at, sealed];
    run(writing.connection, insert, values)?;
    if let Some(indexes) = writing.indexes {
        indexes.names().add(hash, *id);
        indexes.change_zones().note(*id, *modified_at);
    }
    // Customers come in the order of their ids; if one does not, its block may be indexed already.
    let is_indexed = match writing.indexes {
        Some(indexes) => indexes.words.note_write(*id),
        None => *id < index::indexed_to(writing.connection)?,
    };
    if is_indexed {
        index::add(writing.connection, *id, unique_name)?;
    }
    Ok(())
}

/// Runs a statement that changes one row.
fn run(connection: &Connection, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<(), WorkError> {
    connection.prepare_cached(statement)?.execute(values).map(drop).map_err(|error| {
        let breaks_rule = error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation);
        let corrupt = DatabaseError::Corrupt("a record of the backup breaks a rule of its table");
        if breaks_rule { corrupt.into() } else { error.into() }
    })
}
