//! The port's methods on customers, and the statements that write them.

use crate::{
    commit::job::{WorkError, WriteTx},
    error::DatabaseError,
    memory::hash_index::KeyedHash,
    port::{
        directory,
        idempotency::{self, once},
        listing::{self, stored_customer},
    },
    store::SqliteStore,
    words::index,
};
use carnelian_domain::{AccountId, AccountState, Action, CustomerId, Object, Origin};
use carnelian_store::{
    AuditEntry, Conflict, Customers, EditCustomer, EraseCustomer, IdBlock, IdempotencyKey, ListCustomers, NewCustomer,
    PartitionId, StoreError, StoredCustomer, Written,
    judge::{self, FoundCustomer},
};
use rusqlite::{Connection, OptionalExtension, params};

/// Checks the account and inserts in one statement; no row means that the account is missing or being erased.
///
/// It inserts a row of `VALUES`: for an `INSERT … SELECT` SQLite copies every page first, in case a later row fails.
const INSERT: &str = "
    INSERT OR IGNORE INTO customer (id, account_id, name, unique_name, name_hash, version, ship_to_bill_address,
        created_at, modified_at, sealed)
    VALUES (?1, (SELECT id FROM account WHERE id = ?2 AND state = 0), ?3, nullif(?4, ?3), ?5, 1, ?6, ?7, ?7, ?8)";

const UPDATE: &str = "
    UPDATE customer SET account_id = ?2, name = ?3, unique_name = nullif(?4, ?3), name_hash = ?5,
        version = version + 1, ship_to_bill_address = ?6, modified_at = ?7, sealed = ?8
    WHERE id = ?1";

#[async_trait::async_trait]
impl Customers for SqliteStore {
    async fn reserve_customer_ids(&self, _: PartitionId, count: u64) -> Result<IdBlock, StoreError> {
        let reserve = "UPDATE registry SET next_customer_id = next_customer_id + ?1 RETURNING next_customer_id";
        self.write(move |tx| {
            let end: u64 = tx.connection.prepare_cached(reserve)?.query_row([count], |row| row.get(0))?;
            Ok(IdBlock { first: end - count, step: 1, count })
        })
        .await
    }

    async fn create_customer(
        &self,
        new: NewCustomer,
        origin: &Origin,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Written, StoreError> {
        let entry =
            AuditEntry::record(origin, Action::CreateCustomer, Object::Customer(new.id), Some(new.account), &[]);
        self.write_for(origin, move |tx| once(tx, idempotency.as_ref(), |tx| create(tx, &new, &entry))).await
    }

    async fn find_idempotent_write(&self, key: &IdempotencyKey) -> Result<Option<Written>, StoreError> {
        // Only a process that may write customers has the index, and it alone makes such writes.
        let candidates = self.indexes.as_ref().map(|indexes| idempotency::candidates(indexes, key));
        let Some(candidates) = candidates.filter(|candidates| !candidates.is_empty()) else { return Ok(None) };
        let (key, now) = (key.clone(), self.clock.now());
        let find = move |connection: &mut Connection| idempotency::find(connection, &candidates, &key, now);
        let found = self.readers.read(find).await?;
        let Some(written) = found.transpose()? else { return Ok(None) };
        self.barrier.wait_for(written.id).await?;
        Ok(Some(written))
    }

    async fn customer(&self, id: CustomerId) -> Result<Option<StoredCustomer>, StoreError> {
        let found = self.readers.read(move |connection| customer(connection, id)).await?;
        self.barrier.wait_for(id).await?;
        Ok(found)
    }

    async fn list_customers(&self, list: &ListCustomers) -> Result<Vec<(CustomerId, StoredCustomer)>, StoreError> {
        listing::list(self, list).await
    }

    async fn edit_customer(
        &self,
        edit: EditCustomer,
        origin: &Origin,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Written, StoreError> {
        let by = origin.clone();
        self.write_for(origin, move |tx| once(tx, idempotency.as_ref(), |tx| replace(tx, &edit, &by))).await
    }

    async fn erase_customer(&self, erase: EraseCustomer, origin: &Origin) -> Result<Written, StoreError> {
        let (action, object) = (Action::EraseCustomer, Object::Customer(erase.id));
        let entry = AuditEntry::record(origin, action, object, Some(erase.seen_in), &[]);
        self.write_for(origin, move |tx| self::erase(tx, &erase, &entry)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.readers
            .read_fresh(|connection| connection.prepare_cached("SELECT one FROM registry")?.query_row([], |_| Ok(())))
            .await
    }
}

/// Reads a customer.
pub(crate) fn customer(connection: &Connection, id: CustomerId) -> Result<Option<StoredCustomer>, rusqlite::Error> {
    let select = "SELECT account_id, name, ship_to_bill_address, sealed, version FROM customer WHERE id = ?1";
    connection.prepare_cached(select)?.query_row([id.0], stored_customer).optional()
}

/// Creates a customer within a transaction.
pub(crate) fn create(tx: &mut WriteTx<'_>, new: &NewCustomer, entry: &str) -> Result<Written, WorkError> {
    let indexes = tx.indexes()?;
    let hash = indexes.hash_key.hash_name(new.account, &new.unique_name);
    let name_is_taken = holder_of_name(tx, hash, new)?.is_some();
    // The insert checks the account itself, so that a successful create needs one statement.
    if name_is_taken || write(tx, INSERT, new, hash)? == 0 {
        judge::check_create(account_state(tx, new.account)?, name_is_taken)?;
        // The account is active and the name free, so the row breaks another rule of its table.
        return Err(DatabaseError::Corrupt("a customer breaks a rule of its table").into());
    }
    indexes.names().add(hash, new.id.0);
    indexes.change_zones().note(new.id.0, tx.now.0);
    if indexes.words.note_write(new.id.0) {
        index::add(tx.connection, new.id.0, &new.unique_name)?;
    }
    tx.written.push(new.id);
    tx.record(entry)?;
    Ok(Written { id: new.id, account: new.account, at: tx.now, version: 1 })
}

/// Replaces a customer within a transaction.
pub(crate) fn replace(tx: &mut WriteTx<'_>, edit: &EditCustomer, origin: &Origin) -> Result<Written, WorkError> {
    let new = &edit.customer;
    let Current { found, unique_name } = seen(tx, new.id, edit.seen_in)?;
    let indexes = tx.indexes()?;
    let hash = indexes.hash_key.hash_name(new.account, &new.unique_name);
    let old_account = account_state(tx, found.account)?;
    let new_account = if new.account == found.account { old_account } else { account_state(tx, new.account)? };
    let name_is_taken = holder_of_name(tx, hash, new)?.is_some();
    judge::check_edit(found, edit.expected_versions.as_deref(), new_account, old_account, name_is_taken)?;
    write(tx, UPDATE, new, hash)?;
    let old = indexes.hash_key.hash_name(found.account, &unique_name);
    if old != hash {
        let mut names = indexes.names();
        names.remove(old, new.id.0);
        names.add(hash, new.id.0);
    }
    indexes.change_zones().note(new.id.0, tx.now.0);
    if indexes.words.note_write(new.id.0) && unique_name != new.unique_name {
        index::replace(tx.connection, new.id.0, &unique_name, Some(&new.unique_name))?;
    }
    tx.written.push(new.id);
    let fields = judge::audited_fields(edit, found);
    // A customer that moves has an entry in both accounts.
    let left = Some(found.account).filter(|account| *account != new.account);
    for account in left.into_iter().chain([new.account]) {
        let (action, object) = (Action::EditCustomer, Object::Customer(new.id));
        tx.record(&AuditEntry::record(origin, action, object, Some(account), fields))?;
    }
    Ok(Written { id: new.id, account: new.account, at: tx.now, version: found.version + 1 })
}

fn erase(tx: &mut WriteTx<'_>, erase: &EraseCustomer, entry: &str) -> Result<Written, WorkError> {
    let Current { found, unique_name } = seen(tx, erase.id, erase.seen_in)?;
    judge::check_version(found, erase.expected_versions.as_deref())?;
    tx.connection.prepare_cached("DELETE FROM customer WHERE id = ?1")?.execute([erase.id.0])?;
    let indexes = tx.indexes()?;
    indexes.names().remove(indexes.hash_key.hash_name(found.account, &unique_name), erase.id.0);
    if indexes.words.note_write(erase.id.0) {
        index::replace(tx.connection, erase.id.0, &unique_name, None)?;
    }
    tx.written.push(erase.id);
    *tx.erased = true;
    tx.connection.prepare_cached("INSERT INTO erased_customer (id) VALUES (?1)")?.execute([erase.id.0])?;
    tx.add_pending_purge()?;
    tx.record(entry)?;
    Ok(Written { id: erase.id, account: found.account, at: tx.now, version: found.version + 1 })
}

/// Runs [`INSERT`] or [`UPDATE`], which have the same parameters; returns how many rows it wrote.
fn write(tx: &WriteTx<'_>, statement: &str, new: &NewCustomer, hash: KeyedHash) -> Result<usize, rusqlite::Error> {
    tx.connection.prepare_cached(statement)?.execute(params![
        new.id.0,
        new.account.0,
        new.name,
        new.unique_name,
        hash.0,
        new.ship_to_bill_address,
        tx.now.0,
        new.sealed,
    ])
}

/// The stored state of a customer that a write depends on.
struct Current {
    found: FoundCustomer,
    unique_name: String,
}

/// The stored state of a customer, if it is still in the account that the caller saw it in.
fn seen(tx: &WriteTx<'_>, id: CustomerId, account: AccountId) -> Result<Current, WorkError> {
    let current = current(tx, id)?;
    judge::check_found(current.as_ref().map(|current| current.found), account)?;
    Ok(current.ok_or(Conflict::NoSuchCustomer)?)
}

fn current(tx: &WriteTx<'_>, id: CustomerId) -> Result<Option<Current>, rusqlite::Error> {
    let select = "SELECT account_id, ifnull(unique_name, name), version FROM customer WHERE id = ?1";
    let current = tx.connection.prepare_cached(select)?.query_row([id.0], |row| {
        let found = FoundCustomer { account: AccountId(row.get(0)?), version: row.get(2)? };
        Ok(Current { found, unique_name: row.get(1)? })
    });
    current.optional()
}

/// The other customer of the account that has the name: the index finds candidates, and their rows are compared.
pub(crate) fn holder_of_name(
    tx: &WriteTx<'_>,
    hash: KeyedHash,
    new: &NewCustomer,
) -> Result<Option<CustomerId>, WorkError> {
    let candidates: Vec<_> = tx.indexes()?.names().candidates(hash).map(CustomerId).collect();
    for candidate in candidates.into_iter().filter(|candidate| *candidate != new.id) {
        let found = current(tx, candidate)?;
        if found.is_some_and(|current| current.found.account == new.account && current.unique_name == new.unique_name) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// The state of an account; `None` if there is no such account.
fn account_state(tx: &WriteTx<'_>, account: AccountId) -> Result<Option<AccountState>, rusqlite::Error> {
    let mut select = tx.connection.prepare_cached("SELECT state FROM account WHERE id = ?1")?;
    select.query_row([account.0], |row| directory::account_state(row, 0)).optional()
}
