//! The whole directory at one moment, as it is read from its tables.

use crate::{
    core::{PARTITION, PARTITION_NUMBER},
    error::DatabaseError,
    port::rows::{account_state, moment, number, optional_moment},
    session::{Session, Values},
    sessions::Sessions,
    transaction::{END, Transaction, log_of_row},
};
use carnelian_domain::{AccountId, AccountState, AddressRange, GroupId, UserId, unique_name};
use carnelian_store::{
    AccountRecord, AuditChain, DirectoryKey, DirectorySnapshot, GroupRecord, KeyKind, KeyRecord, UserRecord,
};
use tokio_postgres::Row;

/// What stands between two ranges of addresses.
const SEPARATOR: &str = ",";

const VERSION: &str = "SELECT directory_version, directory_seal FROM registry";
const SEAL: &str = "UPDATE registry SET directory_seal = $1";
const ACCOUNTS: &str = "SELECT id, name, state, wrapped_key FROM account WHERE partition = $1 ORDER BY id";
const GROUPS: &str = "SELECT id, name FROM account_group ORDER BY id";
const MEMBERS: &str = "SELECT group_id, account_id FROM group_account ORDER BY group_id, account_id";
const USERS: &str = "
    SELECT id, name, account_id, group_id, role, enabled, created_at FROM registry_user ORDER BY id";
const KEYS: &str = "
    SELECT key_id, user_id, digest, imported, label, created_at, expires_at, revoked_at, last_used_at, allowed
    FROM api_key ORDER BY id";

/// The names of groups and users, with their unique forms.
const NAMES: &str = "
    SELECT name, unique_name FROM account_group UNION ALL SELECT name, unique_name FROM registry_user";
const ACCOUNT_NAMES: &str = "SELECT account_id, unique_name FROM account_name ORDER BY account_id";

const GROUP_BY_ID: &str = "SELECT id, name FROM account_group WHERE id = $1";
const MEMBERS_OF_GROUP: &str = "
    SELECT group_id, account_id FROM group_account WHERE group_id = $1 ORDER BY account_id";
const USER_BY_ID: &str = "
    SELECT id, name, account_id, group_id, role, enabled, created_at FROM registry_user WHERE id = $1";
const KEY_BY_ID: &str = "
    SELECT key_id, user_id, digest, imported, label, created_at, expires_at, revoked_at, last_used_at, allowed
    FROM api_key WHERE key_id = $1";
pub(super) const KEYS_OF_USER: &str = "
    SELECT key_id, user_id, digest, imported, label, created_at, expires_at, revoked_at, last_used_at, allowed
    FROM api_key WHERE user_id = $1 ORDER BY id";

/// Reads everything in one transaction, so that all parts are of the same moment.
pub(super) async fn read(sessions: &Sessions, chain: &dyn AuditChain) -> Result<DirectorySnapshot, DatabaseError> {
    let transaction = Transaction::begin_snapshot(sessions).await?;
    let read = read_within(&transaction, chain).await;
    transaction.roll_back().await;
    read
}

/// Seals the directory as it is, in a transaction that keeps others from changing it, and must also make it the newest one of
/// the audit log.
pub(crate) async fn seal(
    session: &Session,
    chain: &dyn AuditChain,
    key: &dyn DirectoryKey,
) -> Result<DirectorySnapshot, DatabaseError> {
    let directory = read_within(session, chain).await?;
    let newest = directory.seal_with(key);
    session.run(SEAL, &[&&newest[..]]).await?;
    Ok(DirectorySnapshot { seal: newest.to_vec(), newest, ..directory })
}

/// Reads everything in a transaction in which nothing of it changes. Fails if a name is not found by its unique form, which
/// is not part of a record.
pub(crate) async fn read_within(session: &Session, chain: &dyn AuditChain) -> Result<DirectorySnapshot, DatabaseError> {
    let partition: Values<'_> = &[&PARTITION_NUMBER];
    let all = [
        (VERSION, &[][..]),
        (ACCOUNTS, partition),
        (GROUPS, &[]),
        (MEMBERS, &[]),
        (USERS, &[]),
        (KEYS, &[]),
        (NAMES, &[]),
        (ACCOUNT_NAMES, &[]),
        (END, partition),
    ];
    let done = session.run_all(&all).await?;
    let [version, accounts, groups, members, users, keys, names, account_names, end] = &done[..] else {
        return Err(DatabaseError::Corrupt("a result is missing"));
    };
    let version = version.rows.first().ok_or(DatabaseError::Corrupt("the registry has no row"))?;
    let end = end.rows.first().ok_or(DatabaseError::Corrupt("a partition is missing"))?;
    let accounts: Vec<_> = accounts.rows.iter().map(account).collect::<Result<_, _>>()?;
    let kept = accounts.iter().filter(|account| account.state != AccountState::Erased);
    let found = account_names.rows.iter().map(|row| (AccountId(number(row, 0)), row.get::<_, &str>(1).into()));
    let are_found = kept.map(|account| (account.id, unique_name(&account.name))).eq(found)
        && names
            .rows
            .iter()
            .all(|row| row.get::<_, Option<&str>>(0).map(unique_name).as_deref() == row.get::<_, Option<&str>>(1));
    if !are_found {
        return Err(DatabaseError::Corrupt("a name is not stored in its unique form"));
    }
    Ok(DirectorySnapshot {
        version: number(version, 0),
        seal: version.get(1),
        newest: log_of_row(chain, PARTITION, end).directory(),
        accounts,
        groups: groups.rows.iter().map(|row| group(row, &members.rows)).collect(),
        users: users.rows.iter().map(user).collect::<Result<_, _>>()?,
        keys: keys.rows.iter().map(key).collect::<Result<_, _>>()?,
    })
}

pub(super) async fn group_by_id(session: &Session, id: GroupId) -> Result<GroupRecord, DatabaseError> {
    let members = session.rows(MEMBERS_OF_GROUP, &[&id.0.cast_signed()]).await?;
    Ok(group(&session.one(GROUP_BY_ID, &[&id.0.cast_signed()]).await?, &members))
}

pub(super) async fn user_by_id(session: &Session, id: UserId) -> Result<UserRecord, DatabaseError> {
    user(&session.one(USER_BY_ID, &[&id.0.cast_signed()]).await?)
}

pub(super) async fn key_by_id(session: &Session, key_id: &str) -> Result<KeyRecord, DatabaseError> {
    key(&session.one(KEY_BY_ID, &[&key_id]).await?)
}

fn account(row: &Row) -> Result<AccountRecord, DatabaseError> {
    let (id, state) = (AccountId(number(row, 0)), account_state(row, 2)?);
    Ok(AccountRecord { id, name: row.get(1), state, wrapped_key: row.get(3) })
}

/// A group, with its accounts among all memberships.
fn group(row: &Row, members: &[Row]) -> GroupRecord {
    let id = number(row, 0);
    let accounts = members.iter().filter(|member| number(member, 0) == id).map(|member| AccountId(number(member, 1)));
    GroupRecord { id: GroupId(id), name: row.get(1), accounts: accounts.collect() }
}

fn user(row: &Row) -> Result<UserRecord, DatabaseError> {
    let role = row.get::<_, &str>(4).parse().map_err(|_| DatabaseError::Corrupt("a user has an unknown role"))?;
    Ok(UserRecord {
        id: UserId(number(row, 0)),
        name: row.get(1),
        account: AccountId(number(row, 2)),
        group: row.get::<_, Option<i64>>(3).map(|id| GroupId(id.cast_unsigned())),
        role,
        enabled: row.get(5),
        created_at: moment(row, 6),
    })
}

pub(super) fn key(row: &Row) -> Result<KeyRecord, DatabaseError> {
    Ok(KeyRecord {
        key_id: row.get(0),
        user: UserId(number(row, 1)),
        digest: row.get(2),
        kind: if row.get(3) { KeyKind::Imported } else { KeyKind::Issued },
        label: row.get(4),
        created_at: moment(row, 5),
        expires_at: optional_moment(row, 6),
        revoked_at: optional_moment(row, 7),
        last_used_at: optional_moment(row, 8),
        allowed: ranges(row.get(9))?,
    })
}

/// Ranges of addresses, as they are stored.
pub(super) fn written_ranges(ranges: &[AddressRange]) -> Option<String> {
    let ranges: Vec<_> = ranges.iter().map(AddressRange::to_string).collect();
    if ranges.is_empty() { None } else { Some(ranges.join(SEPARATOR)) }
}

fn ranges(text: Option<&str>) -> Result<Vec<AddressRange>, DatabaseError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let ranges = text.split(SEPARATOR).map(str::parse).collect::<Result<_, String>>();
    ranges.map_err(|_| DatabaseError::Corrupt("a key has ranges of addresses that cannot be read"))
}
