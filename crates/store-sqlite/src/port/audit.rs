//! The audit log: each change inserts its entries in its own transaction. There is one partition.

use crate::store::SqliteStore;
use carnelian_domain::Timestamp;
use carnelian_store::{Audit, AuditEnd, PartitionId, Partitions, StoreError, StoredEntry};
use rusqlite::{Row, params};

fn end(row: &Row<'_>) -> Result<AuditEnd, rusqlite::Error> {
    Ok(AuditEnd { partition: PartitionId::FIRST, sequence: row.get(0)?, seal: row.get(1)? })
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
        self.read_synced(move |connection| {
            let mut select = connection.prepare_cached(select)?;
            let entries = select.query_map(params![after, limit], |row| {
                let at = Timestamp(row.get(1)?);
                Ok(StoredEntry { partition, sequence: row.get(0)?, at, entry: row.get(2)?, link: row.get(3)? })
            })?;
            entries.collect()
        })
        .await
    }

    async fn audit_ends(&self) -> Result<Vec<AuditEnd>, StoreError> {
        let select = "SELECT audit_sequence, audit_seal FROM registry";
        self.read_synced(move |connection| Ok(vec![connection.prepare_cached(select)?.query_row([], end)?])).await
    }

    async fn append_audit(&self, _: PartitionId, entry: String) -> Result<(), StoreError> {
        self.write(move |tx| tx.record(&entry)).await
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
