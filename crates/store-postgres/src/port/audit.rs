//! The audit log.

use crate::{
    port::rows::{limit, moment},
    store::PostgresStore,
    transaction::log_end,
};
use carnelian_store::{Audit, AuditEnd, PartitionId, Partitions, StoreError, StoredEntry};

const ENTRIES: &str = "
    SELECT sequence, at, entry, link FROM audit WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

impl Partitions for PostgresStore {
    fn partition_count(&self) -> u16 {
        1
    }
}

#[async_trait::async_trait]
impl Audit for PostgresStore {
    async fn audit_entries(
        &self,
        partition: PartitionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let values = (i64::from(partition.0), after.cast_signed(), self::limit(limit));
        let rows = self.core.sessions.read(ENTRIES, &[&values.0, &values.1, &values.2]).await?;
        let entries = rows.iter().map(|row| StoredEntry {
            partition,
            sequence: row.get::<_, i64>(0).cast_unsigned(),
            at: moment(row, 1),
            entry: row.get(2),
            link: row.get(3),
        });
        Ok(entries.collect())
    }

    async fn audit_ends(&self) -> Result<Vec<AuditEnd>, StoreError> {
        let mut ends = Vec::new();
        for partition in self.partitions() {
            ends.push(log_end(&*self.core.sessions.reader().await?, partition).await?);
        }
        Ok(ends)
    }

    async fn append_audit(&self, partition: PartitionId, entry: String) -> Result<(), StoreError> {
        let transaction = self.core.begin().await?;
        let mut log = transaction.lock_log(self.core.audit_chain(), partition).await?;
        log.append(transaction.now, entry);
        transaction.write_log(log).await?;
        transaction.commit().await
    }
}
