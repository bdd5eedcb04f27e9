//! The files of a registry: the database and its schema, the locks, and how a restore replaces them.

pub(crate) mod directory;
pub(crate) mod file_system;
pub(crate) mod lock;
pub(crate) mod page_scrub;
pub(crate) mod presence;
pub(crate) mod restore;
pub(crate) mod schema;
