//! Erasing accounts in small transactions, so that others are served meanwhile and a kill costs nothing.

use crate::{
    SqliteStore, directory::Change, hash_index::KeyedHash, idempotency::forget_users, job::WorkError, page_scrub,
};
use carnelian_domain::{AccountId, Action, CustomerId, ErasureId, Object, Origin, Timestamp};
use carnelian_store::{Conflict, ErasureRecord, ErasureState, Erasures, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};

const SELECT: &str = "SELECT id, account_id, state, requested_at, requested_by, reason, due_at, erased_at, customers,
    users, keys, receipt FROM erasure";

/// How many writes under idempotency keys are forgotten in the time of one customer's erasure: they stand together, and
/// must go faster than their users, who may sign in to the end, can make others.
const WRITES_TO_A_CUSTOMER: usize = 100;

/// Every state; its place is how it is stored.
const STATES: [ErasureState; 5] = [
    ErasureState::Waiting,
    ErasureState::Running,
    ErasureState::Erased,
    ErasureState::Receipted,
    ErasureState::Cancelled,
];

#[async_trait::async_trait]
impl Erasures for SqliteStore {
    async fn erasures(&self) -> Result<Vec<ErasureRecord>, StoreError> {
        let select = format!("{SELECT} ORDER BY id");
        let all =
            move |connection: &mut Connection| connection.prepare_cached(&select)?.query_map([], record)?.collect();
        self.read_synced(all).await
    }

    async fn begin_erasure(&self) -> Result<Option<ErasureRecord>, StoreError> {
        // Nearly always there is nothing to do, and nothing to write.
        let waits = "SELECT 1 FROM erasure WHERE state IN (0, 1)";
        let waits = |connection: &mut Connection| connection.query_row(waits, [], |row| row.get(0)).optional();
        let waits: Option<i64> = self.readers.read_fresh(waits).await?;
        if waits.is_none() {
            return Ok(None);
        }
        self.write(|writing| {
            let select = format!("{SELECT} WHERE state = 1 OR (state = 0 AND due_at <= ?1) ORDER BY state DESC, id");
            let mut found = writing.connection.query_row(&select, [writing.now.0], record).optional()?;
            if let Some(waiting) = found.as_mut().filter(|found| found.state == ErasureState::Waiting) {
                writing.connection.execute("UPDATE erasure SET state = 1 WHERE id = ?1", [waiting.id.0])?;
                waiting.state = ErasureState::Running;
            }
            Ok(found)
        })
        .await
    }

    async fn continue_erasure(
        &self,
        id: ErasureId,
        limit: usize,
        origin: &Origin,
    ) -> Result<ErasureRecord, StoreError> {
        let origin = origin.clone();
        self.write(move |writing| {
            let change = &mut Change { writing, origin: &origin };
            let erasure = find(change.connection(), id)?;
            if erasure.state == ErasureState::Running {
                let customers = erase_customers(change, &erasure, limit)?;
                let writes = limit.saturating_mul(WRITES_TO_A_CUSTOMER);
                if customers < limit && forget_users(change.writing, erasure.account, writes)? < writes {
                    erase_account(change, &erasure)?;
                    change.count_up()?;
                }
            }
            find(change.connection(), id)
        })
        .await
    }

    async fn leftovers(&self) -> Result<u64, StoreError> {
        let select = "SELECT leftovers FROM registry";
        let leftovers =
            |connection: &mut Connection| connection.prepare_cached(select)?.query_row([], |row| row.get(0));
        self.readers.read_fresh(leftovers).await
    }

    async fn overwrite_leftovers(&self, from: u32, leftovers: u64) -> Result<Option<u32>, StoreError> {
        self.write(move |writing| {
            let next = page_scrub::overwrite(writing.connection, from)?;
            if next.is_none() {
                // What was written meanwhile may have taken copies into the log.
                *writing.erased = true;
                writing.connection.execute("UPDATE registry SET leftovers = max(leftovers - ?1, 0)", [leftovers])?;
            }
            Ok(next)
        })
        .await
    }

    async fn overwrite_erased(&self) -> Result<(), StoreError> {
        self.wal_truncation.completed().await;
        Ok(())
    }

    async fn keep_receipt(&self, id: ErasureId, receipt: String) -> Result<(), StoreError> {
        self.write(move |writing| {
            let update = "UPDATE erasure SET state = 3, receipt = ?2 WHERE id = ?1 AND state = 2";
            let kept = writing.connection.execute(update, params![id.0, receipt])?;
            if kept == 0 { Err(Conflict::NoSuchErasure.into()) } else { Ok(()) }
        })
        .await
    }
}

fn find(connection: &Connection, id: ErasureId) -> Result<ErasureRecord, WorkError> {
    let found = connection.query_row(&format!("{SELECT} WHERE id = ?1"), [id.0], record).optional()?;
    Ok(found.ok_or(Conflict::NoSuchErasure)?)
}

/// Erases some customers of the account; says how many.
fn erase_customers(change: &mut Change<'_, '_>, erasure: &ErasureRecord, limit: usize) -> Result<usize, WorkError> {
    let indexes = change.writing.indexes()?;
    let select = "SELECT id, name_hash FROM customer INDEXED BY customer_of_account
        WHERE account_id = ?1 ORDER BY id LIMIT ?2";
    let customers: Vec<(CustomerId, KeyedHash)> = {
        let mut select = change.connection().prepare_cached(select)?;
        let rows = select.query_map(params![erasure.account.0, limit], |row| {
            Ok((CustomerId(row.get(0)?), KeyedHash(row.get(1)?)))
        })?;
        rows.collect::<Result<_, _>>()?
    };
    {
        let mut delete = change.connection().prepare_cached("DELETE FROM customer WHERE id = ?1")?;
        for (id, _) in &customers {
            delete.execute([id.0])?;
        }
    }
    let mut names = indexes.names();
    customers.iter().for_each(|(id, hash)| names.remove(*hash, id.0));
    drop(names);
    change.writing.written.extend(customers.iter().map(|(id, _)| *id));
    change.execute(
        "UPDATE erasure SET customers = customers + ?2 WHERE id = ?1",
        params![erasure.id.0, customers.len()],
    )?;
    Ok(customers.len())
}

/// Erases what is left of an account without customers and remembered writes: its data key, its name, its users and their
/// keys.
///
/// The rows stay, with what only tells that they were there, so that no id is ever given again.
fn erase_account(change: &mut Change<'_, '_>, erasure: &ErasureRecord) -> Result<(), WorkError> {
    let account = erasure.account.0;
    change.execute("DELETE FROM group_account WHERE account_id = ?1", [account])?;
    let of_users = "user_id IN (SELECT id FROM registry_user WHERE account_id = ?1)";
    let keys = change.execute(&format!("DELETE FROM api_key WHERE {of_users}"), [account])?;
    // No user can be called that, because of the colon.
    let erase = "UPDATE registry_user SET name = 'erased:' || id, enabled = 0, group_id = NULL WHERE account_id = ?1";
    let users = change.execute(erase, [account])?;
    change.execute("UPDATE account SET name = '', state = 2, wrapped_key = x'' WHERE id = ?1", [account])?;
    let done = "UPDATE erasure SET state = 2, erased_at = ?2, users = ?3, keys = ?4 WHERE id = ?1";
    change.execute(done, params![erasure.id.0, change.now(), users, keys])?;
    change.execute("UPDATE registry SET leftovers = leftovers + 1", [])?;
    change.record(Action::EraseAccount, Object::Account(erasure.account), Some(erasure.account))
}

fn record(row: &Row<'_>) -> Result<ErasureRecord, rusqlite::Error> {
    let state: i64 = row.get(2)?;
    let known = usize::try_from(state).ok().and_then(|place| STATES.get(place));
    Ok(ErasureRecord {
        id: ErasureId(row.get(0)?),
        account: AccountId(row.get(1)?),
        state: *known.ok_or(rusqlite::Error::IntegralValueOutOfRange(2, state))?,
        requested_at: Timestamp(row.get(3)?),
        requested_by: row.get(4)?,
        reason: row.get(5)?,
        due_at: Timestamp(row.get(6)?),
        erased_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        customers: row.get(8)?,
        users: row.get(9)?,
        keys: row.get(10)?,
        receipt: row.get(11)?,
    })
}
