//! The keys of a registry, as far as an adapter needs them.
//!
//! Every key depends on the master key and on the registry's id: nothing that one registry has signed or sealed is taken
//! for that of another one with the same master key. An adapter makes the id when it makes a registry, stores it in the
//! registry's row, and asks [`RegistryKeys`] for the keys of that id whenever it opens the registry. A restored registry has
//! the id of the backup ([`Restores::begin_restore`](crate::Restores::begin_restore)).

use crate::{AuditChain, DirectoryKey, RegistryId};
use std::sync::Arc;

/// Derives the keys of registries. The implementation with the master key comes from where the program is wired together.
pub trait RegistryKeys: Send + Sync {
    /// What links and seals the audit log of a registry.
    fn audit_chain(&self, registry: RegistryId) -> Arc<dyn AuditChain>;

    /// What seals the directory of a registry.
    fn directory_key(&self, registry: RegistryId) -> Arc<dyn DirectoryKey>;
}
