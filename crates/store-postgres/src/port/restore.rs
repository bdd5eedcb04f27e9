//! Filling an empty registry from the records of a backup.

use crate::{
    core::{PARTITION, PARTITION_NUMBER},
    error::DatabaseError,
    port::{directory::seal, erasure_rows::STATES, rows::ACCOUNT_STATES},
    store::PostgresStore,
    transaction::{SEAL, SEAL_EMPTY, Transaction},
};
use carnelian_domain::{AccountState, search::indexed_words, unique_name};
use carnelian_store::{
    BackupCustomer, BackupErasure, BackupKey, BackupUser, Conflict, Record, RegistryId, Restores, Restoring, StoreError,
};
use tokio_postgres::types::ToSql;

/// How many statements are sent before their results are read.
const AT_ONCE: usize = 500;

/// Whether a registry was ever used.
const IS_USED: &str = "
    SELECT r.key_proof IS NOT NULL OR r.last_account > 0 OR r.last_group > 0 OR b.next > 1
        OR EXISTS (SELECT 1 FROM audit WHERE partition = $1) OR EXISTS (SELECT 1 FROM setting)
        OR EXISTS (SELECT 1 FROM account WHERE partition = $1) OR EXISTS (SELECT 1 FROM account_group)
    FROM registry r, id_block b WHERE b.partition = $1";
const MARK: &str = "UPDATE registry SET id = $1, restoring = TRUE";

const REGISTRY: &str = "
    UPDATE registry SET key_proof = $1, last_account = $2, last_group = $3, last_user = $4, last_erasure = $5";
const NEXT_ID: &str = "UPDATE id_block SET next = $2 WHERE partition = $1";
const ACCOUNT: &str = "
    INSERT INTO account (partition, id, name, state, created_at, wrapped_key) VALUES ($1, $2, $3, $4, $5, $6)";
const ACCOUNT_NAME: &str = "INSERT INTO account_name (account_id, unique_name) VALUES ($1, $2)";
const GROUP: &str = "INSERT INTO account_group (id, name, unique_name) VALUES ($1, $2, $3)";
const MEMBER: &str = "INSERT INTO group_account (group_id, account_id) VALUES ($1, $2)";
const USER: &str = "
    INSERT INTO registry_user (id, name, unique_name, account_id, group_id, role, enabled, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const KEY: &str = "
    INSERT INTO api_key (id, key_id, user_id, digest, imported, label, created_at, expires_at, revoked_at, last_used_at,
        allowed)
    SELECT coalesce(max(id), 0) + 1, $1, $2::BIGINT, $3::BYTEA, $4::BOOLEAN, $5, $6::BIGINT, $7::BIGINT, $8::BIGINT,
        $9::BIGINT, $10
    FROM api_key";
const SETTING: &str = "INSERT INTO setting (name, digest) VALUES ($1, $2)";
const ERASURE: &str = "
    INSERT INTO erasure (id, account_id, state, requested_at, requested_by, reason, due_at, erased_at, customers, users,
        keys, receipt, purged)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, TRUE)";
const ERASED_CUSTOMER: &str = "
    INSERT INTO erased_customer (partition, id, purged) VALUES ($1, $2, TRUE)
    ON CONFLICT (partition, id) DO UPDATE SET purged = TRUE";
const ENTRY: &str = "INSERT INTO audit (partition, sequence, at, entry, link) VALUES ($1, $2, $3, $4, $5)";
const CUSTOMER: &str = "
    WITH words AS (
        INSERT INTO customer_word (partition, block, word, customer_id)
        SELECT $1::BIGINT, $2::BIGINT / 8192, t.word, $2::BIGINT FROM unnest($11::TEXT[]) AS t (word))
    INSERT INTO customer (partition, id, account_id, name, unique_name, version, ship_to_bill_address, created_at,
        modified_at, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Whether everything refers to something that exists.
const IS_CONSISTENT: &str = "
    SELECT NOT EXISTS (SELECT 1 FROM group_account m LEFT JOIN account_group g ON g.id = m.group_id
            LEFT JOIN account a ON a.partition = $1 AND a.id = m.account_id WHERE g.id IS NULL OR a.id IS NULL)
        AND NOT EXISTS (SELECT 1 FROM registry_user u LEFT JOIN account a ON a.partition = $1 AND a.id = u.account_id
            LEFT JOIN account_group g ON g.id = u.group_id
            WHERE a.id IS NULL OR (u.group_id IS NOT NULL AND g.id IS NULL))
        AND NOT EXISTS (SELECT 1 FROM api_key k LEFT JOIN registry_user u ON u.id = k.user_id WHERE u.id IS NULL)
        AND NOT EXISTS (SELECT 1 FROM erasure e LEFT JOIN account a ON a.partition = $1 AND a.id = e.account_id
            WHERE a.id IS NULL)
        AND NOT EXISTS (SELECT 1 FROM customer c LEFT JOIN account a ON a.partition = $1 AND a.id = c.account_id
            WHERE c.partition = $1 AND a.id IS NULL)";

const FINISH: &str = "
    UPDATE registry SET restoring = FALSE, directory_version = directory_version + 1,
        last_account = greatest(last_account, (SELECT max(id) FROM account WHERE partition = $1)),
        last_group = greatest(last_group, (SELECT max(id) FROM account_group)),
        last_user = greatest(last_user, (SELECT max(id) FROM registry_user)),
        last_key = (SELECT coalesce(max(id), 0) FROM api_key),
        last_erasure = greatest(last_erasure, (SELECT max(id) FROM erasure))";

#[async_trait::async_trait]
impl Restores for PostgresStore {
    async fn begin_restore(&self, registry: RegistryId) -> Result<Box<dyn Restoring + '_>, StoreError> {
        let transaction = self.core.begin().await?;
        if transaction.one(IS_USED, &[&PARTITION_NUMBER]).await?.get(0) {
            return Err(Conflict::NotEmpty.into());
        }
        transaction.run(MARK, &[&&registry.0[..]]).await?;
        transaction.commit().await?;
        self.core.adopt(registry);
        Ok(Box::new(Filling { store: self }))
    }
}

/// A registry that is being filled. Each batch is a commit of its own; until the last one the registry is marked, and is
/// not opened.
struct Filling<'a> {
    store: &'a PostgresStore,
}

#[async_trait::async_trait]
impl Restoring for Filling<'_> {
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        let transaction = self.store.core.begin().await?;
        let mut inserts = Vec::new();
        for record in records {
            add(&mut inserts, record)?;
        }
        for inserts in inserts.chunks(AT_ONCE) {
            run(&transaction, inserts).await?;
        }
        transaction.commit().await
    }

    async fn append_audit(&mut self, entries: Vec<String>) -> Result<(), StoreError> {
        let transaction = self.store.core.begin().await?;
        let mut log = transaction.lock_log(self.store.core.audit_chain(), PARTITION).await?;
        entries.into_iter().for_each(|entry| log.append(transaction.now, entry));
        transaction.write_log(log).await?;
        transaction.commit().await
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        let transaction = self.store.core.begin().await?;
        if !transaction.one(IS_CONSISTENT, &[&PARTITION_NUMBER]).await?.get::<_, bool>(0) {
            return Err(StoreError::corrupt("the backup is not consistent"));
        }
        let core = &self.store.core;
        let mut log = transaction.lock_log(core.audit_chain(), PARTITION).await?;
        transaction.run(FINISH, &[&PARTITION_NUMBER]).await?;
        log.set_directory(seal(&transaction, log.chain(), &*core.directory_key()).await?.newest);
        transaction.write_end(&log).await?;
        transaction.commit().await
    }
}

/// A statement that stores one row, and its values.
type Insert = (&'static str, Vec<Box<dyn ToSql + Sync + Send>>);

/// Runs statements each of which must write one row. What breaks a rule of its table is an error of the backup, not of the
/// database.
async fn run(transaction: &Transaction, inserts: &[Insert]) -> Result<(), StoreError> {
    let values: Vec<Vec<&(dyn ToSql + Sync)>> = inserts
        .iter()
        .map(|(_, values)| values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect())
        .collect();
    let statements: Vec<_> = inserts.iter().zip(&values).map(|((sql, _), values)| (*sql, &values[..])).collect();
    let breaks_rule = || StoreError::corrupt("a record of the backup breaks a rule of its table");
    match transaction.run_all(&statements).await {
        Ok(done) if done.iter().all(|done| done.count == 1) => Ok(()),
        Ok(_) => Err(breaks_rule()),
        Err(error) if error.is_of_values() => Err(breaks_rule()),
        Err(error) => Err(error.into()),
    }
}

macro_rules! insert {
    ($statement:ident, $($value:expr),*) => {
        ($statement, vec![$(Box::new($value) as Box<dyn ToSql + Sync + Send>),*])
    };
}

/// Adds the statements that store a record.
fn add(inserts: &mut Vec<Insert>, record: Record) -> Result<(), StoreError> {
    match record {
        Record::Registry { key_proof, ids } => {
            let [account, group, user, erasure] =
                [ids.last_account, ids.last_group, ids.last_user, ids.last_erasure].map(u64::cast_signed);
            inserts.push(insert!(REGISTRY, key_proof, account, group, user, erasure));
            inserts.push(insert!(NEXT_ID, PARTITION_NUMBER, ids.next_customer.cast_signed()));
        }
        Record::Account { id, name, state, created_at, wrapped_key } => {
            let number = ACCOUNT_STATES.iter().position(|known| *known == state).map(|number| number as i64);
            if state != AccountState::Erased {
                inserts.push(insert!(ACCOUNT_NAME, id.cast_signed(), unique_name(&name).into_owned()));
            }
            inserts.push(insert!(ACCOUNT, PARTITION_NUMBER, id.cast_signed(), name, number, created_at, wrapped_key));
        }
        Record::Group { id, name } => {
            let unique = unique_name(&name).into_owned();
            inserts.push(insert!(GROUP, id.cast_signed(), name, unique));
        }
        Record::Member { group, account } => {
            inserts.push(insert!(MEMBER, group.cast_signed(), account.cast_signed()));
        }
        Record::User(user) => inserts.push(self::user(user)),
        Record::Key(key) => inserts.push(self::key(key)),
        Record::Setting { name, digest } => inserts.push(insert!(SETTING, name, digest)),
        Record::Erasure(erasure) => inserts.push(self::erasure(erasure)),
        Record::ErasedCustomer { id } => inserts.push(insert!(ERASED_CUSTOMER, PARTITION_NUMBER, id.cast_signed())),
        Record::AuditEntry { partition: PARTITION, sequence, at, entry, link } => {
            inserts.push(insert!(ENTRY, PARTITION_NUMBER, sequence.cast_signed(), at, entry, link));
        }
        Record::AuditEnd { partition: PARTITION, sequence, seal } => {
            let empty_seal = (sequence == 0).then(|| seal.clone());
            inserts.push(insert!(SEAL_EMPTY, PARTITION_NUMBER, empty_seal));
            if sequence > 0 {
                inserts.push(insert!(SEAL, PARTITION_NUMBER, sequence.cast_signed(), seal));
            }
        }
        Record::AuditEntry { .. } | Record::AuditEnd { .. } => {
            return Err(DatabaseError::Corrupt("the backup has more than one audit log").into());
        }
        Record::Customer(customer) => inserts.push(self::customer(customer)),
    }
    Ok(())
}

fn user(user: BackupUser) -> Insert {
    let BackupUser { id, name, account, group, role, enabled, created_at } = user;
    let (account, group) = (account.cast_signed(), group.map(u64::cast_signed));
    let unique = name.as_deref().map(|name| unique_name(name).into_owned());
    insert!(USER, id.cast_signed(), name, unique, account, group, role.name(), enabled, created_at)
}

fn key(key: BackupKey) -> Insert {
    let BackupKey { key_id, user, account: _, digest, imported, label, .. } = key;
    let BackupKey { created_at, expires_at, revoked_at, last_used_at, allowed, .. } = key;
    let user = user.cast_signed();
    insert!(KEY, key_id, user, digest, imported, label, created_at, expires_at, revoked_at, last_used_at, allowed)
}

fn erasure(erasure: BackupErasure) -> Insert {
    let BackupErasure { id, account, state, requested_at, requested_by, reason, due_at, .. } = erasure;
    let BackupErasure { erased_at, customers, users, keys, receipt, .. } = erasure;
    let state = STATES.iter().position(|known| *known == state).map(|number| number as i64);
    let (id, account) = (id.cast_signed(), account.cast_signed());
    let (customers, users, keys) = (customers.cast_signed(), users.cast_signed(), keys.cast_signed());
    insert!(
        ERASURE,
        id,
        account,
        state,
        requested_at,
        requested_by,
        reason,
        due_at,
        erased_at,
        customers,
        users,
        keys,
        receipt
    )
}

fn customer(customer: BackupCustomer) -> Insert {
    let BackupCustomer { id, account, name, unique_name, version, ship_to_bill_address, .. } = customer;
    let BackupCustomer { created_at, modified_at, sealed, .. } = customer;
    let words: Vec<_> = indexed_words(&unique_name).into_iter().collect();
    let (id, account, version) = (id.cast_signed(), account.cast_signed(), version.cast_signed());
    insert!(
        CUSTOMER,
        PARTITION_NUMBER,
        id,
        account,
        name,
        unique_name,
        version,
        ship_to_bill_address,
        created_at,
        modified_at,
        sealed,
        words
    )
}
