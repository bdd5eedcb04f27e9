//! The whole directory at one moment, as it is read from its tables.

use crate::commit::audit_tail::read_log;
use carnelian_domain::{AccountId, AccountState, AddressRange, GroupId, Timestamp, UserId, unique_name};
use carnelian_store::{
    AccountRecord, AuditChain, DirectoryKey, DirectorySnapshot, GroupRecord, KeyKind, KeyRecord, Seal, UserRecord,
};
use rusqlite::{Connection, Row, types::Type};
use std::collections::HashMap;

/// What stands between two ranges of addresses.
const SEPARATOR: &str = ",";

/// Every name, with its unique form.
const NAMES: &str = "SELECT name, unique_name FROM account UNION ALL SELECT name, unique_name FROM account_group
    UNION ALL SELECT name, unique_name FROM registry_user";
const ACCOUNTS: &str = "SELECT id, name, state, wrapped_key FROM account";
const USERS: &str = "SELECT id, name, account_id, group_id, role, enabled, created_at FROM registry_user";
const KEYS: &str =
    "SELECT key_id, user_id, digest, kind, label, created_at, expires_at, revoked_at, last_used_at, allowed
    FROM api_key";

/// Reads everything in one transaction, so that all parts are of the same moment.
pub(crate) fn read(connection: &mut Connection, chain: &dyn AuditChain) -> Result<DirectorySnapshot, rusqlite::Error> {
    let moment = connection.transaction()?;
    let newest = read_log(&moment, chain)?.directory();
    read_within(&moment, newest)
}

/// Reads everything within a transaction in which the audit log names the newest directory by its seal. Fails if a name is
/// not found by its unique form, which is not part of a record.
pub(crate) fn read_within(moment: &Connection, newest: Seal) -> Result<DirectorySnapshot, rusqlite::Error> {
    let groups: Vec<(u64, String)> =
        list(moment, "SELECT id, name FROM account_group ORDER BY id", |row| Ok((row.get(0)?, row.get(1)?)))?;
    let members: Vec<(u64, u64)> =
        list(moment, "SELECT group_id, account_id FROM group_account ORDER BY 1, 2", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let group = |(id, name)| {
        let accounts = members.iter().filter(|member| member.0 == id).map(|member| AccountId(member.1)).collect();
        GroupRecord { id: GroupId(id), name, accounts }
    };
    let unique: Vec<(Option<String>, Option<String>)> = list(moment, NAMES, |row| Ok((row.get(0)?, row.get(1)?)))?;
    if unique.iter().any(|(name, unique)| name.as_deref().map(unique_name).as_deref() != unique.as_deref()) {
        return Err(rusqlite::Error::FromSqlConversionFailure(1, Type::Text, "not the unique form of the name".into()));
    }
    let registry = "SELECT directory_version, directory_seal FROM registry";
    let (version, seal) = moment.query_row(registry, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(DirectorySnapshot {
        version,
        seal,
        newest,
        accounts: list(moment, &format!("{ACCOUNTS} ORDER BY id"), account)?,
        groups: groups.into_iter().map(group).collect(),
        users: list(moment, &format!("{USERS} ORDER BY id"), user)?,
        keys: list(moment, &format!("{KEYS} ORDER BY id"), key)?,
    })
}

/// Seals the directory as it is, within a transaction, which must also make it the newest one of the audit log.
pub(crate) fn seal(connection: &Connection, key: &dyn DirectoryKey) -> Result<DirectorySnapshot, rusqlite::Error> {
    let directory = read_within(connection, Seal::default())?;
    let newest = directory.seal_with(key);
    connection.execute("UPDATE registry SET directory_seal = ?1", [newest])?;
    Ok(DirectorySnapshot { seal: newest.to_vec(), newest, ..directory })
}

pub(super) fn account_by_id(connection: &Connection, id: AccountId) -> Result<AccountRecord, rusqlite::Error> {
    connection.query_row(&format!("{ACCOUNTS} WHERE id = ?1"), [id.0], account)
}

pub(super) fn group_by_id(connection: &Connection, id: GroupId) -> Result<GroupRecord, rusqlite::Error> {
    let mut members =
        connection.prepare("SELECT account_id FROM group_account WHERE group_id = ?1 ORDER BY account_id")?;
    let accounts = members.query_map([id.0], |row| Ok(AccountId(row.get(0)?)))?.collect::<Result<_, _>>()?;
    let name = connection.query_row("SELECT name FROM account_group WHERE id = ?1", [id.0], |row| row.get(0))?;
    Ok(GroupRecord { id, name, accounts })
}

pub(super) fn user_by_id(connection: &Connection, id: UserId) -> Result<UserRecord, rusqlite::Error> {
    connection.query_row(&format!("{USERS} WHERE id = ?1"), [id.0], user)
}

pub(super) fn key_by_id(connection: &Connection, key_id: &str) -> Result<KeyRecord, rusqlite::Error> {
    connection.query_row(&format!("{KEYS} WHERE key_id = ?1"), [key_id], key)
}

pub(super) fn keys_of_user(connection: &Connection, user: UserId) -> Result<Vec<KeyRecord>, rusqlite::Error> {
    connection.prepare(&format!("{KEYS} WHERE user_id = ?1 ORDER BY id"))?.query_map([user.0], key)?.collect()
}

pub(super) fn last_sign_ins(
    moment: &Connection,
    users: &[UserId],
) -> Result<HashMap<UserId, Timestamp>, rusqlite::Error> {
    let mut select = moment.prepare("SELECT max(last_used_at) FROM api_key WHERE user_id = ?1")?;
    let mut sign_ins = HashMap::new();
    for user in users {
        let last: Option<i64> = select.query_row([user.0], |row| row.get(0))?;
        sign_ins.extend(last.map(|at| (*user, Timestamp(at))));
    }
    Ok(sign_ins)
}

fn list<T>(
    connection: &Connection,
    select: &str,
    read: fn(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, rusqlite::Error> {
    connection.prepare(select)?.query_map([], read)?.collect()
}

/// The account state in a column.
pub(crate) fn account_state(row: &Row<'_>, column: usize) -> Result<AccountState, rusqlite::Error> {
    match row.get(column)? {
        0 => Ok(AccountState::Active),
        1 => Ok(AccountState::ErasureInProgress),
        2 => Ok(AccountState::Erased),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}

fn account(row: &Row<'_>) -> Result<AccountRecord, rusqlite::Error> {
    let state = account_state(row, 2)?;
    Ok(AccountRecord { id: AccountId(row.get(0)?), name: row.get(1)?, state, wrapped_key: row.get(3)? })
}

fn user(row: &Row<'_>) -> Result<UserRecord, rusqlite::Error> {
    let role: String = row.get(4)?;
    let role =
        role.parse().map_err(|error: String| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, error.into()))?;
    Ok(UserRecord {
        id: UserId(row.get(0)?),
        name: row.get(1)?,
        account: AccountId(row.get(2)?),
        group: row.get::<_, Option<u64>>(3)?.map(GroupId),
        role,
        enabled: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
    })
}

fn key(row: &Row<'_>) -> Result<KeyRecord, rusqlite::Error> {
    let moment = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    Ok(KeyRecord {
        key_id: row.get(0)?,
        user: UserId(row.get(1)?),
        digest: row.get(2)?,
        kind: if row.get(3)? { KeyKind::Imported } else { KeyKind::Issued },
        label: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        expires_at: moment(6)?,
        revoked_at: moment(7)?,
        last_used_at: moment(8)?,
        allowed: ranges(row, 9)?,
    })
}

pub(super) fn written_ranges(ranges: &[AddressRange]) -> Option<String> {
    let ranges: Vec<_> = ranges.iter().map(AddressRange::to_string).collect();
    if ranges.is_empty() { None } else { Some(ranges.join(SEPARATOR)) }
}

fn ranges(row: &Row<'_>, column: usize) -> Result<Vec<AddressRange>, rusqlite::Error> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(Vec::new()) };
    let ranges = text.split(SEPARATOR).map(str::parse).collect::<Result<_, String>>();
    ranges.map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
