//! Erasures as they are stored.

use crate::{
    error::DatabaseError,
    port::rows::{moment, number, optional_moment},
    session::Session,
};
use carnelian_domain::{AccountId, ErasureId};
use carnelian_store::{Conflict, ErasureRecord, ErasureState, StoreError};
use tokio_postgres::Row;

/// Every state, at the number by which it is stored.
pub(crate) const STATES: [ErasureState; 5] = [
    ErasureState::Waiting,
    ErasureState::Running,
    ErasureState::Erased,
    ErasureState::Receipted,
    ErasureState::Cancelled,
];

pub(crate) const ALL: &str = "
    SELECT id, account_id, state, requested_at, requested_by, reason, due_at, erased_at, customers, users, keys, receipt
    FROM erasure ORDER BY id";
const BY_ID: &str = "
    SELECT id, account_id, state, requested_at, requested_by, reason, due_at, erased_at, customers, users, keys, receipt
    FROM erasure WHERE id = $1";

/// Reads an erasure.
pub(crate) async fn find(session: &Session, id: ErasureId) -> Result<ErasureRecord, StoreError> {
    let found = session.first(BY_ID, &[&id.0.cast_signed()]).await?;
    Ok(record(&found.ok_or(Conflict::NoSuchErasure)?)?)
}

/// An erasure from a row with the columns of [`ALL`].
pub(crate) fn record(row: &Row) -> Result<ErasureRecord, DatabaseError> {
    let state = STATES.get(usize::try_from(row.get::<_, i64>(2)).unwrap_or(usize::MAX));
    Ok(ErasureRecord {
        id: ErasureId(number(row, 0)),
        account: AccountId(number(row, 1)),
        state: *state.ok_or(DatabaseError::Corrupt("an erasure has an unknown state"))?,
        requested_at: moment(row, 3),
        requested_by: row.get(4),
        reason: row.get(5),
        due_at: moment(row, 6),
        erased_at: optional_moment(row, 7),
        customers: number(row, 8),
        users: number(row, 9),
        keys: number(row, 10),
        receipt: row.get(11),
    })
}
