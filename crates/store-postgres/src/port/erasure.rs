//! Erasing accounts in small transactions, so that other writes are not delayed and a killed server loses nothing.
//!
//! ```text
//! claim:   Waiting, due --------------------> Running(worker, leased_until)
//!          Running, lease expired ----------> Running(new worker, leased_until)
//! step:    Running, own lease --------------> Running(worker, renewed), some customers less
//!          Running, own lease, none left ---> Erased
//! receipt: Erased --------------------------> Receipted
//! ```
//!
//! PostgreSQL overwrites nothing: what is deleted stays in its files until their space is used again, and in the
//! write-ahead log, in standbys and in backups for as long as those are kept. So a purge only counts the erasures, and
//! nothing says that files were overwritten.

use crate::{
    core::PARTITION_NUMBER,
    error::DatabaseError,
    group::words::{REMOVE_WORDS, Words},
    port::{
        directory::Change,
        erasure_rows::{ALL, find, record},
        rows::limit,
    },
    session::Session,
    store::PostgresStore,
};
use carnelian_domain::{AccountId, Action, ErasureId, Object, Origin};
use carnelian_store::{Conflict, ErasureRecord, ErasureState, Erasures, Purged, StoreError, WorkerId};
use std::time::Duration;

/// How many customers, or remembered idempotent writes, one transaction deletes.
const STEP: usize = 200;

/// The erasures that a worker may claim, the running ones first.
const CLAIMABLE: &str = "
    SELECT id FROM erasure
    WHERE (state = 1 AND (worker IS NULL OR worker = $1 OR leased_until <= $2)) OR (state = 0 AND due_at <= $2)
    ORDER BY state DESC, id LIMIT 1";

/// The conditions are those of [`CLAIMABLE`]: another server may have been quicker.
const CLAIM: &str = "
    UPDATE erasure SET state = 1, worker = $1, leased_until = $3
    WHERE id = $4
        AND ((state = 1 AND (worker IS NULL OR worker = $1 OR leased_until <= $2)) OR (state = 0 AND due_at <= $2))";

const RENEW: &str = "
    UPDATE erasure SET leased_until = $3, customers = customers + $4 WHERE id = $1 AND worker = $2 AND state = 1";

const DELETE_CUSTOMERS: &str = "
    DELETE FROM customer WHERE partition = $1 AND id IN (
        SELECT id FROM customer WHERE partition = $1 AND account_id = $2 ORDER BY id LIMIT $3 FOR UPDATE)
    RETURNING id, unique_name";
const HAS_CUSTOMERS: &str = "SELECT EXISTS (SELECT 1 FROM customer WHERE partition = $1 AND account_id = $2)";

const USERS: &str = "SELECT id FROM registry_user WHERE account_id = $1";
const FORGET_WRITES: &str = "
    DELETE FROM idempotent_write w USING (
        SELECT user_id, key FROM idempotent_write WHERE partition = $1 AND user_id = ANY ($2)
        ORDER BY user_id, key LIMIT $3) AS forgotten
    WHERE w.partition = $1 AND w.user_id = forgotten.user_id AND w.key = forgotten.key";
const HAS_WRITES: &str = "
    SELECT EXISTS (SELECT 1 FROM idempotent_write WHERE partition = $1 AND user_id = ANY ($2))";

const LEAVE_GROUPS: &str = "DELETE FROM group_account WHERE account_id = $1";
const ERASE_KEYS: &str = "DELETE FROM api_key WHERE user_id = ANY ($1)";
const ERASE_USERS: &str =
    "UPDATE registry_user SET name = NULL, unique_name = NULL, enabled = FALSE, group_id = NULL WHERE id = ANY ($1)";
const FREE_NAME: &str = "DELETE FROM account_name WHERE account_id = $1";
const ERASE_ACCOUNT: &str = "
    UPDATE account SET name = '', state = 2, wrapped_key = '' WHERE partition = $1 AND id = $2";
const END: &str = "
    UPDATE erasure SET state = 2, erased_at = $2, users = $3, keys = $4, worker = NULL, leased_until = NULL
    WHERE id = $1";

const PURGE_CUSTOMERS: &str = "UPDATE erased_customer SET purged = TRUE WHERE partition = $1 AND NOT purged";
const PURGE_ACCOUNTS: &str = "UPDATE erasure SET purged = TRUE WHERE state IN (2, 3) AND NOT purged";

const KEEP_RECEIPT: &str = "UPDATE erasure SET state = 3, receipt = $2 WHERE id = $1 AND state = 2";

#[async_trait::async_trait]
impl Erasures for PostgresStore {
    async fn erasures(&self) -> Result<Vec<ErasureRecord>, StoreError> {
        let rows = self.core.sessions.read(ALL, &[]).await?;
        Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
    }

    async fn claim_erasure(&self, worker: WorkerId, lease: Duration) -> Result<Option<ErasureRecord>, StoreError> {
        // Called every second, and nearly always there is nothing to claim: a read costs no commit.
        let (worker, now) = (&worker.0[..], self.core.clock.now().0);
        let Some(found) = self.core.sessions.read_first(CLAIMABLE, &[&worker, &now]).await? else { return Ok(None) };
        let transaction = self.core.begin().await?;
        let (id, now) = (found.get::<_, i64>(0), transaction.now.0);
        let claimed = transaction.run(CLAIM, &[&worker, &now, &after(now, lease), &id]).await?;
        if claimed.count == 0 {
            return Ok(None);
        }
        let claimed = find(&transaction, ErasureId(id.cast_unsigned())).await?;
        transaction.commit().await?;
        Ok(Some(claimed))
    }

    async fn run_erasure(
        &self,
        id: ErasureId,
        worker: WorkerId,
        lease: Duration,
        origin: &Origin,
    ) -> Result<Option<ErasureRecord>, StoreError> {
        loop {
            match self.step(id, worker, lease, origin).await? {
                Some(erasure) if erasure.state == ErasureState::Running => tokio::task::yield_now().await,
                ended => return Ok(ended),
            }
        }
    }

    async fn purge(&self) -> Result<Purged, StoreError> {
        let transaction = self.core.begin().await?;
        let customers = transaction.run(PURGE_CUSTOMERS, &[&PARTITION_NUMBER]).await?.count;
        let accounts = transaction.run(PURGE_ACCOUNTS, &[]).await?.count;
        transaction.commit().await?;
        Ok(Purged { erasures: customers + accounts, overwritten_at: None })
    }

    async fn keep_receipt(&self, id: ErasureId, receipt: String) -> Result<(), StoreError> {
        let transaction = self.core.begin().await?;
        let kept = transaction.run(KEEP_RECEIPT, &[&id.0.cast_signed(), &receipt]).await?;
        if kept.count == 0 {
            return Err(Conflict::NoSuchErasure.into());
        }
        transaction.commit().await
    }
}

impl PostgresStore {
    /// Erases some customers and forgets some writes, or, if there are none, what is left of the account; returns the
    /// erasure as it is then, or `None` if another worker holds the lease.
    async fn step(
        &self,
        id: ErasureId,
        worker: WorkerId,
        lease: Duration,
        origin: &Origin,
    ) -> Result<Option<ErasureRecord>, StoreError> {
        let transaction = self.core.begin().await?;
        let erasure = find(&transaction, id).await?;
        if erasure.state != ErasureState::Running {
            return Ok(Some(erasure));
        }
        let (account, step) = (erasure.account.0.cast_signed(), limit(STEP));
        let users = users_of(&transaction, erasure.account).await?;
        let deleted = transaction.rows(DELETE_CUSTOMERS, &[&PARTITION_NUMBER, &account, &step]).await?;
        let words = Words::new(deleted.iter().map(|row| (row.get(0), row.get(1))));
        transaction.run(REMOVE_WORDS, &words.values()).await?;
        let customers = deleted.len() as u64;
        let writes = transaction.run(FORGET_WRITES, &[&PARTITION_NUMBER, &users, &step]).await?.count;
        let until = after(transaction.now.0, lease);
        let renewed =
            transaction.run(RENEW, &[&id.0.cast_signed(), &&worker.0[..], &until, &customers.cast_signed()]).await?;
        if renewed.count == 0 {
            return Ok(None);
        }
        if customers + writes > 0 {
            let erasure = find(&transaction, id).await?;
            transaction.commit().await?;
            return Ok(Some(erasure));
        }
        let change = Change::within(transaction, &self.core, origin).await?;
        self.erase_account(change, &erasure).await.map(Some)
    }

    /// Erases an account that has no customers and no remembered writes: its data key and name, its users' names and their
    /// keys. If there are some after all, the erasure continues.
    ///
    /// The rows of the account and of its users stay, without personal data.
    async fn erase_account(
        &self,
        mut change: Change<'_>,
        erasure: &ErasureRecord,
    ) -> Result<ErasureRecord, StoreError> {
        let (id, account) = (erasure.id.0.cast_signed(), erasure.account.0.cast_signed());
        // Nothing is found while another transaction deletes it, which may yet be undone. Now all others have ended.
        let users = users_of(&change, erasure.account).await?;
        let has_customers = change.one(HAS_CUSTOMERS, &[&PARTITION_NUMBER, &account]).await?.get::<_, bool>(0);
        if has_customers || change.one(HAS_WRITES, &[&PARTITION_NUMBER, &users]).await?.get(0) {
            return Ok(erasure.clone());
        }
        change.run(LEAVE_GROUPS, &[&account]).await?;
        let keys = change.run(ERASE_KEYS, &[&users]).await?.count.cast_signed();
        let erased = change.run(ERASE_USERS, &[&users]).await?.count.cast_signed();
        change.run(FREE_NAME, &[&account]).await?;
        change.run(ERASE_ACCOUNT, &[&PARTITION_NUMBER, &account]).await?;
        change.run(END, &[&id, &change.now(), &erased, &keys]).await?;
        change.record(Action::EraseAccount, Object::Account(erasure.account), Some(erasure.account));
        let ended = find(&change, erasure.id).await?;
        change.finish(ended).await
    }
}

async fn users_of(session: &Session, account: AccountId) -> Result<Vec<i64>, DatabaseError> {
    Ok(session.rows(USERS, &[&account.0.cast_signed()]).await?.iter().map(|row| row.get(0)).collect())
}

/// The end of a lease that begins now.
fn after(now: i64, lease: Duration) -> i64 {
    now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
