//! Customers as the arrays of columns that one statement writes.

use crate::core::PARTITION_NUMBER;
use carnelian_domain::Timestamp;
use carnelian_store::NewCustomer;
use tokio_postgres::types::ToSql;

/// Customers, one array for each column.
pub(super) struct Rows<'a> {
    now: i64,
    ids: Vec<i64>,
    accounts: Vec<i64>,
    names: Vec<&'a str>,
    unique_names: Vec<&'a str>,
    ship_to_bill_address: Vec<bool>,
    sealed: Vec<&'a [u8]>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(now: Timestamp, customers: impl IntoIterator<Item = &'a NewCustomer>) -> Rows<'a> {
        let (ids, accounts, names, unique_names) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (ship_to_bill_address, sealed) = (Vec::new(), Vec::new());
        let mut rows = Rows { now: now.0, ids, accounts, names, unique_names, ship_to_bill_address, sealed };
        for customer in customers {
            rows.ids.push(customer.id.0.cast_signed());
            rows.accounts.push(customer.account.0.cast_signed());
            rows.names.push(&customer.name);
            rows.unique_names.push(&customer.unique_name);
            rows.ship_to_bill_address.push(customer.ship_to_bill_address);
            rows.sealed.push(&customer.sealed);
        }
        rows
    }

    /// The values of the statements that write customers, which have the same parameters.
    pub(super) fn values(&self) -> [&(dyn ToSql + Sync); 8] {
        [
            &PARTITION_NUMBER,
            &self.now,
            &self.ids,
            &self.accounts,
            &self.names,
            &self.unique_names,
            &self.ship_to_bill_address,
            &self.sealed,
        ]
    }
}
