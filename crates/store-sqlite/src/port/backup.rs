//! Backups: the records of a registry, read in one transaction.
//!
//! The transaction runs on a thread of its own and hands records over in batches. Two batches may wait; when the receiver
//! is slower, the thread waits. Meanwhile the write-ahead log cannot start again at its beginning, so it grows by what is
//! written during the backup.

use crate::{
    commit::audit_tail::read_log,
    error::closed,
    port::{
        directory::read_within,
        erasure_rows,
        ledger_rows::{given_ids, key_proof},
    },
    store::SqliteStore,
};
use carnelian_domain::{AccountState, CustomerId};
use carnelian_store::{
    BackupCustomer, BackupKey, BackupUser, Backups, GivenIds, PartitionId, Record, RecordSink, StoreError,
};
use rusqlite::{Connection, Row, params, types::Type};
use tokio::sync::mpsc;

/// How many records are handed over at once: with their contents, about 1 MiB.
const BATCH: usize = 1000;

/// How many batches may wait.
const WAITING: usize = 2;

#[async_trait::async_trait]
impl Backups for SqliteStore {
    async fn back_up(&self, sink: &mut dyn RecordSink) -> Result<(), StoreError> {
        let (sender, mut batches) = mpsc::channel(WAITING);
        let (readers, key) = (self.readers.clone(), self.directory_key());
        let chain = self.audit_chain();
        let read = self.readers.run_blocking(move || {
            readers.read_blocking(|connection| {
                let snapshot = connection.transaction()?;
                let newest = read_log(&snapshot, &*chain)?.directory();
                let checked = read_within(&snapshot, newest)?.check(&*key);
                checked.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let mut batch = Batch { records: Vec::new(), sender };
                read_all(&snapshot, &mut batch)?;
                batch.send()
            })
        });
        // The receiver goes with an error of the sink, which ends the thread.
        let pass_on = async move {
            while let Some(batch) = batches.recv().await {
                sink.put(batch).await?;
            }
            Ok(())
        };
        let (read, passed_on) = tokio::join!(read, pass_on);
        passed_on.and(read)
    }

    async fn given_ids(&self) -> Result<GivenIds, StoreError> {
        self.read_synced(|connection| given_ids(connection)).await
    }

    async fn erased_customers(&self, after: CustomerId, limit: usize) -> Result<Vec<CustomerId>, StoreError> {
        self.read_synced(move |connection| {
            let mut select = connection.prepare("SELECT id FROM erased_customer WHERE id > ?1 ORDER BY id LIMIT ?2")?;
            select.query_map(params![after.0, limit], |row| row.get(0).map(CustomerId))?.collect()
        })
        .await
    }
}

/// Records on their way to the receiver.
struct Batch {
    records: Vec<Record>,
    sender: mpsc::Sender<Vec<Record>>,
}

impl Batch {
    fn add(&mut self, record: Record) -> Result<(), rusqlite::Error> {
        self.records.push(record);
        if self.records.len() < BATCH { Ok(()) } else { self.send() }
    }

    /// Fails if the receiver takes no more records; its own error is the one that counts.
    fn send(&mut self) -> Result<(), rusqlite::Error> {
        let sent = self.sender.blocking_send(std::mem::take(&mut self.records));
        sent.map_err(|_| rusqlite::Error::ToSqlConversionFailure(Box::new(closed())))
    }
}

/// Reads every record, in the order of the variants of [`Record`].
fn read_all(connection: &Connection, batch: &mut Batch) -> Result<(), rusqlite::Error> {
    batch.add(Record::Registry { key_proof: key_proof(connection)?, ids: given_ids(connection)? })?;
    let mut read = |select: &str, record: fn(&Row<'_>) -> Result<Record, rusqlite::Error>| {
        let mut select = connection.prepare(select)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            batch.add(record(row)?)?;
        }
        Ok::<_, rusqlite::Error>(())
    };
    read("SELECT id, name, state, created_at, wrapped_key FROM account ORDER BY id", account)?;
    read("SELECT id, name FROM account_group ORDER BY id", |row| {
        Ok(Record::Group { id: row.get(0)?, name: row.get(1)? })
    })?;
    read("SELECT group_id, account_id FROM group_account ORDER BY 1, 2", |row| {
        Ok(Record::Member { group: row.get(0)?, account: row.get(1)? })
    })?;
    read("SELECT id, name, account_id, group_id, role, enabled, created_at FROM registry_user ORDER BY id", user)?;
    read(
        "SELECT key_id, user_id, account_id, digest, kind, label, api_key.created_at, expires_at, revoked_at, last_used_at,
            allowed FROM api_key JOIN registry_user ON registry_user.id = user_id ORDER BY api_key.id",
        key,
    )?;
    read("SELECT name, digest FROM setting ORDER BY name", |row| {
        Ok(Record::Setting { name: row.get(0)?, digest: row.get(1)? })
    })?;
    read(&format!("{} ORDER BY id", erasure_rows::SELECT), erasure_record)?;
    read("SELECT id FROM erased_customer ORDER BY id", |row| Ok(Record::ErasedCustomer { id: row.get(0)? }))?;
    read("SELECT sequence, at, entry, link FROM audit ORDER BY sequence", |row| {
        let (sequence, at, entry, link) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Record::AuditEntry { partition: PartitionId::FIRST, sequence, at, entry, link })
    })?;
    read("SELECT audit_sequence, audit_seal FROM registry", |row| {
        Ok(Record::AuditEnd { partition: PartitionId::FIRST, sequence: row.get(0)?, seal: row.get(1)? })
    })?;
    read(
        "SELECT id, account_id, name, ifnull(unique_name, name), version, ship_to_bill_address, created_at, modified_at,
            sealed FROM customer ORDER BY id",
        customer,
    )
}

fn account(row: &Row<'_>) -> Result<Record, rusqlite::Error> {
    let state = match row.get(2)? {
        0 => AccountState::Active,
        1 => AccountState::ErasureInProgress,
        2 => AccountState::Erased,
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(2, other)),
    };
    let (id, name, created_at, wrapped_key) = (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?);
    Ok(Record::Account { id, name, state, created_at, wrapped_key })
}

fn user(row: &Row<'_>) -> Result<Record, rusqlite::Error> {
    let role: String = row.get(4)?;
    Ok(Record::User(BackupUser {
        id: row.get(0)?,
        name: row.get(1)?,
        account: row.get(2)?,
        group: row.get(3)?,
        role: role.parse().map_err(|error: String| invalid(4, error))?,
        enabled: row.get(5)?,
        created_at: row.get(6)?,
    }))
}

fn key(row: &Row<'_>) -> Result<Record, rusqlite::Error> {
    Ok(Record::Key(BackupKey {
        key_id: row.get(0)?,
        user: row.get(1)?,
        account: row.get(2)?,
        digest: row.get(3)?,
        imported: row.get(4)?,
        label: row.get(5)?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        revoked_at: row.get(8)?,
        last_used_at: row.get(9)?,
        allowed: row.get(10)?,
    }))
}

fn erasure_record(row: &Row<'_>) -> Result<Record, rusqlite::Error> {
    Ok(Record::Erasure(erasure_rows::record(row)?.into()))
}

fn customer(row: &Row<'_>) -> Result<Record, rusqlite::Error> {
    Ok(Record::Customer(BackupCustomer {
        id: row.get(0)?,
        account: row.get(1)?,
        name: row.get(2)?,
        unique_name: row.get(3)?,
        version: row.get(4)?,
        ship_to_bill_address: row.get(5)?,
        created_at: row.get(6)?,
        modified_at: row.get(7)?,
        sealed: row.get(8)?,
    }))
}

fn invalid(column: usize, error: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::schema;
    use carnelian_store::contract::TestKeys;
    use std::thread;

    #[test]
    fn every_record_is_handed_over_once_whatever_the_batches() {
        let directory = tempfile::tempdir().expect("a directory");
        for records in [2, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 1, 5 * BATCH] {
            let path = directory.path().join(format!("{records}.db"));
            let connection = schema::open_for_writing(&path, true, &TestKeys).expect("opens");
            // The registry comes first, and the end of the audit log last.
            let erased = records - 2;
            let fill = "
                WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ?1)
                INSERT INTO erased_customer SELECT id FROM number WHERE id <= ?1";
            connection.execute(fill, [erased]).expect("fills");
            let (sender, mut batches) = mpsc::channel(WAITING);
            let reader = thread::spawn(move || {
                let mut batch = Batch { records: Vec::new(), sender };
                read_all(&connection, &mut batch).and_then(|()| batch.send()).expect("is read");
            });
            let mut taken = Vec::new();
            while let Some(batch) = batches.blocking_recv() {
                assert!(batch.len() <= BATCH);
                taken.extend(batch);
            }
            reader.join().expect("ends");
            assert_eq!(taken.len(), records);
            assert!(
                matches!(taken[0], Record::Registry { .. }) && matches!(taken[records - 1], Record::AuditEnd { .. })
            );
            let ids = taken.iter().filter_map(|record| match record {
                Record::ErasedCustomer { id } => Some(*id),
                _ => None,
            });
            assert!(ids.eq(1..=erased as u64), "{records} records");
        }
    }
}
