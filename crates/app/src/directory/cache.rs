//! The copy of the directory that this process keeps in memory.

use super::LoadedDirectory;
use crate::{key_uses::KeyUses, vault::Vault};
use arc_swap::{ArcSwap, Guard};
use carnelian_store::{DirectoryError, DirectoryKey, DirectorySnapshot, Store, StoreError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The directory in memory, replaced as a whole when the version in the store has changed.
///
/// A directory that is not what was sealed last, or older than one that was seen, is replaced by an empty one.
pub(crate) struct DirectoryCache {
    current: ArcSwap<LoadedDirectory>,
    /// The newest version that was seen, held while the directory is reloaded, so that an older one never replaces a newer
    /// one.
    newest: tokio::sync::Mutex<u64>,
    key: Arc<dyn DirectoryKey>,
    /// When the last successful look at the store began, in milliseconds of the monotonic clock.
    checked_at: AtomicU64,
    /// Held by a change that was refused because the directory had changed, until it is made.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// The last uses of all keys, which outlive each version of the directory.
    pub(crate) key_uses: KeyUses,
}

impl DirectoryCache {
    /// Loads the directory.
    pub(crate) async fn open(
        store: &dyn Store,
        vault: &Vault,
        key: Arc<dyn DirectoryKey>,
        now: Duration,
    ) -> Result<DirectoryCache, StoreError> {
        let cache = DirectoryCache {
            current: ArcSwap::from_pointee(LoadedDirectory::refused(DirectoryError::Altered)),
            newest: tokio::sync::Mutex::default(),
            key,
            checked_at: AtomicU64::new(millis(now)),
            changing: tokio::sync::Mutex::default(),
            key_uses: KeyUses::default(),
        };
        cache.replace(&mut *cache.newest.lock().await, read(store).await?, vault);
        Ok(cache)
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
        let mut newest = self.newest.lock().await;
        if !self.is_current(store).await? {
            self.replace(&mut newest, read(store).await?, vault);
        }
        Ok(true)
    }

    /// Reloads the directory whatever its version, so that an alteration shows that left the version as it was.
    pub(crate) async fn verify(&self, store: &dyn Store, vault: &Vault) -> Result<(), StoreError> {
        let mut newest = self.newest.lock().await;
        self.replace(&mut newest, read(store).await?, vault);
        Ok(())
    }

    /// Checks that a directory is what was sealed last.
    pub(crate) fn check(&self, snapshot: &DirectorySnapshot) -> Result<(), DirectoryError> {
        snapshot.check(&*self.key)
    }

    fn replace(&self, newest: &mut u64, snapshot: Option<DirectorySnapshot>, vault: &Vault) {
        let checked = snapshot.ok_or(DirectoryError::Altered).and_then(|snapshot| {
            self.check(&snapshot)?;
            if snapshot.version < *newest { Err(DirectoryError::Older) } else { Ok(snapshot) }
        });
        let directory = match checked {
            Err(error) => LoadedDirectory::refused(error),
            Ok(snapshot) => {
                *newest = snapshot.version;
                LoadedDirectory::new(snapshot, vault, &self.key_uses)
            }
        };
        if directory.error != self.load().error
            && let Some(error) = directory.error
        {
            tracing::error!("{error}");
        }
        self.current.store(Arc::new(directory));
    }

    /// A directory that cannot be trusted is read again each time, until it can.
    async fn is_current(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let current = self.load();
        Ok(current.error.is_none() && store.directory_version().await? == current.version())
    }
}

/// Reads the directory; `None` if something in it makes no sense.
async fn read(store: &dyn Store) -> Result<Option<DirectorySnapshot>, StoreError> {
    match store.directory().await {
        Err(StoreError::Corrupt(_)) => Ok(None),
        read => read.map(Some),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
