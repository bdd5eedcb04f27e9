//! The methods of the port, one file per trait.

mod audit;
mod backup;
mod customers;
pub(crate) mod directory;
mod engine;
mod erasure;
mod erasure_rows;
mod import;
pub(crate) mod listing;
mod restore;
pub(crate) mod rows;
mod settings;
