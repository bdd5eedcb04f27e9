//! The engine under a registry: what it is, how much it has to do, and whether it is damaged.

use crate::StoreError;
use std::time::Duration;

/// What an engine is and how it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineStatus {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// The version of the registry's schema.
    pub schema: u64,
    /// The size of the database, in bytes, without its log.
    pub data_bytes: u64,
    /// The size of the write-ahead log, in bytes; `None` if it is not the registry's alone.
    pub log_bytes: Option<u64>,
    /// How many writes of this process wait for their reply.
    pub writes_waiting: u64,
    /// How many may wait; further ones are refused as busy.
    pub writes_limit: u64,
    /// How long the newest writes of this process took from their commit to stable storage; `None` before the first one.
    pub last_commit: Option<Duration>,
}

/// The engine under a registry.
#[async_trait::async_trait]
pub trait Engine: Send + Sync {
    /// Returns what the engine is and how it does.
    async fn engine_status(&self) -> Result<EngineStatus, StoreError>;

    /// Looks for damage where that takes less than a second, and describes what was found, in the engine's words. Nothing
    /// found does not mean that there is none.
    async fn find_damage(&self) -> Result<Vec<String>, StoreError>;
}
