//! Rows of the table of erasures.

use crate::commit::job::WorkError;
use carnelian_domain::{AccountId, ErasureId, Timestamp};
use carnelian_store::{Conflict, ErasureRecord, ErasureState};
use rusqlite::{Connection, OptionalExtension, Row};

/// The columns that [`record`] reads.
pub(crate) const SELECT: &str =
    "SELECT id, account_id, state, requested_at, requested_by, reason, due_at, erased_at, customers,
    users, keys, receipt FROM erasure";

/// Every state, at the index by which it is stored.
pub(crate) const STATES: [ErasureState; 5] = [
    ErasureState::Waiting,
    ErasureState::Running,
    ErasureState::Erased,
    ErasureState::Receipted,
    ErasureState::Cancelled,
];

/// Reads an erasure.
pub(crate) fn find(connection: &Connection, id: ErasureId) -> Result<ErasureRecord, WorkError> {
    let found = connection.query_row(&format!("{SELECT} WHERE id = ?1"), [id.0], record).optional()?;
    Ok(found.ok_or(Conflict::NoSuchErasure)?)
}

/// An erasure from a row with the columns of [`SELECT`].
pub(crate) fn record(row: &Row<'_>) -> Result<ErasureRecord, rusqlite::Error> {
    let state: i64 = row.get(2)?;
    let known = usize::try_from(state).ok().and_then(|index| STATES.get(index));
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
