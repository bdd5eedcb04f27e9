//! The settings that the registry was served with last.

use crate::store::SqliteStore;
use carnelian_domain::{Action, Object, Origin};
use carnelian_store::{AuditEntry, ServedSettings, SettingRecord, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

#[async_trait::async_trait]
impl ServedSettings for SqliteStore {
    async fn note_settings(&self, settings: Vec<SettingRecord>, origin: &Origin) -> Result<(), StoreError> {
        // Nearly always they are what they were, and there is nothing to write.
        let is_remembered = |connection: &mut Connection| Ok((outdated(connection, &settings)?.is_empty(), settings));
        let (is_remembered, settings) = self.readers.read_fresh(is_remembered).await?;
        if is_remembered {
            return Ok(());
        }
        let origin = origin.clone();
        self.write(move |tx| {
            let mut changed = Vec::new();
            for (setting, has_changed) in outdated(tx.connection, &settings)? {
                let replace = "INSERT OR REPLACE INTO setting (name, digest) VALUES (?1, ?2)";
                tx.connection.execute(replace, params![setting.name, setting.digest])?;
                if has_changed {
                    changed.push(setting.name.as_str());
                }
            }
            if changed.is_empty() {
                return Ok(());
            }
            tx.record(&AuditEntry::record(&origin, Action::ChangeSettings, Object::Registry, None, &changed))
        })
        .await
    }

    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (select, name) = ("SELECT digest FROM setting WHERE name = ?1", name.to_owned());
        self.read_synced(move |connection| connection.query_row(select, [name], |row| row.get(0)).optional()).await
    }
}

/// The settings that are not remembered as they are, and whether they are other than they were.
fn outdated<'a>(
    connection: &Connection,
    settings: &'a [SettingRecord],
) -> Result<Vec<(&'a SettingRecord, bool)>, rusqlite::Error> {
    let mut select = connection.prepare("SELECT digest FROM setting WHERE name = ?1")?;
    let mut outdated = Vec::new();
    for setting in settings {
        let before: Option<Vec<u8>> = select.query_row([&setting.name], |row| row.get(0)).optional()?;
        if before.as_ref() != Some(&setting.digest) {
            outdated.push((setting, before.as_ref().unwrap_or(&setting.default) != &setting.digest));
        }
    }
    Ok(outdated)
}
