//! Reading columns of rows.

use crate::error::DatabaseError;
use carnelian_domain::{AccountId, AccountState, Timestamp};
use carnelian_store::StoredCustomer;
use tokio_postgres::Row;

/// A number that is never negative.
pub(crate) fn number(row: &Row, column: usize) -> u64 {
    row.get::<_, i64>(column).cast_unsigned()
}

/// A moment.
pub(crate) fn moment(row: &Row, column: usize) -> Timestamp {
    Timestamp(row.get(column))
}

/// A moment, or none.
pub(crate) fn optional_moment(row: &Row, column: usize) -> Option<Timestamp> {
    row.get::<_, Option<i64>>(column).map(Timestamp)
}

/// A number of rows, as the database counts them.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The states of an account, at the numbers by which they are stored.
pub(crate) const ACCOUNT_STATES: [AccountState; 3] =
    [AccountState::Active, AccountState::ErasureInProgress, AccountState::Erased];

/// The state of an account.
pub(crate) fn account_state(row: &Row, column: usize) -> Result<AccountState, DatabaseError> {
    let known = ACCOUNT_STATES.get(usize::try_from(row.get::<_, i64>(column)).unwrap_or(usize::MAX));
    known.copied().ok_or(DatabaseError::Corrupt("an account has an unknown state"))
}

/// A customer from the columns `account_id, name, ship_to_bill_address, sealed, version`, which begin at a column.
pub(crate) fn stored_customer(row: &Row, first: usize) -> StoredCustomer {
    StoredCustomer {
        account: AccountId(number(row, first)),
        name: row.get(first + 1),
        ship_to_bill_address: row.get(first + 2),
        sealed: row.get(first + 3),
        version: number(row, first + 4),
    }
}
