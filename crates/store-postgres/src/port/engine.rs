//! What the engine is, how it does, and whether it is damaged.

use crate::store::PostgresStore;
use carnelian_store::{Engine, EngineStatus, StoreError};

/// The version of the engine without that of its package, that of the schema, and the size of the database.
const STATUS: &str = "
    SELECT current_setting('server_version'), version, pg_database_size(current_database()) FROM schema";

#[async_trait::async_trait]
impl Engine for PostgresStore {
    async fn engine_status(&self) -> Result<EngineStatus, StoreError> {
        let row = self.core.sessions.reader().await?.one(STATUS, &[]).await?;
        let version: String = row.get(0);
        let (schema, data_bytes): (i64, i64) = (row.get(1), row.get(2));
        let (waiting, limit) = self.writer.load();
        Ok(EngineStatus {
            name: "PostgreSQL",
            version: version.split(' ').next().unwrap_or_default().to_owned(),
            schema: schema.unsigned_abs(),
            data_bytes: data_bytes.unsigned_abs(),
            log_bytes: None,
            writes_waiting: waiting as u64,
            writes_limit: limit as u64,
            last_commit: *self.core.last_commit.lock(),
        })
    }

    async fn find_damage(&self) -> Result<Vec<String>, StoreError> {
        // The database verifies pages when it reads them, if its checksums are on; those of the directory were read above.
        self.core.sessions.reader().await?;
        Ok(Vec::new())
    }
}
