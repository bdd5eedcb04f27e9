//! Transactions, and the end of the audit log within them.
//!
//! A transaction that writes entries of the audit log locks the row of the partition, which orders all writes of the
//! partition. It is the last lock that is taken, but by changes of the directory, which take no other; so no two
//! transactions wait for each other there. What is read after it is the state that the commit finds.

use crate::{
    error::DatabaseError,
    session::{Done, Session, Values},
    sessions::{Lease, Sessions},
};
use carnelian_domain::Timestamp;
use carnelian_store::{AuditChain, AuditEnd, AuditLog, Link, PartitionId, Seal, StoreError};
use std::{ops::Deref, sync::Arc};
use tokio_postgres::Row;

/// The rows that wait for the lock were read before; the next statement reads anew.
const LOCK: &str = "SELECT empty_seal FROM partition WHERE partition = $1 FOR UPDATE";

const LAST_ENTRY: &str = "SELECT sequence, link, seal FROM audit WHERE partition = $1 ORDER BY sequence DESC LIMIT 1";

/// The statements that lock the audit log of a partition until the end of the transaction, and read its end;
/// [`LockedLog::new`] takes their results.
pub(crate) const LOCK_LOG: [&str; 2] = [LOCK, LAST_ENTRY];

/// The end of a log, in one statement, so that all of it is of one moment.
pub(crate) const END: &str = "
    SELECT a.sequence, a.link, a.seal, p.empty_seal
    FROM partition p LEFT JOIN audit a ON a.partition = p.partition
        AND a.sequence = (SELECT max(sequence) FROM audit WHERE partition = $1)
    WHERE p.partition = $1";

const APPEND: &str = "
    INSERT INTO audit (partition, sequence, at, entry, link, seal)
    SELECT p.partition, t.sequence, $2::BIGINT, t.entry, t.link, t.seal
    FROM partition p, unnest($3::BIGINT[], $4::TEXT[], $5::BYTEA[], $6::BYTEA[]) AS t (sequence, entry, link, seal)
    WHERE p.partition = $1";

/// Writes the seal of the last entry.
pub(crate) const SEAL: &str = "UPDATE audit SET seal = $3 WHERE partition = $1 AND sequence = $2";

/// Writes the seal of a log without entries.
pub(crate) const SEAL_EMPTY: &str = "UPDATE partition SET empty_seal = $2 WHERE partition = $1";

const UNSEAL: &str = "UPDATE audit SET seal = NULL WHERE partition = $1 AND sequence = $2";

const UNSEAL_EMPTY: &str = "UPDATE partition SET empty_seal = NULL WHERE partition = $1";

/// The isolation of a transaction: each statement reads anew. It is said in each transaction, because what is read after
/// a lock must be newer than the lock. Nothing can be written outside of such a transaction, so the first statements are
/// sent with the begin: if that fails, they fail as well and are not committed one by one.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// The isolation of a transaction that reads everything as of one moment. It locks nothing, so it may take its time.
const BEGIN_SNAPSHOT: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// An open transaction. It is rolled back when it is dropped.
pub(crate) struct Transaction {
    /// Taken when the transaction ends.
    lease: Option<Lease>,
    /// When it began.
    pub(crate) now: Timestamp,
}

impl Transaction {
    /// Begins a transaction that writes.
    pub(crate) async fn begin(sessions: &Sessions, now: Timestamp) -> Result<Transaction, DatabaseError> {
        Transaction::begin_on(sessions.lease().await?, BEGIN, now).await
    }

    /// Begins a transaction of a writer, and runs its first statements.
    pub(crate) async fn begin_for_writer(
        sessions: &Sessions,
        now: Timestamp,
        statements: &[(&'static str, Values<'_>)],
    ) -> Result<(Transaction, Vec<Done>), DatabaseError> {
        Transaction::begin_with(sessions.lease_for_writer().await?, BEGIN, now, statements).await
    }

    /// Begins a transaction that reads everything as of one moment.
    pub(crate) async fn begin_snapshot(sessions: &Sessions) -> Result<Transaction, DatabaseError> {
        Transaction::begin_on(sessions.lease().await?, BEGIN_SNAPSHOT, Timestamp(0)).await
    }

    async fn begin_on(lease: Lease, begin: &str, now: Timestamp) -> Result<Transaction, DatabaseError> {
        Ok(Transaction::begin_with(lease, begin, now, &[]).await?.0)
    }

    async fn begin_with(
        lease: Lease,
        begin: &str,
        now: Timestamp,
        statements: &[(&'static str, Values<'_>)],
    ) -> Result<(Transaction, Vec<Done>), DatabaseError> {
        lease.session.forget_warnings();
        let transaction = Transaction { lease: Some(lease), now };
        let done = transaction.run_all_after(begin, statements).await?;
        Ok((transaction, done))
    }

    /// Commits.
    ///
    /// Every statement before has succeeded, so the transaction can still be committed. The commit counts only if the
    /// database says so without any warning since the beginning: if the wait for a standby is cancelled, it
    /// acknowledges with a warning what may be lost.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let Some(lease) = self.lease.take() else { return Err(StoreError::unknown("the transaction has ended")) };
        match lease.session.command("COMMIT").await {
            Ok(()) if !lease.session.has_warned() => {
                lease.end();
                Ok(())
            }
            Ok(()) => Err(StoreError::unknown("the database has warned during the transaction")),
            Err(error) if error.has_undone() => Err(error.into()),
            Err(error) => Err(StoreError::unknown(error)),
        }
    }

    /// Rolls back, and waits until that is done.
    pub(crate) async fn roll_back(mut self) {
        if let Some(lease) = self.lease.take()
            && lease.session.command("ROLLBACK").await.is_ok()
        {
            lease.end();
        }
    }

    /// Locks the audit log of a partition until the end of the transaction.
    pub(crate) async fn lock_log(
        &self,
        chain: Arc<dyn AuditChain>,
        partition: PartitionId,
    ) -> Result<LockedLog, DatabaseError> {
        let number = i64::from(partition.0);
        let number: Values<'_> = &[&number];
        LockedLog::new(chain, partition, &self.run_all(&LOCK_LOG.map(|sql| (sql, number))).await?)
    }

    /// Writes the entries that were appended to a log.
    pub(crate) async fn write_log(&self, log: LockedLog) -> Result<(), DatabaseError> {
        let Some(last) = log.links.last() else { return Ok(()) };
        let LockedLog { chain, log, before, entries, links } = &log;
        let partition = i64::from(log.head().partition.0);
        let (before, count) = (before.cast_signed(), entries.len() as i64);
        let sequences: Vec<_> = (before + 1..=before + count).collect();
        let (end, at) = (log.end(&**chain), self.now.0);
        let seals: Vec<_> =
            sequences.iter().map(|sequence| (*sequence == before + count).then_some(&end.seal[..])).collect();
        debug_assert_eq!(*last, log.head().link);
        let links: Vec<_> = links.iter().map(|link| &link[..]).collect();
        let entry_values: Values<'_> = &[&partition, &at, &sequences, entries, &links, &seals];
        let numbered: Values<'_> = &[&partition, &before];
        let unseal = if before == 0 { (UNSEAL_EMPTY, &numbered[..1]) } else { (UNSEAL, numbered) };
        let done = self.run_all(&[(APPEND, entry_values), unseal]).await?;
        done[0].must_count(entries.len())?;
        done[1].must_count(1)
    }

    /// Writes the end of a log to which nothing was appended.
    pub(crate) async fn write_end(&self, log: &LockedLog) -> Result<(), DatabaseError> {
        let end = log.log.end(&*log.chain);
        let (partition, sequence, seal) = (i64::from(end.partition.0), end.sequence.cast_signed(), &end.seal[..]);
        let written = match sequence {
            0 => self.run(SEAL_EMPTY, &[&partition, &seal]).await?,
            _ => self.run(SEAL, &[&partition, &sequence, &seal]).await?,
        };
        if written.count == 1 { Ok(()) } else { Err(DatabaseError::Corrupt("the audit log has no end")) }
    }
}

impl Deref for Transaction {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.lease.as_ref().expect("the transaction is open until it is dropped").session
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.roll_back();
        }
    }
}

/// The audit log of a partition that no other transaction appends to meanwhile.
pub(crate) struct LockedLog {
    chain: Arc<dyn AuditChain>,
    log: AuditLog,
    /// How many entries were there before.
    before: u64,
    entries: Vec<String>,
    links: Vec<Link>,
}

impl LockedLog {
    /// A log, from what [`LOCK_LOG`] has returned.
    pub(crate) fn new(
        chain: Arc<dyn AuditChain>,
        partition: PartitionId,
        done: &[Done],
    ) -> Result<LockedLog, DatabaseError> {
        let rows = |statement: usize| done.get(statement).and_then(|done| done.rows.first());
        let lock = rows(0).ok_or(DatabaseError::Corrupt("a partition is missing"))?;
        let last = rows(1);
        let end = end(partition, lock.get(0), last);
        let link = last.and_then(|row| row.get::<_, &[u8]>(1).try_into().ok());
        let log = AuditLog::resume(&*chain, &end, link);
        Ok(LockedLog { chain, log, before: end.sequence, entries: Vec::new(), links: Vec::new() })
    }

    /// Appends an entry; it is stored by [`Transaction::write_log`].
    pub(crate) fn append(&mut self, now: Timestamp, entry: String) {
        self.log.append(&*self.chain, now, &entry);
        self.entries.push(entry);
        self.links.push(self.log.head().link);
    }

    /// Whether entries were appended.
    pub(crate) fn is_extended(&self) -> bool {
        !self.entries.is_empty()
    }

    /// What links and seals the log.
    pub(crate) fn chain(&self) -> &dyn AuditChain {
        &*self.chain
    }

    /// Makes the directory with a seal the newest one; it is stored by [`Transaction::write_log`], too.
    pub(crate) fn set_directory(&mut self, directory: Seal) {
        self.log.set_directory(directory);
    }
}

/// Reads the end of a partition's log.
pub(crate) async fn log_end(session: &Session, partition: PartitionId) -> Result<AuditEnd, DatabaseError> {
    Ok(end_of_row(partition, &session.one(END, &[&i64::from(partition.0)]).await?))
}

/// A log as the last transaction left it, from the row of [`END`].
pub(crate) fn log_of_row(chain: &dyn AuditChain, partition: PartitionId, row: &Row) -> AuditLog {
    let link = row.get::<_, Option<&[u8]>>(1).and_then(|link| link.try_into().ok());
    AuditLog::resume(chain, &end_of_row(partition, row), link)
}

fn end_of_row(partition: PartitionId, row: &Row) -> AuditEnd {
    let last = row.get::<_, Option<i64>>(0).map(|_| row);
    end(partition, row.get(3), last)
}

/// The end of a log, from the seal of the empty log and the row of its last entry.
fn end(partition: PartitionId, empty_seal: Option<&[u8]>, last: Option<&Row>) -> AuditEnd {
    let (sequence, seal) = match last {
        Some(last) => (last.get::<_, i64>(0).cast_unsigned(), last.get::<_, Option<&[u8]>>(2)),
        None => (0, empty_seal),
    };
    AuditEnd::stored(partition, sequence, seal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        background::Background,
        session::{Database, Durability},
    };

    #[tokio::test]
    async fn the_first_statements_write_nothing_if_the_begin_fails() {
        let url = test_postgres::new_database();
        test_postgres::run_sql(&url, "CREATE TABLE note (text BIGINT)");
        let background = Background::start().expect("starts");
        let database = Database { url, password: None, ca_file: None, durability: Durability::Local };
        let connector = background.connector(&database).expect("the URL is valid");
        let sessions = Sessions::new(connector, background.handle().clone());
        let insert: [(_, Values<'_>); 1] = [("INSERT INTO note VALUES ($1)", &[&1_i64])];
        for (begin, written) in [("BEGIN TRANSACTION OF SOME KIND", "0"), (BEGIN, "1")] {
            let lease = sessions.lease_for_writer().await.expect("a connection");
            let begun = Transaction::begin_with(lease, begin, Timestamp(0), &insert).await;
            if let Ok((transaction, _)) = begun {
                transaction.commit().await.expect("is committed");
            }
            assert_eq!(test_postgres::run_sql(&database.url, "SELECT count(*) FROM note"), written);
        }
    }
}
