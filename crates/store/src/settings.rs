//! The settings that a registry was served with last, by name and digest, and those that it keeps itself.

use crate::StoreError;
use carnelian_domain::Origin;

/// A setting in force. Its value is stored as a keyed digest, which can be compared but not read, unless the registry keeps
/// the value itself: then the value stands in the place of the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRecord {
    /// Its name.
    pub name: String,
    /// The digest of its value.
    pub digest: Vec<u8>,
    /// The digest of its default.
    pub default: Vec<u8>,
}

/// The settings that a registry was served with last.
#[async_trait::async_trait]
pub trait ServedSettings: Send + Sync {
    /// Stores the settings in force. If any differ from the stored ones, an entry of the audit log lists their names. A setting
    /// that was never stored counts as its default. Fails with `Busy`, `Unavailable` or `Unknown`.
    async fn note_settings(&self, settings: Vec<SettingRecord>, origin: &Origin) -> Result<(), StoreError>;

    /// What is stored for a setting in the place of its digest. Fails with `Busy`, `Unavailable` or `Corrupt`.
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;
}
