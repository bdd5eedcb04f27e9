//! The audit log: entries go in with the changes that they tell of, and each is linked to the one before.

use crate::SqliteStore;
use carnelian_domain::Timestamp;
use carnelian_store::{Audit, AuditChain, AuditEnd, AuditHead, FIRST_LINK, Link, StoreError, StoredEntry};
use rusqlite::{Connection, params};
use std::sync::Arc;

/// What no entry has for a link.
const BROKEN: Link = [0xff; 32];

/// The end of the log, as the writer knows it within a transaction. Other processes append as well.
pub(crate) struct AuditTail {
    chain: Arc<dyn AuditChain>,
    /// Known from the first entry of a transaction until its end.
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
        let head = match self.head {
            Some(head) => head,
            None => read_head(connection, &*self.chain)?,
        };
        let sequence = head.sequence + 1;
        let link = self.chain.link(&head.link, sequence, now, entry);
        let insert = "INSERT INTO audit (sequence, at, entry, link) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(insert)?.execute(params![sequence, now.0, entry, link])?;
        self.head = Some(AuditHead { sequence, link });
        Ok(())
    }

    /// Notes where the log ends: the last thing that a transaction does, once for all entries in it.
    pub(crate) fn finish(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let Some(head) = self.head.take() else { return Ok(()) };
        let update = "UPDATE registry SET audit_sequence = ?1, audit_seal = ?2";
        connection.prepare_cached(update)?.execute(params![head.sequence, self.chain.seal(&head)])?;
        Ok(())
    }

    /// The transaction was undone.
    pub(crate) fn forget(&mut self) {
        self.head = None;
    }
}

/// The last entry. If it is not the one that was sealed, the next one follows nothing that there could be, so that the
/// log does not become whole again by what is appended.
fn read_head(connection: &Connection, chain: &dyn AuditChain) -> Result<AuditHead, rusqlite::Error> {
    let select = "SELECT audit_sequence, link, audit_seal FROM registry LEFT JOIN audit ON sequence = audit_sequence";
    connection.prepare_cached(select)?.query_row([], |row| {
        let link = row.get::<_, Option<Link>>(1)?.unwrap_or(FIRST_LINK);
        let head = AuditHead { sequence: row.get(0)?, link };
        let is_sealed = row.get_ref(2)?.as_blob()? == chain.seal(&head);
        Ok(if is_sealed { head } else { AuditHead { link: BROKEN, ..head } })
    })
}

/// Seals the end of a log without entries.
pub(crate) fn seal_empty(connection: &Connection, chain: &dyn AuditChain) -> Result<(), rusqlite::Error> {
    let head = AuditHead { sequence: 0, link: FIRST_LINK };
    connection.execute("UPDATE registry SET audit_seal = ?1", [chain.seal(&head)]).map(drop)
}

#[async_trait::async_trait]
impl Audit for SqliteStore {
    async fn audit_entries(&self, after: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        let select = "SELECT sequence, at, entry, link FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
        self.read_synced(move |connection| {
            let mut select = connection.prepare_cached(select)?;
            let entries = select.query_map(params![after, limit], |row| {
                let at = Timestamp(row.get(1)?);
                Ok(StoredEntry { sequence: row.get(0)?, at, entry: row.get(2)?, link: row.get(3)? })
            })?;
            entries.collect()
        })
        .await
    }

    async fn audit_end(&self) -> Result<AuditEnd, StoreError> {
        let select = "SELECT audit_sequence, audit_seal FROM registry";
        self.read_synced(move |connection| {
            let mut select = connection.prepare_cached(select)?;
            select.query_row([], |row| Ok(AuditEnd { sequence: row.get(0)?, seal: row.get(1)? }))
        })
        .await
    }

    async fn append_audit(&self, entry: String) -> Result<(), StoreError> {
        self.write(move |writing| writing.record(&entry)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::store;
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
        let (mut entries, mut audit_end) = (pin!(store.audit_entries(0, 10)), pin!(store.audit_end()));
        assert!(entries.as_mut().poll(&mut context).is_pending());
        begun.recv_timeout(Duration::from_secs(30)).expect("what was read is synced");
        assert!(entries.as_mut().poll(&mut context).is_pending());
        end.send(()).expect("the sync ends");
        assert!(runtime.block_on(entries).expect("is shown").is_empty());
        assert!(audit_end.as_mut().poll(&mut context).is_pending());
        begun.recv_timeout(Duration::from_secs(30)).expect("what was read is synced");
        end.send(()).expect("the sync ends");
        runtime.block_on(audit_end).expect("is shown");
    }

    #[test]
    fn a_file_system_that_takes_no_writes_lets_the_audit_log_be_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let sync = || Err(io::ErrorKind::ReadOnlyFilesystem.into());
        let store = store(&directory.path().join("carnelian.db"), Box::new(sync)).expect("opens");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert!(runtime.block_on(store.audit_entries(0, 10)).expect("is shown").is_empty());
    }
}
