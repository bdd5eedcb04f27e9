//! The storage adapter on PostgreSQL: one registry for any number of servers.
//!
//! * [`store`]: the store, and how it is opened
//! * [`schema`]: preparing a database
//! * [`error`]: what errors mean for a read, a write and the process
//! * [`background`]: the runtime of the connections
//! * [`session`]: connections, with what is set and checked on each of them
//! * [`sessions`]: the connections of a store
//! * [`core`]: what every transaction needs
//! * [`transaction`]: transactions, and the end of the audit log within them
//! * [`writer`]: customer writes share transactions
//! * [`group`]: a group of customer writes in one transaction
//! * [`barrier`]: waiting until what was read is as safe as what is acknowledged
//! * [`port`]: the methods of the port, one file per trait
//!
//! # Order
//!
//! Each partition has a row that every transaction locks which appends to the partition's audit log, as its last lock.
//! So all writes of a partition have one order, that of their entries, and only the end of a transaction has to wait for
//! others. Names are unique by an index, and everything else that a write depends on is looked at under that lock.
//!
//! # Acknowledgement
//!
//! A write is acknowledged if every statement has succeeded and has written the expected number of rows, and if the
//! database has acknowledged the commit without a warning. In every other case the outcome is unknown, or nothing was
//! written. The answer to a repeated write promises as much as the first one, so it waits for a commit as well.
//!
//! # Other engines
//!
//! Statements and types are those that engines with PostgreSQL's protocol have as well, and each statement on a table
//! that is spread over machines names the partition. A test reads all statements.

mod background;
mod barrier;
mod core;
mod error;
mod group;
mod port;
mod schema;
mod session;
mod sessions;
mod store;
mod transaction;
mod writer;

pub use error::{DatabaseError, OpenError, UnsafeDatabase};
pub use schema::{is_prepared, migrate};
pub use session::{Database, Durability};
pub use store::{Options, PostgresStore};
