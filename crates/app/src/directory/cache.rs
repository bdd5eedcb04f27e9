//! The copy of the directory that this process keeps in memory.

use super::LoadedDirectory;
use crate::{key_uses::KeyUses, vault::Vault};
use arc_swap::{ArcSwap, Guard};
use carnelian_store::{Store, StoreError};
use std::sync::Arc;

/// The directory in memory, replaced as a whole when the version in the store has changed.
pub(crate) struct DirectoryCache {
    current: ArcSwap<LoadedDirectory>,
    /// Held while the directory is reloaded, so that an older version never replaces a newer one.
    reloading: tokio::sync::Mutex<()>,
    /// The last uses of all keys, which outlive each version of the directory.
    pub(crate) key_uses: KeyUses,
}

impl DirectoryCache {
    /// Loads the directory.
    pub(crate) async fn open(store: &dyn Store, vault: &Vault) -> Result<DirectoryCache, StoreError> {
        let key_uses = KeyUses::default();
        let directory = LoadedDirectory::new(store.directory().await?, vault, &key_uses);
        let reloading = tokio::sync::Mutex::default();
        Ok(DirectoryCache { current: ArcSwap::from_pointee(directory), reloading, key_uses })
    }

    /// The directory as of the last refresh.
    pub(crate) fn load(&self) -> Guard<Arc<LoadedDirectory>> {
        self.current.load()
    }

    /// Reloads the directory if its version in the store differs. Returns whether the directory may have changed.
    pub(crate) async fn refresh(&self, store: &dyn Store, vault: &Vault) -> Result<bool, StoreError> {
        if self.is_current(store).await? {
            return Ok(false);
        }
        let _reloading = self.reloading.lock().await;
        if self.is_current(store).await? {
            return Ok(true);
        }
        let directory = LoadedDirectory::new(store.directory().await?, vault, &self.key_uses);
        self.current.store(Arc::new(directory));
        Ok(true)
    }

    async fn is_current(&self, store: &dyn Store) -> Result<bool, StoreError> {
        Ok(store.directory_version().await? == self.load().version())
    }
}
