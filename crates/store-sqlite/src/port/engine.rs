//! What the engine is, how it does, and whether it is damaged.

use crate::{files::file_system::log_of, store::SqliteStore};
use carnelian_store::{Engine, EngineStatus, StoreError};
use rusqlite::Connection;
use std::{fs, io, path::Path};

/// The tables without which nothing works, and which stay small.
const SAMPLE: [&str; 7] =
    ["registry", "account", "account_group", "group_account", "registry_user", "api_key", "setting"];

#[async_trait::async_trait]
impl Engine for SqliteStore {
    async fn engine_status(&self) -> Result<EngineStatus, StoreError> {
        let schema =
            |connection: &mut Connection| connection.pragma_query_value(None, "user_version", |row| row.get(0));
        let schema = self.readers.read_fresh(schema).await?;
        let size = |path: &Path| fs::metadata(path).map(|file| file.len());
        let path = self.readers.path();
        let sizes = size(path).and_then(|data| Ok((data, size(&log_of(path))?)));
        let (data_bytes, log_bytes) = sizes.map_err(|error: io::Error| StoreError::unavailable(error.to_string()))?;
        let (waiting, limit) = self.writer.load();
        Ok(EngineStatus {
            name: "SQLite",
            version: rusqlite::version().to_owned(),
            schema,
            data_bytes,
            log_bytes: Some(log_bytes),
            writes_waiting: waiting as u64,
            writes_limit: limit as u64,
            last_commit: *self.writer.syncer.last_sync.lock(),
        })
    }

    async fn find_damage(&self) -> Result<Vec<String>, StoreError> {
        self.readers
            .read_fresh(|connection: &mut Connection| {
                let mut damage = Vec::new();
                for table in SAMPLE {
                    connection.pragma(None, "integrity_check", table, |row| {
                        damage.push(row.get::<_, String>(0)?);
                        Ok(())
                    })?;
                }
                damage.retain(|line| line != "ok");
                Ok(damage)
            })
            .await
    }
}
