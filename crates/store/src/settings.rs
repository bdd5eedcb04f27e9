//! The settings that a registry is served with, as far as it remembers them: their names, and never a value.

use crate::StoreError;
use carnelian_domain::Origin;

/// A setting in force. What stands for a value is a keyed digest, which can be compared and tells nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRecord {
    /// What it is called.
    pub name: String,
    /// Stands for its value.
    pub digest: Vec<u8>,
    /// Stands for the value that it has if nobody sets it.
    pub default: Vec<u8>,
}

/// The settings that a registry was served with last.
#[async_trait::async_trait]
pub trait Settings: Send + Sync {
    /// Remembers the settings in force. If any is other than it was, an entry of the audit log tells their names. One that
    /// was never remembered had its default.
    async fn note_settings(&self, settings: Vec<SettingRecord>, origin: &Origin) -> Result<(), StoreError>;
}
