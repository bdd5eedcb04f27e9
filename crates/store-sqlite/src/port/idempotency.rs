//! Writes with an idempotency key. They are remembered in their own transaction, with the result that was returned.
//!
//! Rows are appended in the order of the writes, and an index in memory finds them by key. Each new one deletes up to two that
//! are older than a day, so the table does not grow without a job. How many are remembered for a user is limited, because the
//! index is in memory; beyond the limit, a write with a new key is refused until the oldest is forgotten.

use crate::{
    commit::job::{WorkError, WriteTx},
    memory::{indexes::Indexes, loading::idempotent_write},
};
use carnelian_domain::{AccountId, CustomerId, Timestamp, UserId};
use carnelian_store::{Conflict, IdempotencyKey, Written, judge};
use rusqlite::{Connection, OptionalExtension, Params, params};
use std::cmp::Reverse;

/// How many writes that are remembered no longer are forgotten with each that is remembered: more than come in.
const FORGET: usize = 2;

/// The rows that may be a write under a key: nearly always none, or that of the write. The newest comes first, as one
/// that is remembered no longer may still be there.
pub(crate) fn candidates(indexes: &Indexes, key: &IdempotencyKey) -> Vec<u64> {
    let hash = indexes.hash_key.hash_idempotency_key(key.user, &key.key);
    let mut candidates: Vec<_> = indexes.idempotent_writes().candidates(hash).collect();
    candidates.sort_unstable_by_key(|row| Reverse(*row));
    candidates
}

/// The candidate that was made with a key; a conflict if the request was another one.
pub(crate) fn find(
    connection: &Connection,
    candidates: &[u64],
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Result<Written, Conflict>>, rusqlite::Error> {
    for candidate in candidates {
        let select = "SELECT fingerprint, customer_id, account_id, at, version FROM idempotent_write
            WHERE id = ?1 AND user_id = ?2 AND key = ?3 AND at > ?4";
        let mut select = connection.prepare_cached(select)?;
        let found =
            select.query_row(params![candidate, key.user.0, key.key, IdempotencyKey::forgotten_at(now)], |row| {
                let same = judge::check_fingerprint(row.get_ref(0)?.as_blob()?, &key.fingerprint);
                let (id, account) = (CustomerId(row.get(1)?), AccountId(row.get(2)?));
                let written = Written { id, account, at: Timestamp(row.get(3)?), version: row.get(4)? };
                Ok(same.map(|()| written))
            });
        if let Some(found) = found.optional()? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Makes a write, unless it was made before.
pub(crate) fn once(
    tx: &mut WriteTx<'_>,
    key: Option<&IdempotencyKey>,
    write: impl FnOnce(&mut WriteTx<'_>) -> Result<Written, WorkError>,
) -> Result<Written, WorkError> {
    let Some(key) = key else { return write(tx) };
    let candidates = candidates(tx.indexes()?, key);
    if let Some(written) = find(tx.connection, &candidates, key, tx.now)? {
        return Ok(written?);
    }
    check_room(tx, key.user)?;
    let written = write(tx)?;
    remember(tx, key, &written)?;
    Ok(written)
}

/// Refuses a write if as many of the user are remembered as may be, and none is old enough to be forgotten.
fn check_room(tx: &WriteTx<'_>, user: UserId) -> Result<(), WorkError> {
    if !tx.indexes()?.idempotent_writes().is_full(user) {
        return Ok(());
    }
    let oldest = "SELECT at FROM idempotent_write INDEXED BY idempotent_write_of_user WHERE user_id = ?1
        ORDER BY id LIMIT 1";
    let oldest: i64 = tx.connection.prepare_cached(oldest)?.query_row([user.0], |row| row.get(0))?;
    match u64::try_from(oldest.saturating_sub(IdempotencyKey::forgotten_at(tx.now))) {
        Ok(retry_after_millis) if retry_after_millis > 0 => {
            Err(Conflict::TooManyIdempotencyKeys { retry_after_millis }.into())
        }
        _ => Ok(()),
    }
}

fn remember(tx: &WriteTx<'_>, key: &IdempotencyKey, written: &Written) -> Result<(), WorkError> {
    forget_old(tx)?;
    if tx.indexes()?.idempotent_writes().is_full(key.user) {
        forget_old_of(tx, key.user)?;
    }
    let insert = "INSERT INTO idempotent_write (user_id, key, fingerprint, customer_id, account_id, at, version)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Written { id, account, at, version } = written;
    let row = tx.connection.prepare_cached(insert)?.insert(params![
        key.user.0,
        key.key,
        key.fingerprint,
        id.0,
        account.0,
        at.0,
        version
    ])?;
    let indexes = tx.indexes()?;
    let hash = indexes.hash_key.hash_idempotency_key(key.user, &key.key);
    indexes.idempotent_writes().add(key.user, hash, row.cast_unsigned());
    Ok(())
}

/// Forgets some of the writes that are remembered no longer, the oldest first.
fn forget_old(tx: &WriteTx<'_>) -> Result<(), WorkError> {
    let old = "SELECT id, user_id, key FROM idempotent_write INDEXED BY idempotent_write_at
        WHERE at <= ?1 ORDER BY at LIMIT ?2";
    forget(tx, old, params![IdempotencyKey::forgotten_at(tx.now), FORGET]).map(drop)
}

/// The same for the writes of one user.
fn forget_old_of(tx: &WriteTx<'_>, user: UserId) -> Result<(), WorkError> {
    let old = "SELECT id, user_id, key FROM idempotent_write INDEXED BY idempotent_write_of_user
        WHERE user_id = ?1 AND at <= ?2 ORDER BY id LIMIT ?3";
    forget(tx, old, params![user.0, IdempotencyKey::forgotten_at(tx.now), FORGET]).map(drop)
}

/// Forgets some of the writes that users with this home account have made; says how many.
pub(crate) fn forget_users(tx: &WriteTx<'_>, home: AccountId, limit: usize) -> Result<usize, WorkError> {
    let theirs = "SELECT id, user_id, key FROM idempotent_write INDEXED BY idempotent_write_of_user
        WHERE user_id IN (SELECT id FROM registry_user WHERE account_id = ?1) LIMIT ?2";
    forget(tx, theirs, params![home.0, limit])
}

/// Forgets the writes that a statement selects; says how many.
fn forget(tx: &WriteTx<'_>, select: &str, params: impl Params) -> Result<usize, WorkError> {
    let indexes = tx.indexes()?;
    let mut select = tx.connection.prepare_cached(select)?;
    let forgotten = select.query_map(params, |row| idempotent_write(row, &indexes.hash_key))?;
    let forgotten: Vec<_> = forgotten.collect::<Result<_, _>>()?;
    for (number, user, hash) in &forgotten {
        tx.connection.prepare_cached("DELETE FROM idempotent_write WHERE id = ?1")?.execute([number])?;
        indexes.idempotent_writes().remove(*user, *hash, *number);
    }
    Ok(forgotten.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::listing::tests::store_with;
    use carnelian_domain::{Actor, Origin};
    use carnelian_store::{Clock, Customers, NewCustomer, StoreError};
    use std::{
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    };

    /// A clock that the test sets.
    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn customer(id: u64) -> NewCustomer {
        let name = format!("Customer {id}");
        NewCustomer {
            id: CustomerId(id),
            account: AccountId(1),
            unique_name: name.clone(),
            name,
            ship_to_bill_address: false,
            sealed: Vec::new(),
        }
    }

    fn key(user: u64, key: &str) -> Option<IdempotencyKey> {
        Some(IdempotencyKey { user: UserId(user), key: key.into(), fingerprint: Vec::new() })
    }

    #[tokio::test]
    async fn the_keys_of_a_user_are_limited_until_the_oldest_is_a_day_old() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(SetClock(AtomicI64::new(1_000_000)));
        let store = store_with(&directory.path().join("carnelian.db"), Box::new(|| Ok(())), clock.clone(), 3);
        let (store, origin) = (store.expect("opens"), Origin::new(Actor::Server));
        let create = async |id, key| store.create_customer(customer(id), &origin, key).await;
        let after = |result: Result<Written, StoreError>| match result {
            Err(StoreError::Conflict(Conflict::TooManyIdempotencyKeys { retry_after_millis })) => retry_after_millis,
            other => panic!("not refused: {other:?}"),
        };
        let first = create(1, key(1, "a")).await.expect("the first key");
        for (id, name) in [(2, "b"), (3, "c")] {
            clock.0.fetch_add(1000, Ordering::SeqCst);
            create(id, key(1, name)).await.expect("a key within the limit");
        }
        let wait = after(create(4, key(1, "d")).await);
        assert_eq!(wait, 24 * 60 * 60 * 1000 - 2000);
        create(5, None).await.expect("a write without a key");
        create(6, key(2, "d")).await.expect("another user's key");
        assert_eq!(create(7, key(1, "a")).await.expect("a known key").id, first.id, "it is still remembered");
        clock.0.fetch_add(wait as i64 - 1, Ordering::SeqCst);
        assert_eq!(after(create(8, key(1, "d")).await), 1);
        clock.0.fetch_add(1, Ordering::SeqCst);
        create(8, key(1, "d")).await.expect("the oldest is forgotten");
        assert_eq!(after(create(9, key(1, "e")).await), 1000, "the next one is not");
    }
}
