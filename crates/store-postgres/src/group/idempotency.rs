//! Remembering the writes of a group that were made under idempotency keys.

use super::{look::Expected, outcome::Outcome, piece::Piece};
use crate::{core::PARTITION_NUMBER, error::DatabaseError, session::Values, transaction::Transaction};
use carnelian_store::{IdempotencyKey, Written};

/// Replaces writes that are remembered no longer.
const REMEMBER: &str = "
    INSERT INTO idempotent_write (partition, user_id, key, fingerprint, customer_id, account_id, at, version)
    SELECT p.partition, t.user_id, t.key, t.fingerprint, t.customer_id, t.account_id, $2::BIGINT, t.version
    FROM partition p, unnest($3::BIGINT[], $4::TEXT[], $5::BYTEA[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[])
        AS t (user_id, key, fingerprint, customer_id, account_id, version)
    WHERE p.partition = $1
    ON CONFLICT (partition, user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
        customer_id = excluded.customer_id, account_id = excluded.account_id, at = excluded.at,
        version = excluded.version";

/// More than come in, so that the table stays bounded.
const FORGET_OLD: &str = "
    DELETE FROM idempotent_write w USING (
        SELECT user_id, key FROM idempotent_write WHERE partition = $1 AND at <= $2 ORDER BY at LIMIT $3) AS old
    WHERE w.partition = $1 AND w.user_id = old.user_id AND w.key = old.key";

/// Remembers the writes that were made now under keys, and forgets some that are too old.
pub(super) async fn remember(
    transaction: &Transaction,
    pieces: &[&Piece],
    outcomes: &[Outcome],
    expected: &Expected,
) -> Result<(), DatabaseError> {
    let new = pieces.iter().zip(outcomes).filter_map(|(piece, outcome)| {
        let key = piece.key.as_ref().filter(|key| expected.earlier(key).is_none())?;
        Some((key, outcome.as_ref().ok()?))
    });
    let new: Vec<(&IdempotencyKey, &Written)> = new.collect();
    let users: Vec<_> = new.iter().map(|(key, _)| key.user.0.cast_signed()).collect();
    let keys: Vec<_> = new.iter().map(|(key, _)| key.key.as_str()).collect();
    let fingerprints: Vec<_> = new.iter().map(|(key, _)| &key.fingerprint[..]).collect();
    let customers: Vec<_> = new.iter().map(|(_, written)| written.id.0.cast_signed()).collect();
    let accounts: Vec<_> = new.iter().map(|(_, written)| written.account.0.cast_signed()).collect();
    let versions: Vec<_> = new.iter().map(|(_, written)| written.version.cast_signed()).collect();
    let (at, too_old, forget) =
        (transaction.now.0, IdempotencyKey::forgotten_at(transaction.now), 2 * new.len() as i64);
    let remember: Values<'_> =
        &[&PARTITION_NUMBER, &at, &users, &keys, &fingerprints, &customers, &accounts, &versions];
    let forget: Values<'_> = &[&PARTITION_NUMBER, &too_old, &forget];
    let done = transaction.run_all(&[(FORGET_OLD, forget), (REMEMBER, remember)]).await?;
    done[1].must_count(new.len())
}
