//! Writes with an idempotency key. They are remembered in their own transaction, with the result that was returned.
//!
//! Rows are appended in the order of the writes, and an index in memory finds them by key. Each new one deletes up to two that
//! are older than a day, so the table stays bounded without a job.

use crate::{
    commit::job::{WorkError, WriteTx},
    memory::{indexes::Indexes, loading::idempotent_write},
};
use carnelian_domain::{AccountId, CustomerId, Timestamp};
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
        let found = select.query_row(params![candidate, key.user.0, key.key, forgotten_at(now)], |row| {
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
    let written = write(tx)?;
    remember(tx, key, &written)?;
    Ok(written)
}

fn remember(tx: &WriteTx<'_>, key: &IdempotencyKey, written: &Written) -> Result<(), WorkError> {
    forget_old(tx)?;
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
    indexes.idempotent_writes().add(indexes.hash_key.hash_idempotency_key(key.user, &key.key), row.cast_unsigned());
    Ok(())
}

/// Forgets some of the writes that are remembered no longer, the oldest first.
fn forget_old(tx: &WriteTx<'_>) -> Result<(), WorkError> {
    let old = "SELECT id, user_id, key FROM idempotent_write INDEXED BY idempotent_write_at
        WHERE at <= ?1 ORDER BY at LIMIT ?2";
    forget(tx, old, params![forgotten_at(tx.now), FORGET]).map(drop)
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
    for (number, hash) in &forgotten {
        tx.connection.prepare_cached("DELETE FROM idempotent_write WHERE id = ?1")?.execute([number])?;
        indexes.idempotent_writes().remove(*hash, *number);
    }
    Ok(forgotten.len())
}

/// The moment of the newest writes that are remembered no longer.
fn forgotten_at(now: Timestamp) -> i64 {
    now.0.saturating_sub(IdempotencyKey::KEPT_MILLIS)
}
