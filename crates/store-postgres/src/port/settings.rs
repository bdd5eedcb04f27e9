//! The settings that the registry was served with last.

use crate::core::PARTITION;
use crate::store::PostgresStore;
use carnelian_domain::{Action, Object, Origin};
use carnelian_store::{AuditEntry, ServedSettings, SettingRecord, StoreError};
use std::collections::HashMap;
use tokio_postgres::Row;

const SELECT: &str = "SELECT name, digest FROM setting";

const STORE: &str = "
    INSERT INTO setting (name, digest) SELECT t.name, t.digest FROM unnest($1::TEXT[], $2::BYTEA[]) AS t (name, digest)
    ON CONFLICT (name) DO UPDATE SET digest = excluded.digest";

#[async_trait::async_trait]
impl ServedSettings for PostgresStore {
    async fn note_settings(&self, settings: Vec<SettingRecord>, origin: &Origin) -> Result<(), StoreError> {
        // Nearly always they are what they were, and there is nothing to write.
        if outdated(&self.core.sessions.read(SELECT, &[]).await?, &settings).is_empty() {
            return Ok(());
        }
        let transaction = self.core.begin().await?;
        let mut log = transaction.lock_log(self.core.audit_chain(), PARTITION).await?;
        let outdated = outdated(&transaction.rows(SELECT, &[]).await?, &settings);
        let names: Vec<_> = outdated.iter().map(|(setting, _)| setting.name.as_str()).collect();
        let digests: Vec<_> = outdated.iter().map(|(setting, _)| &setting.digest[..]).collect();
        transaction.run(STORE, &[&names, &digests]).await?;
        let changed = outdated.iter().filter(|(_, has_changed)| *has_changed);
        let changed: Vec<_> = changed.map(|(setting, _)| setting.name.as_str()).collect();
        if !changed.is_empty() {
            let entry = AuditEntry::record(origin, Action::ChangeSettings, Object::Registry, None, &changed);
            log.append(transaction.now, entry);
        }
        transaction.write_log(log).await?;
        transaction.commit().await
    }

    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.core.sessions.read(SELECT, &[]).await?;
        Ok(rows.iter().find(|row| row.get::<_, &str>(0) == name).map(|row| row.get(1)))
    }
}

/// The settings that are not remembered as they are, and whether they are other than they were.
fn outdated<'a>(rows: &[Row], settings: &'a [SettingRecord]) -> Vec<(&'a SettingRecord, bool)> {
    let remembered: HashMap<&str, &[u8]> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let outdated = settings.iter().filter_map(|setting| {
        let before = remembered.get(setting.name.as_str()).copied();
        let has_changed = before.unwrap_or(&setting.default) != setting.digest;
        (before != Some(&setting.digest)).then_some((setting, has_changed))
    });
    outdated.collect()
}
