//! Commits: the threads that write, sync and checkpoint. [`writer`] draws how they work together.

pub(crate) mod audit_tail;
pub(crate) mod checkpoint;
pub(crate) mod durability_barrier;
pub(crate) mod failure;
pub(crate) mod group;
pub(crate) mod job;
pub(crate) mod reply;
pub(crate) mod syncer;
pub(crate) mod writer;
