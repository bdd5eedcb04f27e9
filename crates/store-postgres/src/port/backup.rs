//! Backups: the records of a registry, read in one transaction, page after page.

use crate::{
    core::{PARTITION, PARTITION_NUMBER},
    error::DatabaseError,
    port::{
        directory::read_within,
        erasure_rows,
        rows::{account_state, limit, number},
    },
    session::{Done, Values},
    store::PostgresStore,
    transaction::{Transaction, log_end},
};
use carnelian_domain::CustomerId;
use carnelian_store::{BackupCustomer, BackupKey, BackupUser, Backups, GivenIds, Record, RecordSink, StoreError};
use tokio_postgres::Row;

/// How many rows a page has.
const PAGE: usize = 1000;

const REGISTRY: &str = "
    SELECT b.next, r.last_account, r.last_group, r.last_user, r.last_erasure, r.key_proof
    FROM registry r, id_block b WHERE b.partition = $1";
const ACCOUNTS: &str = "
    SELECT id, name, state, created_at, wrapped_key FROM account WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3";
const GROUPS: &str = "SELECT id, name FROM account_group ORDER BY id";
const MEMBERS: &str = "SELECT group_id, account_id FROM group_account ORDER BY group_id, account_id";
const USERS: &str = "
    SELECT id, name, account_id, group_id, role, enabled, created_at FROM registry_user WHERE id > $1 ORDER BY id LIMIT $2";
const KEYS: &str = "
    SELECT k.id, k.key_id, k.user_id, u.account_id, k.digest, k.imported, k.label, k.created_at, k.expires_at,
        k.revoked_at, k.last_used_at, k.allowed
    FROM api_key k JOIN registry_user u ON u.id = k.user_id WHERE k.id > $1 ORDER BY k.id LIMIT $2";
const SETTINGS: &str = "SELECT name, digest FROM setting ORDER BY name";
const ERASED_CUSTOMERS: &str = "
    SELECT id FROM erased_customer WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3";
const ENTRIES: &str = "
    SELECT sequence, at, entry, link FROM audit WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
const CUSTOMERS: &str = "
    SELECT id, account_id, name, unique_name, version, ship_to_bill_address, created_at, modified_at, sealed
    FROM customer WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3";

#[async_trait::async_trait]
impl Backups for PostgresStore {
    async fn back_up(&self, sink: &mut dyn RecordSink) -> Result<(), StoreError> {
        let snapshot = Transaction::begin_snapshot(&self.core.sessions).await?;
        let directory = read_within(&snapshot, &*self.core.audit_chain()).await?;
        directory.check(&*self.core.directory_key()).map_err(StoreError::corrupt)?;
        let registry = snapshot.one(REGISTRY, &[&PARTITION_NUMBER]).await?;
        sink.put(vec![Record::Registry { key_proof: registry.get(5), ids: given_ids(&registry) }]).await?;
        put_pages(&snapshot, sink, ACCOUNTS, true, account).await?;
        put_all(&snapshot, sink, GROUPS, |row| Ok(Record::Group { id: number(row, 0), name: row.get(1) })).await?;
        put_all(&snapshot, sink, MEMBERS, |row| Ok(Record::Member { group: number(row, 0), account: number(row, 1) }))
            .await?;
        put_pages(&snapshot, sink, USERS, false, user).await?;
        put_pages(&snapshot, sink, KEYS, false, key).await?;
        put_all(&snapshot, sink, SETTINGS, |row| Ok(Record::Setting { name: row.get(0), digest: row.get(1) })).await?;
        put_all(&snapshot, sink, erasure_rows::ALL, erasure_record).await?;
        put_pages(&snapshot, sink, ERASED_CUSTOMERS, true, |row| Ok(Record::ErasedCustomer { id: number(row, 0) }))
            .await?;
        put_pages(&snapshot, sink, ENTRIES, true, entry).await?;
        let end = log_end(&snapshot, PARTITION).await?;
        let (partition, sequence, seal) = (end.partition, end.sequence, end.seal.to_vec());
        sink.put(vec![Record::AuditEnd { partition, sequence, seal }]).await?;
        put_pages(&snapshot, sink, CUSTOMERS, true, customer).await?;
        snapshot.roll_back().await;
        Ok(())
    }

    async fn given_ids(&self) -> Result<GivenIds, StoreError> {
        let snapshot = Transaction::begin_snapshot(&self.core.sessions).await?;
        let registry = snapshot.one(REGISTRY, &[&PARTITION_NUMBER]).await?;
        snapshot.roll_back().await;
        Ok(given_ids(&registry))
    }

    async fn erased_customers(&self, after: CustomerId, limit: usize) -> Result<Vec<CustomerId>, StoreError> {
        let (after, limit) = (after.0.cast_signed(), self::limit(limit));
        let rows = self.core.sessions.read(ERASED_CUSTOMERS, &[&PARTITION_NUMBER, &after, &limit]).await?;
        Ok(rows.iter().map(|row| CustomerId(number(row, 0))).collect())
    }
}

fn given_ids(registry: &Row) -> GivenIds {
    GivenIds {
        next_customer: number(registry, 0),
        last_account: number(registry, 1),
        last_group: number(registry, 2),
        last_user: number(registry, 3),
        last_erasure: number(registry, 4),
    }
}

/// Hands over the rows of a statement without parameters.
async fn put_all(
    snapshot: &Transaction,
    sink: &mut dyn RecordSink,
    select: &'static str,
    record: fn(&Row) -> Result<Record, DatabaseError>,
) -> Result<(), StoreError> {
    let rows = snapshot.rows(select, &[]).await?;
    put(sink, &rows, record).await
}

/// Hands over the rows of a statement whose parameters are the partition, if it has one, the number in the first column of
/// the row before, and how many rows are wanted.
async fn put_pages(
    snapshot: &Transaction,
    sink: &mut dyn RecordSink,
    select: &'static str,
    of_partition: bool,
    record: fn(&Row) -> Result<Record, DatabaseError>,
) -> Result<(), StoreError> {
    let (mut after, limit) = (0_i64, limit(PAGE));
    loop {
        let values: Values<'_> = &[&PARTITION_NUMBER, &after, &limit];
        let values = if of_partition { values } else { &values[1..] };
        let Done { rows, .. } = snapshot.run(select, values).await?;
        put(sink, &rows, record).await?;
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = last.get(0),
            _ => return Ok(()),
        }
    }
}

async fn put(
    sink: &mut dyn RecordSink,
    rows: &[Row],
    record: fn(&Row) -> Result<Record, DatabaseError>,
) -> Result<(), StoreError> {
    for rows in rows.chunks(PAGE) {
        sink.put(rows.iter().map(record).collect::<Result<_, _>>()?).await?;
    }
    Ok(())
}

fn account(row: &Row) -> Result<Record, DatabaseError> {
    let (state, created_at) = (account_state(row, 2)?, row.get(3));
    Ok(Record::Account { id: number(row, 0), name: row.get(1), state, created_at, wrapped_key: row.get(4) })
}

fn user(row: &Row) -> Result<Record, DatabaseError> {
    let role = row.get::<_, &str>(4).parse().map_err(|_| DatabaseError::Corrupt("a user has an unknown role"))?;
    Ok(Record::User(BackupUser {
        id: number(row, 0),
        name: row.get(1),
        account: number(row, 2),
        group: row.get::<_, Option<i64>>(3).map(i64::cast_unsigned),
        role,
        enabled: row.get(5),
        created_at: row.get(6),
    }))
}

fn key(row: &Row) -> Result<Record, DatabaseError> {
    Ok(Record::Key(BackupKey {
        key_id: row.get(1),
        user: number(row, 2),
        account: number(row, 3),
        digest: row.get(4),
        imported: row.get(5),
        label: row.get(6),
        created_at: row.get(7),
        expires_at: row.get(8),
        revoked_at: row.get(9),
        last_used_at: row.get(10),
        allowed: row.get(11),
    }))
}

fn erasure_record(row: &Row) -> Result<Record, DatabaseError> {
    Ok(Record::Erasure(erasure_rows::record(row)?.into()))
}

fn entry(row: &Row) -> Result<Record, DatabaseError> {
    let (sequence, at, entry, link) = (number(row, 0), row.get(1), row.get(2), row.get(3));
    Ok(Record::AuditEntry { partition: PARTITION, sequence, at, entry, link })
}

fn customer(row: &Row) -> Result<Record, DatabaseError> {
    Ok(Record::Customer(BackupCustomer {
        id: number(row, 0),
        account: number(row, 1),
        name: row.get(2),
        unique_name: row.get(3),
        version: number(row, 4),
        ship_to_bill_address: row.get(5),
        created_at: row.get(6),
        modified_at: row.get(7),
        sealed: row.get(8),
    }))
}
