//! Writes that happen once, however often they are asked for: what was answered is remembered with the write itself.

use crate::job::{WorkError, Writing};
use carnelian_domain::{AccountId, CustomerId, Timestamp};
use carnelian_store::{Conflict, IdempotencyKey, Written};
use rusqlite::{Connection, OptionalExtension, params};

/// Of so many writes that share a transaction one looks for those that are remembered no longer: to look costs more than
/// to remember.
const FORGET_EVERY: usize = 64;

/// How many are forgotten then: more than come in.
const FORGET: usize = 2 * FORGET_EVERY;

/// The write that was made under a key; a conflict if it was asked for in other words.
pub(crate) fn find(
    connection: &Connection,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<Result<Written, Conflict>>, rusqlite::Error> {
    let select = "SELECT fingerprint, customer_id, account_id, at, version FROM idempotency
        WHERE user_id = ?1 AND key = ?2 AND at > ?3";
    let mut select = connection.prepare_cached(select)?;
    let found = select.query_row(params![key.user.0, key.key, oldest(now)], |row| {
        let same: bool = row.get_ref(0)?.as_blob()? == key.fingerprint;
        let (id, account) = (CustomerId(row.get(1)?), AccountId(row.get(2)?));
        let written = Written { id, account, at: Timestamp(row.get(3)?), version: row.get(4)? };
        Ok(if same { Ok(written) } else { Err(Conflict::IdempotencyKeyReused) })
    });
    found.optional()
}

/// Makes a write, unless it was made before.
pub(crate) fn once(
    writing: &mut Writing<'_>,
    key: Option<&IdempotencyKey>,
    write: impl FnOnce(&mut Writing<'_>) -> Result<Written, WorkError>,
) -> Result<Written, WorkError> {
    let Some(key) = key else { return write(writing) };
    if let Some(written) = find(writing.connection, key, writing.now)? {
        return Ok(written?);
    }
    let written = write(writing)?;
    remember(writing, key, &written)?;
    Ok(written)
}

fn remember(writing: &Writing<'_>, key: &IdempotencyKey, written: &Written) -> Result<(), rusqlite::Error> {
    if writing.written.len() % FORGET_EVERY == 1 {
        forget(writing)?;
    }
    // One that is remembered no longer may still be there.
    let insert = "INSERT OR REPLACE INTO idempotency (user_id, key, fingerprint, customer_id, account_id, at, version)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Written { id, account, at, version } = written;
    writing.connection.prepare_cached(insert)?.execute(params![
        key.user.0,
        key.key,
        key.fingerprint,
        id.0,
        account.0,
        at.0,
        version
    ])?;
    Ok(())
}

/// Forgets some of the writes that are remembered no longer, the oldest first.
fn forget(writing: &Writing<'_>) -> Result<(), rusqlite::Error> {
    let forget = "DELETE FROM idempotency WHERE (user_id, key) IN
        (SELECT user_id, key FROM idempotency INDEXED BY idempotency_at WHERE at <= ?1 ORDER BY at LIMIT ?2)";
    writing.connection.prepare_cached(forget)?.execute(params![oldest(writing.now), FORGET]).map(drop)
}

/// The moment of the oldest writes that are forgotten.
fn oldest(now: Timestamp) -> i64 {
    now.0.saturating_sub(IdempotencyKey::KEPT_MILLIS)
}
