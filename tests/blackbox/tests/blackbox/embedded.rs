//! What only an embedded registry has: the files of SQLite, locks on them, and sandboxes, which are always in a directory.
//!
//! These tests run on SQLite whatever the engine of the run, and those of `postgres` on PostgreSQL. All others run on both.

mod damage;
mod documents;
mod files;
mod import;
mod locks;
mod restore;
mod revocation;
mod sandbox;
