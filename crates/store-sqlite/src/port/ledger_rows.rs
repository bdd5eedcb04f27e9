//! What a ledger consists of, as it is stored.

use crate::port::directory::snapshot;
use carnelian_domain::CustomerId;
use carnelian_store::{GivenIds, Ledger, Seal};
use rusqlite::Connection;

/// The table of each kind of ids that count up by themselves.
pub(crate) const COUNTED: [&str; 4] = ["account", "account_group", "registry_user", "erasure"];

/// The ids that a registry has given. What counts ids up by itself is in a table of SQLite's own.
pub(crate) fn given_ids(connection: &Connection) -> Result<GivenIds, rusqlite::Error> {
    let last = |table| format!("ifnull((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)");
    let select = format!("SELECT next_customer_id, {} FROM registry", COUNTED.map(last).join(", "));
    connection.query_row(&select, [], |row| {
        Ok(GivenIds {
            next_customer: row.get(0)?,
            last_account: row.get(1)?,
            last_group: row.get(2)?,
            last_user: row.get(3)?,
            last_erasure: row.get(4)?,
        })
    })
}

/// Everything that a ledger is made of, and the erased customers.
pub(crate) fn ledger(connection: &mut Connection) -> Result<Ledger, rusqlite::Error> {
    // It is not checked: a damaged registry can be replaced, too.
    let directory = snapshot::read_within(&*connection.transaction()?, Seal::default())?;
    let mut erased = connection.prepare("SELECT id FROM erased_customer")?;
    let erased_customers = erased.query_map([], |row| row.get(0).map(CustomerId))?.collect::<Result<_, _>>()?;
    Ok(Ledger { directory, ids: given_ids(connection)?, erased_customers })
}

/// What the registry recognises its master key by.
pub(crate) fn key_proof(connection: &Connection) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    connection.query_row("SELECT key_proof FROM registry", [], |row| row.get(0))
}
