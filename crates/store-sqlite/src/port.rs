//! The port: the traits of the `store` crate, in SQL.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod customers;
pub(crate) mod directory;
pub(crate) mod engine;
pub(crate) mod erasure;
pub(crate) mod erasure_rows;
pub(crate) mod idempotency;
pub(crate) mod import;
pub(crate) mod ledger_rows;
pub(crate) mod listing;
pub(crate) mod restore;
pub(crate) mod settings;
