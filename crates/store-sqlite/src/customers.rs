//! Customers.

use crate::{
    SqliteStore,
    job::{WorkError, Writing},
    listing,
    names::{NameHash, Names, SharedNames},
};
use carnelian_domain::{AccountId, CustomerId};
use carnelian_store::{
    Conflict, Customers, EditCustomer, ListCustomers, NewCustomer, StoreError, StoredCustomer, Written,
};
use rusqlite::{OptionalExtension, Row, named_params, params};
use std::{ops::Range, sync::MutexGuard};

/// Lookup, erasure check and insert in one statement; no row means that the account is gone or being erased.
const INSERT: &str = "
    INSERT INTO customer (id, account_id, name, unique_name, version, ship_to_bill_address, created_at, modified_at, sealed)
    SELECT :id, account.id, :name, nullif(:unique_name, :name), 1, :ship, :now, :now, :sealed
    FROM account WHERE account.id = :account AND account.state = 0";

const UPDATE: &str = "
    UPDATE customer SET account_id = :account, name = :name, unique_name = nullif(:unique_name, :name),
        version = version + 1, ship_to_bill_address = :ship, modified_at = :now, sealed = :sealed
    WHERE id = :id";

#[async_trait::async_trait]
impl Customers for SqliteStore {
    async fn reserve_customer_ids(&self, count: u64) -> Result<Range<u64>, StoreError> {
        let reserve = "UPDATE registry SET next_customer_id = next_customer_id + ?1 RETURNING next_customer_id";
        self.write(move |writing| {
            let end: u64 = writing.connection.prepare_cached(reserve)?.query_row([count], |row| row.get(0))?;
            Ok(end - count..end)
        })
        .await
    }

    async fn create_customer(&self, new: NewCustomer) -> Result<Written, StoreError> {
        self.write(move |writing| create(writing, &new)).await
    }

    async fn customer(&self, id: CustomerId) -> Result<Option<StoredCustomer>, StoreError> {
        let select = "SELECT account_id, name, ship_to_bill_address, sealed, version FROM customer WHERE id = ?1";
        let found = self.readers.read(|connection| {
            let mut select = connection.prepare_cached(select)?;
            select.query_row([id.0], stored).optional()
        })?;
        self.unsynced.wait_for(id).await?;
        Ok(found)
    }

    async fn list_customers(&self, list: &ListCustomers) -> Result<Vec<(CustomerId, StoredCustomer)>, StoreError> {
        listing::list(self, list).await
    }

    async fn edit_customer(&self, edit: EditCustomer) -> Result<Written, StoreError> {
        self.write(move |writing| replace(writing, &edit)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.readers
            .read_afresh(|connection| connection.prepare_cached("SELECT one FROM registry")?.query_row([], |_| Ok(())))
    }
}

/// A customer from the columns that are read of one.
pub(crate) fn stored(row: &Row<'_>) -> Result<StoredCustomer, rusqlite::Error> {
    Ok(StoredCustomer {
        account: AccountId(row.get(0)?),
        name: row.get(1)?,
        ship_to_bill_address: row.get(2)?,
        sealed: row.get(3)?,
        version: row.get(4)?,
    })
}

fn create(writing: &mut Writing<'_>, new: &NewCustomer) -> Result<Written, WorkError> {
    let hash = writing.name_hash_key.hash(new.account, &new.unique_name);
    if name_is_taken(writing, hash, new)? {
        // Of several conflicts the account's come first.
        check_account(writing, new.account)?;
        return Err(Conflict::NameTaken.into());
    }
    let inserted = write(writing, INSERT, new)?;
    if inserted == 0 {
        check_account(writing, new.account)?;
        return Err(Conflict::NoSuchAccount.into());
    }
    let insert = "INSERT INTO customer_name (customer_id, hash) VALUES (?1, ?2)";
    writing.connection.prepare_cached(insert)?.execute(params![new.id.0, hash.0])?;
    names(writing)?.add(hash, new.id);
    writing.written.push(new.id);
    Ok(Written { at: writing.now, version: 1 })
}

fn replace(writing: &mut Writing<'_>, edit: &EditCustomer) -> Result<Written, WorkError> {
    let new = &edit.customer;
    let current = current(writing, new.id)?.ok_or(Conflict::NoSuchCustomer)?;
    if current.account != edit.seen_in {
        return Err(Conflict::CustomerMoved.into());
    }
    check_account(writing, new.account)?;
    check_account(writing, current.account)?;
    if edit.expected_versions.as_ref().is_some_and(|expected| !expected.contains(&current.version)) {
        return Err(Conflict::StaleVersion.into());
    }
    let hash = writing.name_hash_key.hash(new.account, &new.unique_name);
    if name_is_taken(writing, hash, new)? {
        return Err(Conflict::NameTaken.into());
    }
    write(writing, UPDATE, new)?;
    let old = writing.name_hash_key.hash(current.account, &current.unique_name);
    if old != hash {
        let update = "UPDATE customer_name SET hash = ?2 WHERE customer_id = ?1";
        writing.connection.prepare_cached(update)?.execute(params![new.id.0, hash.0])?;
        let mut names = names(writing)?;
        names.remove(old, new.id);
        names.add(hash, new.id);
    }
    writing.written.push(new.id);
    Ok(Written { at: writing.now, version: current.version + 1 })
}

/// Runs a statement that writes a customer; says how many rows it wrote.
fn write(writing: &Writing<'_>, statement: &str, new: &NewCustomer) -> Result<usize, rusqlite::Error> {
    writing.connection.prepare_cached(statement)?.execute(named_params! {
        ":id": new.id.0,
        ":account": new.account.0,
        ":name": new.name,
        ":unique_name": new.unique_name,
        ":ship": new.ship_to_bill_address,
        ":now": writing.now.0,
        ":sealed": new.sealed,
    })
}

/// What a write has to know of a customer as it is.
struct Current {
    account: AccountId,
    unique_name: String,
    version: u64,
}

fn current(writing: &Writing<'_>, id: CustomerId) -> Result<Option<Current>, rusqlite::Error> {
    let select = "SELECT account_id, ifnull(unique_name, name), version FROM customer WHERE id = ?1";
    let current = writing.connection.prepare_cached(select)?.query_row([id.0], |row| {
        Ok(Current { account: AccountId(row.get(0)?), unique_name: row.get(1)?, version: row.get(2)? })
    });
    current.optional()
}

/// Whether another customer of the account has the name: the table says who may, the row says who does.
fn name_is_taken(writing: &Writing<'_>, hash: NameHash, new: &NewCustomer) -> Result<bool, WorkError> {
    let candidates: Vec<_> = names(writing)?.candidates(hash).filter(|candidate| *candidate != new.id).collect();
    for candidate in candidates {
        let found = current(writing, candidate)?;
        if found.is_some_and(|found| found.account == new.account && found.unique_name == new.unique_name) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn names<'a>(writing: &Writing<'a>) -> Result<MutexGuard<'a, Names>, WorkError> {
    writing.names.map(SharedNames::lock).ok_or(WorkError::NotAllowed)
}

/// Says whether customers can be written in an account.
fn check_account(writing: &Writing<'_>, account: AccountId) -> Result<(), WorkError> {
    let mut select = writing.connection.prepare_cached("SELECT state FROM account WHERE id = ?1")?;
    match select.query_row([account.0], |row| row.get(0)).optional()? {
        Some(0) => Ok(()),
        Some(1) => Err(Conflict::ErasureInProgress.into()),
        _ => Err(Conflict::NoSuchAccount.into()),
    }
}
