//! Appends entries to the audit log within a transaction.
//!
//! Each entry is linked to the one before, so the writer keeps the end of the log. Other processes append as well, so
//! each transaction reads it anew.

use carnelian_domain::Timestamp;
use carnelian_store::{AuditChain, AuditEnd, AuditHead, Link, PartitionId};
use rusqlite::{Connection, params};
use std::sync::Arc;

/// The end of the log within the writer's open transaction.
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

    /// Switches to the keys of the registry whose log is being restored.
    pub(crate) fn adopt(&mut self, chain: Arc<dyn AuditChain>) {
        self.chain = chain;
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
