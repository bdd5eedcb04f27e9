//! Which settings are other than when the registry was served last. Of their values only keyed digests are kept.

use crate::App;
use carnelian_domain::{Actor, Origin};
use carnelian_store::{SettingRecord, StoreError};

/// A setting in force.
#[derive(Clone, Debug)]
pub struct SettingInForce {
    /// What it is called.
    pub name: &'static str,
    /// Its value, as it would be written, if it has one.
    pub value: Option<String>,
    /// The value that it has if nobody sets it.
    pub default: Option<String>,
}

impl App {
    /// Notes with which settings the registry is served, and in the audit log which of them have changed.
    pub async fn note_settings(&self, settings: &[SettingInForce]) -> Result<(), StoreError> {
        let record = |setting: &SettingInForce| {
            let digest =
                |value: &Option<String>| self.keys.vault.setting_digest(setting.name, value.as_deref()).to_vec();
            let (digest, default) = (digest(&setting.value), digest(&setting.default));
            SettingRecord { name: setting.name.to_owned(), digest, default }
        };
        // Nobody can tell who has changed them: the server finds them changed when it starts.
        self.store.note_settings(settings.iter().map(record).collect(), &Origin::new(Actor::Server)).await
    }
}
