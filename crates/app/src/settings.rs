//! Recording changed settings in the audit log, and the setting that the registry keeps: the grace period of erasures. Of the
//! others the store has keyed digests only.

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
    /// Where the value comes from: `default`, a flag, an environment variable or a file.
    pub origin: String,
}

/// The name of the setting that the registry keeps.
pub const ERASURE_GRACE: &str = "erasure.grace";

/// The longest grace period of erasures: ten years, in seconds.
pub const MAX_GRACE: u64 = 10 * 365 * 24 * 60 * 60;

/// The grace period of erasures unless another one was set: 30 days, in seconds.
const DEFAULT_GRACE: u64 = 30 * 24 * 60 * 60;

/// The grace period as it is stored: a number of seconds in decimal digits.
pub(crate) fn grace_record(seconds: u64) -> SettingRecord {
    let stored = |seconds: u64| seconds.to_string().into_bytes();
    SettingRecord { name: ERASURE_GRACE.to_owned(), digest: stored(seconds), default: stored(DEFAULT_GRACE) }
}

impl App {
    /// The time between the request of an erasure and its start, in seconds. The registry stores it, and it applies to every request.
    pub async fn erasure_grace(&self) -> Result<u64, StoreError> {
        let Some(stored) = self.store.setting(ERASURE_GRACE).await? else { return Ok(DEFAULT_GRACE) };
        let seconds = std::str::from_utf8(&stored).ok().and_then(|text| text.parse().ok());
        seconds.ok_or_else(|| StoreError::corrupt("the stored grace period of erasures is no number"))
    }

    /// Records the settings in force, and in the audit log those that have changed since the last start. A grace period of
    /// erasures becomes that of the registry.
    pub async fn note_settings(&self, erasure_grace: Option<u64>) -> Result<(), StoreError> {
        let record = |setting: &SettingInForce| {
            let digest =
                |value: &Option<String>| self.keys.vault.setting_digest(setting.name, value.as_deref()).to_vec();
            let (digest, default) = (digest(&setting.value), digest(&setting.default));
            SettingRecord { name: setting.name.to_owned(), digest, default }
        };
        // The author of a change is not known: the server detects it when it starts.
        let own = self.settings.iter().filter(|setting| setting.name != ERASURE_GRACE);
        let records = own.map(record).chain(erasure_grace.map(grace_record));
        self.store.note_settings(records.collect(), &Origin::new(Actor::Server)).await
    }
}
