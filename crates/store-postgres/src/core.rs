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
    registry: RwLock<Registry>,
}

/// The registry in the database, and its keys.
struct Registry {
    id: RegistryId,
    audit_chain: Arc<dyn AuditChain>,
    directory_key: Arc<dyn DirectoryKey>,
}

impl Registry {
    fn new(keys: &dyn RegistryKeys, id: RegistryId) -> Registry {
        Registry { id, audit_chain: keys.audit_chain(id), directory_key: keys.directory_key(id) }
    }
}

impl Core {
    /// What transactions of a registry need.
    pub(crate) fn new(sessions: Sessions, clock: Arc<dyn Clock>, keys: Arc<dyn RegistryKeys>, id: RegistryId) -> Core {
        let registry = RwLock::new(Registry::new(&*keys, id));
        Core { sessions, clock, last_commit: Mutex::default(), keys, registry }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Transaction, DatabaseError> {
        Transaction::begin(&self.sessions, self.clock.now()).await
    }

    /// The id of the registry.
    pub(crate) fn registry_id(&self) -> RegistryId {
        self.registry.read().id
    }

    /// Links the entries of the audit log.
    pub(crate) fn audit_chain(&self) -> Arc<dyn AuditChain> {
        self.registry.read().audit_chain.clone()
    }

    /// Seals the directory.
    pub(crate) fn directory_key(&self) -> Arc<dyn DirectoryKey> {
        self.registry.read().directory_key.clone()
    }

    /// Switches to the registry that is being restored.
    pub(crate) fn adopt(&self, id: RegistryId) {
        *self.registry.write() = Registry::new(&*self.keys, id);
    }
}
