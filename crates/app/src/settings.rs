//! Recording changed settings in the audit log. The store keeps only keyed digests of their values.

use crate::App;
use carnelian_domain::{Actor, Origin};
use carnelian_store::{SettingRecord, StoreError};

/// A setting in force.
#[derive(Clone, Debug)]
pub struct SettingInForce {
    /// Its name.
    pub name: &'static str,
    /// Its value in text form, if it has one.
    pub value: Option<String>,
    /// Its default, if it has one.
    pub default: Option<String>,
}

impl App {
    /// Records the settings in force, and in the audit log those that have changed since the last start.
    pub async fn note_settings(&self, settings: &[SettingInForce]) -> Result<(), StoreError> {
        let record = |setting: &SettingInForce| {
            let digest =
                |value: &Option<String>| self.keys.vault.setting_digest(setting.name, value.as_deref()).to_vec();
            let (digest, default) = (digest(&setting.value), digest(&setting.default));
            SettingRecord { name: setting.name.to_owned(), digest, default }
        };
        // The author of a change is not known: the server detects it when it starts.
        self.store.note_settings(settings.iter().map(record).collect(), &Origin::new(Actor::Server)).await
    }
}
