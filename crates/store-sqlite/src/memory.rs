//! The indexes in memory: which names are taken, and which idempotency keys were used.

pub(crate) mod change_zones;
pub(crate) mod hash_index;
pub(crate) mod idempotency_index;
pub(crate) mod indexed_words;
pub(crate) mod indexes;
pub(crate) mod loading;
