//! What every transaction needs: connections, the clock and the keys of the registry.

use crate::{error::DatabaseError, sessions::Sessions, transaction::Transaction};
use carnelian_store::{AuditChain, Clock, DirectoryKey, PartitionId, RegistryId, RegistryKeys};
use parking_lot::{Mutex, RwLock};
use std::{sync::Arc, time::Duration};

/// The one partition that there is.
pub(crate) const PARTITION: PartitionId = PartitionId::FIRST;

/// Its number, as it is stored.
pub(crate) const PARTITION_NUMBER: i64 = PARTITION.0 as i64;

/// What transactions need.
pub(crate) struct Core {
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long the newest group of customer writes took, from its begin to its commit.
    pub(crate) last_commit: Mutex<Option<Duration>>,
    keys: Arc<dyn RegistryKeys>,
    audit_chain: RwLock<Arc<dyn AuditChain>>,
    directory_key: RwLock<Arc<dyn DirectoryKey>>,
}

impl Core {
    /// What transactions of a registry need.
    pub(crate) fn new(sessions: Sessions, clock: Arc<dyn Clock>, keys: Arc<dyn RegistryKeys>, id: RegistryId) -> Core {
        let audit_chain = RwLock::new(keys.audit_chain(id));
        let directory_key = RwLock::new(keys.directory_key(id));
        Core { sessions, clock, last_commit: Mutex::default(), keys, audit_chain, directory_key }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        Transaction::begin(&self.sessions, self.clock.now()).await
    }

    /// Links the entries of the audit log.
    pub(crate) fn audit_chain(&self) -> Arc<dyn AuditChain> {
        self.audit_chain.read().clone()
    }

    /// Seals the directory.
    pub(crate) fn directory_key(&self) -> Arc<dyn DirectoryKey> {
        self.directory_key.read().clone()
    }

    /// Switches to the keys of the registry that is being restored.
    pub(crate) fn adopt(&self, registry: RegistryId) {
        *self.audit_chain.write() = self.keys.audit_chain(registry);
        *self.directory_key.write() = self.keys.directory_key(registry);
    }
}
