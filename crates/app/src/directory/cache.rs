//! The copy of the directory that this process keeps in memory.

use super::LoadedDirectory;
use crate::{key_uses::KeyUses, vault::Vault};
use arc_swap::{ArcSwap, Guard};
use carnelian_store::{Store, StoreError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The directory in memory, replaced as a whole when the version in the store has changed.
pub(crate) struct DirectoryCache {
    current: ArcSwap<LoadedDirectory>,
    /// Held while the directory is reloaded, so that an older version never replaces a newer one.
    reloading: tokio::sync::Mutex<()>,
    /// When the last successful look at the store began, in milliseconds of the monotonic clock.
    checked_at: AtomicU64,
    /// The last uses of all keys, which outlive each version of the directory.
    pub(crate) key_uses: KeyUses,
}

impl DirectoryCache {
    /// Loads the directory.
    pub(crate) async fn open(store: &dyn Store, vault: &Vault, now: Duration) -> Result<DirectoryCache, StoreError> {
        let key_uses = KeyUses::default();
        let directory = LoadedDirectory::new(store.directory().await?, vault, &key_uses);
        let reloading = tokio::sync::Mutex::default();
        let checked_at = AtomicU64::new(millis(now));
        Ok(DirectoryCache { current: ArcSwap::from_pointee(directory), reloading, checked_at, key_uses })
    }

    /// Notes that a look at the store was successful, and when it began.
    pub(crate) fn note_check(&self, begun: Duration) {
        self.checked_at.fetch_max(millis(begun), Ordering::Relaxed);
    }

    /// How old the directory in memory may be.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.checked_at.load(Ordering::Relaxed)))
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

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
