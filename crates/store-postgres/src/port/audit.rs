//! The audit log.

use crate::{
    port::rows::{limit, moment, number},
    store::PostgresStore,
    transaction::log_end,
};
use carnelian_store::{
    Audit, AuditEnd, AuditOrder, AuditPage, AuditQuery, AuditSearch, AuditSource, AuditSpan, IndexedBlock, PartitionId,
    Partitions, StoreError, StoredEntry,
    audit_search::{next_block, search},
};
use tokio_postgres::Row;

const ENTRIES: &str = "
    SELECT sequence, at, entry, link FROM audit WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

const ENTRIES_UP: &str = "
    SELECT sequence, at, entry, link FROM audit WHERE partition = $1 AND sequence BETWEEN $2 AND $3
    ORDER BY sequence LIMIT $4";

const ENTRIES_DOWN: &str = "
    SELECT sequence, at, entry, link FROM audit WHERE partition = $1 AND sequence BETWEEN $2 AND $3
    ORDER BY sequence DESC LIMIT $4";

const BLOCKS_UP: &str = "
    SELECT number, earliest, latest, filter FROM audit_block WHERE partition = $1 AND number >= $2
    ORDER BY number LIMIT $3";

const BLOCKS_DOWN: &str = "
    SELECT number, earliest, latest, filter FROM audit_block WHERE partition = $1 AND number <= $2
    ORDER BY number DESC LIMIT $3";

/// Adds a row to the index, unless another server has added it.
const ADD_BLOCK: &str = "
    INSERT INTO audit_block (partition, number, earliest, latest, filter) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (partition, number) DO NOTHING";

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
        Ok(rows.iter().map(|row| entry(partition, row)).collect())
    }

    async fn audit_ends(&self) -> Result<Vec<AuditEnd>, StoreError> {
        let mut ends = Vec::new();
        for partition in self.partitions() {
            ends.push(log_end(&*self.core.sessions.reader().await?, partition).await?);
        }
        Ok(ends)
    }

    async fn append_audit(&self, partition: PartitionId, entries: Vec<String>) -> Result<(), StoreError> {
        let transaction = self.core.begin().await?;
        let mut log = transaction.lock_log(self.core.audit_chain(), partition).await?;
        entries.into_iter().for_each(|entry| log.append(transaction.now, entry));
        transaction.write_log(log).await?;
        transaction.commit().await
    }
}

#[async_trait::async_trait]
impl AuditSearch for PostgresStore {
    async fn search_audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        search(self, query).await
    }

    async fn index_audit(&self, partition: PartitionId) -> Result<bool, StoreError> {
        let Some(block) = next_block(self, partition).await? else { return Ok(false) };
        let IndexedBlock { number, earliest, latest, filter } = block;
        let transaction = self.core.begin().await?;
        let values = (i64::from(partition.0), number.cast_signed());
        transaction.run(ADD_BLOCK, &[&values.0, &values.1, &earliest.0, &latest.0, &filter]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn indexed_blocks(
        &self,
        partition: PartitionId,
        first: u64,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>, StoreError> {
        self.blocks(partition, first, AuditOrder::OldestFirst, limit).await
    }
}

#[async_trait::async_trait]
impl AuditSource for PostgresStore {
    async fn entries(&self, span: AuditSpan) -> Result<Vec<StoredEntry>, StoreError> {
        let AuditSpan { partition, first, last, order, .. } = span;
        let select = match order {
            AuditOrder::OldestFirst => ENTRIES_UP,
            AuditOrder::NewestFirst => ENTRIES_DOWN,
        };
        let values = (i64::from(partition.0), first.cast_signed(), last.cast_signed(), limit(span.limit));
        let rows = self.core.sessions.read(select, &[&values.0, &values.1, &values.2, &values.3]).await?;
        Ok(rows.iter().map(|row| entry(partition, row)).collect())
    }

    async fn blocks(
        &self,
        partition: PartitionId,
        from: u64,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>, StoreError> {
        let select = match order {
            AuditOrder::OldestFirst => BLOCKS_UP,
            AuditOrder::NewestFirst => BLOCKS_DOWN,
        };
        let values = (i64::from(partition.0), from.cast_signed(), self::limit(limit));
        let rows = self.core.sessions.read(select, &[&values.0, &values.1, &values.2]).await?;
        let block = |row: &Row| IndexedBlock {
            number: number(row, 0),
            earliest: moment(row, 1),
            latest: moment(row, 2),
            filter: row.get(3),
        };
        Ok(rows.iter().map(block).collect())
    }
}

fn entry(partition: PartitionId, row: &Row) -> StoredEntry {
    StoredEntry { partition, sequence: number(row, 0), at: moment(row, 1), entry: row.get(2), link: row.get(3) }
}
