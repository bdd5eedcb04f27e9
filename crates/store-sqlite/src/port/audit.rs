//! The audit log: each change inserts its entries in its own transaction. There is one partition.

use crate::store::SqliteStore;
use carnelian_domain::Timestamp;
use carnelian_store::{
    Audit, AuditEnd, AuditOrder, AuditPage, AuditQuery, AuditSearch, AuditSource, AuditSpan, IndexedBlock, PartitionId,
    Partitions, StoreError, StoredEntry,
    audit_search::{next_block, search},
};
use rusqlite::{Connection, Params, Row, params};

const ENTRIES_UP: &str =
    "SELECT sequence, at, entry, link FROM audit WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence LIMIT ?3";

const ENTRIES_DOWN: &str =
    "SELECT sequence, at, entry, link FROM audit WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence DESC LIMIT ?3";

const BLOCKS_UP: &str =
    "SELECT number, earliest, latest, filter FROM audit_block WHERE number >= ?1 ORDER BY number LIMIT ?2";

const BLOCKS_DOWN: &str =
    "SELECT number, earliest, latest, filter FROM audit_block WHERE number <= ?1 ORDER BY number DESC LIMIT ?2";

/// Adds a row to the index, unless another server has added it.
const ADD_BLOCK: &str = "INSERT OR IGNORE INTO audit_block (number, earliest, latest, filter) VALUES (?1, ?2, ?3, ?4)";

fn entry(row: &Row<'_>) -> Result<StoredEntry, rusqlite::Error> {
    let (partition, at) = (PartitionId::FIRST, Timestamp(row.get(1)?));
    Ok(StoredEntry { partition, sequence: row.get(0)?, at, entry: row.get(2)?, link: row.get(3)? })
}

fn block(row: &Row<'_>) -> Result<IndexedBlock, rusqlite::Error> {
    let (earliest, latest) = (Timestamp(row.get(1)?), Timestamp(row.get(2)?));
    Ok(IndexedBlock { number: row.get(0)?, earliest, latest, filter: row.get(3)? })
}

fn rows<T>(
    connection: &Connection,
    select: &str,
    values: impl Params,
    row: fn(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, rusqlite::Error> {
    connection.prepare_cached(select)?.query_map(values, row)?.collect()
}

fn end(row: &Row<'_>) -> Result<AuditEnd, rusqlite::Error> {
    Ok(AuditEnd::stored(PartitionId::FIRST, row.get(0)?, row.get_ref(1)?.as_blob_or_null()?))
}

impl Partitions for SqliteStore {
    fn partition_count(&self) -> u16 {
        1
    }
}

#[async_trait::async_trait]
impl Audit for SqliteStore {
    async fn audit_entries(
        &self,
        partition: PartitionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        if partition != PartitionId::FIRST {
            return Ok(Vec::new());
        }
        let select = "SELECT sequence, at, entry, link FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
        self.read_synced(move |connection| rows(connection, select, params![after, limit], entry)).await
    }

    async fn audit_ends(&self) -> Result<Vec<AuditEnd>, StoreError> {
        let select = "SELECT audit_sequence, audit_seal FROM registry";
        self.read_synced(move |connection| Ok(vec![connection.prepare_cached(select)?.query_row([], end)?])).await
    }

    async fn append_audit(&self, _: PartitionId, entries: Vec<String>) -> Result<(), StoreError> {
        self.write(move |tx| entries.iter().try_for_each(|entry| tx.record(entry))).await
    }
}

#[async_trait::async_trait]
impl AuditSearch for SqliteStore {
    async fn search_audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let page = search(self, query).await?;
        self.sync_what_was_read().await?;
        Ok(page)
    }

    async fn index_audit(&self, partition: PartitionId) -> Result<bool, StoreError> {
        let Some(block) = next_block(self, partition).await? else { return Ok(false) };
        self.write(move |tx| {
            let values = params![block.number, block.earliest.0, block.latest.0, block.filter];
            Ok(tx.connection.prepare_cached(ADD_BLOCK)?.execute(values)?)
        })
        .await?;
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

/// Reads without a sync of its own for each step, and in turn with other scans.
#[async_trait::async_trait]
impl AuditSource for SqliteStore {
    async fn entries(&self, span: AuditSpan) -> Result<Vec<StoredEntry>, StoreError> {
        let AuditSpan { partition, first, last, order, limit } = span;
        if partition != PartitionId::FIRST {
            return Ok(Vec::new());
        }
        let select = match order {
            AuditOrder::OldestFirst => ENTRIES_UP,
            AuditOrder::NewestFirst => ENTRIES_DOWN,
        };
        self.read_step(move |connection| rows(connection, select, params![first, last, limit], entry)).await
    }

    async fn blocks(
        &self,
        partition: PartitionId,
        from: u64,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>, StoreError> {
        if partition != PartitionId::FIRST {
            return Ok(Vec::new());
        }
        let select = match order {
            AuditOrder::OldestFirst => BLOCKS_UP,
            AuditOrder::NewestFirst => BLOCKS_DOWN,
        };
        self.read_step(move |connection| rows(connection, select, params![from, limit], block)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::listing::tests::store;
    use std::{
        io,
        pin::pin,
        sync::{Mutex, mpsc},
        task::{Context, Waker},
        time::Duration,
    };

    #[test]
    fn nothing_of_the_audit_log_is_shown_before_it_is_on_stable_storage() {
        let directory = tempfile::tempdir().expect("a directory");
        let (begin, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let ended = Mutex::new(ended);
        let sync = move || {
            begin.send(()).map_err(io::Error::other)?;
            let _ = ended.lock().expect("one syncs at a time").recv();
            Ok(())
        };
        let store = store(&directory.path().join("carnelian.db"), Box::new(sync)).expect("opens");
        // Dropped before the store is, whose end waits for the last sync.
        let end = end;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut context = Context::from_waker(Waker::noop());
        let (mut entries, mut audit_ends) =
            (pin!(store.audit_entries(PartitionId::FIRST, 0, 10)), pin!(store.audit_ends()));
        assert!(entries.as_mut().poll(&mut context).is_pending());
        begun.recv_timeout(Duration::from_secs(30)).expect("what was read is synced");
        assert!(entries.as_mut().poll(&mut context).is_pending());
        end.send(()).expect("the sync ends");
        assert!(runtime.block_on(entries).expect("is shown").is_empty());
        assert!(audit_ends.as_mut().poll(&mut context).is_pending());
        begun.recv_timeout(Duration::from_secs(30)).expect("what was read is synced");
        end.send(()).expect("the sync ends");
        runtime.block_on(audit_ends).expect("is shown");
    }

    #[test]
    fn a_file_system_that_takes_no_writes_lets_the_audit_log_be_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let sync = || Err(io::ErrorKind::ReadOnlyFilesystem.into());
        let store = store(&directory.path().join("carnelian.db"), Box::new(sync)).expect("opens");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert!(runtime.block_on(store.audit_entries(PartitionId::FIRST, 0, 10)).expect("is shown").is_empty());
    }
}
