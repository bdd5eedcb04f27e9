//! Appends entries to the audit log within a transaction.
//!
//! Each entry is linked to the one before, so the writer keeps the end of the log. Other processes append as well, so
//! each transaction reads it anew.

use carnelian_domain::Timestamp;
use carnelian_store::{AuditChain, AuditEnd, AuditLog, Link, PartitionId, Seal};
use rusqlite::{Connection, params};
use std::sync::Arc;

/// The end of the log within the writer's open transaction.
pub(crate) struct AuditTail {
    chain: Arc<dyn AuditChain>,
    /// Set from the first entry of a transaction until its end.
    log: Option<AuditLog>,
}

impl AuditTail {
    pub(crate) fn new(chain: Arc<dyn AuditChain>) -> AuditTail {
        AuditTail { chain, log: None }
    }

    /// Appends an entry within the open transaction.
    pub(crate) fn append(
        &mut self,
        connection: &Connection,
        now: Timestamp,
        entry: &str,
    ) -> Result<(), rusqlite::Error> {
        let mut log = self.log(connection)?;
        log.append(&*self.chain, now, entry);
        let insert = "INSERT INTO audit (sequence, at, entry, link) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(insert)?.execute(params![log.head().sequence, now.0, entry, log.head().link])?;
        self.log = Some(log);
        Ok(())
    }

    /// The seal of the newest directory, as the open transaction finds it.
    pub(crate) fn directory(&self, connection: &Connection) -> Result<Seal, rusqlite::Error> {
        Ok(self.log(connection)?.directory())
    }

    /// Makes the directory with a seal the newest one, within the open transaction.
    pub(crate) fn set_directory(&mut self, connection: &Connection, directory: Seal) -> Result<(), rusqlite::Error> {
        let mut log = self.log(connection)?;
        log.set_directory(directory);
        self.log = Some(log);
        Ok(())
    }

    fn log(&self, connection: &Connection) -> Result<AuditLog, rusqlite::Error> {
        self.log.map_or_else(|| read_log(connection, &*self.chain), Ok)
    }

    /// Stores the end of the log, once for all entries of the transaction, right before its commit.
    pub(crate) fn finish(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let Some(log) = self.log.take() else { return Ok(()) };
        let end = log.end(&*self.chain);
        let update = "UPDATE registry SET audit_sequence = ?1, audit_seal = ?2";
        connection.prepare_cached(update)?.execute(params![end.sequence, end.seal])?;
        Ok(())
    }

    /// Switches to the keys of the registry whose log is being restored.
    pub(crate) fn adopt(&mut self, chain: Arc<dyn AuditChain>) {
        self.chain = chain;
    }

    /// Discards what a transaction has appended that was rolled back.
    pub(crate) fn forget(&mut self) {
        self.log = None;
    }
}

/// The log as the last transaction left it.
pub(crate) fn read_log(connection: &Connection, chain: &dyn AuditChain) -> Result<AuditLog, rusqlite::Error> {
    let select = "SELECT audit_sequence, audit_seal, link FROM registry LEFT JOIN audit ON sequence = audit_sequence";
    connection.prepare_cached(select)?.query_row([], |row| {
        let link = row.get::<_, Option<Link>>(2)?;
        let end = AuditEnd::stored(PartitionId::FIRST, row.get(0)?, row.get_ref(1)?.as_blob_or_null()?);
        Ok(AuditLog::resume(chain, &end, link))
    })
}
