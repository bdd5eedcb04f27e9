//! Import and export of customers, for the command line and for the jobs of a server.
//!
//! ```text
//! file ─► csv or jsonl ─► source: a thread that reads and checks ─► import: batches ─► store
//!                                                                       │
//!                                                   report: rejects, counts, progress to an observer
//! ```
//!
//! * [`row`]: a row of a file, and the errors in it
//! * [`csv`], [`jsonl`]: the file formats; [`file_format`]: how they are told apart
//! * [`records`]: CSV records with a maximum length
//! * [`quoting`]: the quoting of RFC 4180
//! * [`source`]: reads and checks rows ahead of the import
//! * [`mod@import`]: sends rows to the store
//! * [`report`], [`rejects`]: what an import reports
//! * [`mod@export`]: writes customers
//! * [`observer`]: what an import or an export shows while it runs
//! * [`jobs`]: imports and exports as jobs of a server
//! * [`error`]: why an import or an export ended early

pub mod csv;
mod error;
mod export;
mod file_format;
mod import;
mod jobs;
pub mod jsonl;
mod observer;
mod quoting;
mod records;
mod rejects;
mod report;
mod row;
mod source;

pub use error::TransferError;
pub use export::export;
pub use file_format::format_of_name;
pub use import::{Import, Imported, Prepared, import, prepare};
pub use jobs::CustomerFiles;
pub use observer::{Observer, TransferCounts};
pub use row::{Raw, Row, RowError};
