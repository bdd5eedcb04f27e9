//! Reads: connections, snapshots and threads. [`readers`] draws the protocol.

pub(crate) mod blocking_pool;
pub(crate) mod readers;
pub(crate) mod system_memory;
