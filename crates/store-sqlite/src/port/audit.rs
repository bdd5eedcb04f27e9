//! The audit log: each change inserts its entries in its own transaction. There is one partition.

use crate::store::SqliteStore;
use carnelian_domain::Timestamp;
use carnelian_store::{Audit, AuditChain, AuditEnd, AuditHead, Link, PartitionId, Partitions, StoreError, StoredEntry};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// The end of the log within the writer's open transaction. Other processes append as well, so each transaction reads it anew.
pub(crate) struct AuditTail {
    chain: Arc<dyn AuditChain>,
    /// Set from the first entry of a transaction until its end.
    head: Option<AuditHead>,
}

impl AuditTail {
    pub(crate) fn new(chain: Arc<dyn AuditChain>) -> AuditTail {
        AuditTail { chain, head: None }
    }

    /// Appends an entry within the open transaction.
    pub(crate) fn append(
        &mut self,
        connection: &Connection,
        now: Timestamp,
        entry: &str,
    ) -> Result<(), rusqlite::Error> {
        let mut head = match self.head {
            Some(head) => head,
            None => read_head(connection, &*self.chain)?,
        };
        head.append(&*self.chain, now, entry);
        let insert = "INSERT INTO audit (sequence, at, entry, link) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(insert)?.execute(params![head.sequence, now.0, entry, head.link])?;
        self.head = Some(head);
        Ok(())
    }

    /// Stores the end of the log, once for all entries of the transaction, right before its commit.
    pub(crate) fn finish(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let Some(head) = self.head.take() else { return Ok(()) };
        let end = head.end(&*self.chain);
        let update = "UPDATE registry SET audit_sequence = ?1, audit_seal = ?2";
        connection.prepare_cached(update)?.execute(params![end.sequence, end.seal])?;
        Ok(())
    }

    /// Discards the head of a transaction that was rolled back.
    pub(crate) fn forget(&mut self) {
        self.head = None;
    }
}

fn read_head(connection: &Connection, chain: &dyn AuditChain) -> Result<AuditHead, rusqlite::Error> {
    let select = "SELECT audit_sequence, audit_seal, link FROM registry LEFT JOIN audit ON sequence = audit_sequence";
    connection.prepare_cached(select)?.query_row([], |row| {
        let link = row.get::<_, Option<Link>>(2)?;
        // A seal of another length is that of no end.
        let seal = row.get_ref(1)?.as_blob()?.try_into().unwrap_or([0; 32]);
        let end = AuditEnd { partition: PartitionId::FIRST, sequence: row.get(0)?, seal };
        Ok(AuditHead::resume(chain, &end, link))
    })
}

/// Seals the end of a log without entries.
pub(crate) fn seal_empty(connection: &Connection, chain: &dyn AuditChain) -> Result<(), rusqlite::Error> {
    let end = AuditHead::empty(PartitionId::FIRST).end(chain);
    connection.execute("UPDATE registry SET audit_seal = ?1", [end.seal]).map(drop)
}

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
        self.write(move |writing| writing.record(&entry)).await
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
