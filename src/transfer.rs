//! Import and export of customers.
//!
//! ```text
//! file ─► csv or jsonl ─► source: a thread that reads and checks ─► import: batches ─► store
//!                                                                       │
//!                                                      report: summary, rejects, progress
//! ```
//!
//! * [`row`]: a row of a file, and the errors in it
//! * [`csv`], [`jsonl`]: the file formats
//! * [`records`]: CSV records with a maximum length
//! * [`quoting`]: the quoting of RFC 4180
//! * [`source`]: reads and checks rows ahead of the import
//! * [`import`]: sends rows to the store
//! * [`mod@file`]: file names, formats and errors
//! * [`report`], [`rejects`], [`progress`]: the output of an import
//! * [`export`]: writes customers to a file

pub mod csv;
pub(crate) mod export;
mod file;
pub(crate) mod import;
pub mod jsonl;
mod progress;
mod quoting;
mod records;
mod rejects;
mod report;
mod row;
mod source;

pub use row::{Raw, Row, RowError};
