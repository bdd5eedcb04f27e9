//! The embedded storage adapter: one SQLite database in a directory.
//!
//! * [`store`]: the store, and how it is opened
//! * [`error`]: what errors mean for a read, a write and the process
//! * [`port`]: the methods of the port, one file per trait
//! * [`commit`]: one thread writes, one syncs, one copies the write-ahead log into the database
//! * [`read`]: connections and threads for reading
//! * [`memory`]: the indexes that are kept in memory
//! * [`words`]: the index of the words of customers' names
//! * [`files`]: the schema, file locks, restores
//!
//! Several processes may open the same directory, as the command line does while a server runs: SQLite's locks order
//! their transactions.

mod commit;
mod error;
mod files;
mod memory;
mod port;
mod read;
mod store;
mod words;

pub use error::OpenError;
pub use files::{directory::make_directory, lock::OnWait, restore::Restore, schema::is_outdated};
pub use store::{Options, SqliteStore};
