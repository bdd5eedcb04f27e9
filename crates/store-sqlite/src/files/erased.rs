//! The accounts and customers that were erased in a registry: a restore must not bring them back.

use carnelian_domain::{AccountId, CustomerId};
use rusqlite::Connection;

/// Who was erased in a registry.
#[derive(Default)]
pub(crate) struct Erased {
    pub(crate) accounts: Vec<AccountId>,
    /// The customers that were erased one by one.
    pub(crate) customers: Vec<CustomerId>,
}

impl Erased {
    pub(crate) fn read(connection: &Connection) -> Result<Erased, rusqlite::Error> {
        let mut accounts = connection.prepare("SELECT id FROM account WHERE state = 2")?;
        let accounts = accounts.query_map([], |row| row.get(0).map(AccountId))?.collect::<Result<_, _>>()?;
        let mut customers = connection.prepare("SELECT id FROM erased_customer ORDER BY id")?;
        let customers = customers.query_map([], |row| row.get(0).map(CustomerId))?.collect::<Result<_, _>>()?;
        Ok(Erased { accounts, customers })
    }

    /// Those of them that are present in another registry.
    pub(crate) fn present_in(&self, other: &Connection) -> Result<Erased, rusqlite::Error> {
        let mut account = other.prepare("SELECT 1 FROM account WHERE id = ?1 AND state <> 2")?;
        let mut customer = other.prepare("SELECT 1 FROM customer WHERE id = ?1")?;
        let mut present = Erased::default();
        for &id in &self.accounts {
            present.accounts.extend(account.exists([id.0])?.then_some(id));
        }
        for &id in &self.customers {
            present.customers.extend(customer.exists([id.0])?.then_some(id));
        }
        Ok(present)
    }
}
