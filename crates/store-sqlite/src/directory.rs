//! Accounts, groups, users and keys.
//!
//! Every change here checks first and writes then, within one transaction, and counts the directory's version up.

use crate::{
    SqliteStore,
    job::{WorkError, Writing},
};
use carnelian_domain::{AccountId, AccountState, GroupId, Timestamp, UserId};
use carnelian_store::{
    AccountRecord, Conflict, Directory, DirectorySnapshot, GroupRecord, KeyKind, KeyRecord, NewKey, NewUser,
    StoreError, UserRecord, WrapKey,
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

#[async_trait::async_trait]
impl Directory for SqliteStore {
    async fn key_proof(&self, proof_if_new: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let settle = "UPDATE registry SET key_proof = ifnull(key_proof, ?1) RETURNING key_proof";
        self.write(move |writing| Ok(writing.connection.query_row(settle, [proof_if_new], |row| row.get(0))?)).await
    }

    async fn directory_version(&self) -> Result<u64, StoreError> {
        self.readers.read_afresh(|connection| {
            let mut select = connection.prepare_cached("SELECT directory_version FROM registry")?;
            select.query_row([], |row| row.get(0))
        })
    }

    async fn directory(&self) -> Result<DirectorySnapshot, StoreError> {
        self.readers.read_afresh(snapshot)
    }

    async fn create_account(&self, name: String, wrap_key: WrapKey) -> Result<AccountId, StoreError> {
        self.change(move |writing| {
            let taken = "SELECT 1 FROM account WHERE name = ?1 AND state <> 2";
            refuse_if_found(writing, taken, &name, Conflict::NameTaken)?;
            let next = "SELECT ifnull(max(id), 0) + 1 FROM account";
            let id: u64 = writing.connection.query_row(next, [], |row| row.get(0))?;
            let insert = "INSERT INTO account (id, name, state, wrapped_key, created_at) VALUES (?1, ?2, 0, ?3, ?4)";
            writing.connection.execute(insert, params![id, name, wrap_key(AccountId(id)), writing.now.0])?;
            Ok(AccountId(id))
        })
        .await
    }

    async fn request_erasure(&self, account: String) -> Result<(), StoreError> {
        self.change(move |writing| move_account(writing, &account, 0, 1, Conflict::ErasureInProgress)).await
    }

    async fn cancel_erasure(&self, account: String) -> Result<(), StoreError> {
        self.change(move |writing| move_account(writing, &account, 1, 0, Conflict::NoErasureInProgress)).await
    }

    async fn create_group(&self, name: String) -> Result<GroupId, StoreError> {
        self.change(move |writing| {
            refuse_if_found(writing, "SELECT 1 FROM account_group WHERE name = ?1", &name, Conflict::NameTaken)?;
            writing.connection.execute("INSERT INTO account_group (name) VALUES (?1)", [name])?;
            Ok(GroupId(writing.connection.last_insert_rowid() as u64))
        })
        .await
    }

    async fn add_to_group(&self, group: String, account: String) -> Result<(), StoreError> {
        self.change(move |writing| {
            let (group, account) = (group_id(writing, &group)?, account_row(writing, &account)?.0);
            let insert = "INSERT INTO group_account (group_id, account_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            refuse_if_unchanged(writing.connection.execute(insert, [group, account])?, Conflict::AlreadyInGroup)
        })
        .await
    }

    async fn remove_from_group(&self, group: String, account: String) -> Result<(), StoreError> {
        self.change(move |writing| {
            let (group, account) = (group_id(writing, &group)?, account_row(writing, &account)?.0);
            let delete = "DELETE FROM group_account WHERE group_id = ?1 AND account_id = ?2";
            refuse_if_unchanged(writing.connection.execute(delete, [group, account])?, Conflict::NotInGroup)
        })
        .await
    }

    async fn create_user(&self, new: NewUser) -> Result<UserId, StoreError> {
        self.change(move |writing| {
            refuse_if_found(writing, "SELECT 1 FROM registry_user WHERE name = ?1", &new.name, Conflict::NameTaken)?;
            let account = account_row(writing, &new.account)?.0;
            let group = new.group.map(|group| group_id(writing, &group)).transpose()?;
            let insert = "INSERT INTO registry_user (name, account_id, group_id, role, enabled, created_at)
                VALUES (?1, ?2, ?3, ?4, 1, ?5)";
            let values = params![new.name, account, group, new.role.name(), writing.now.0];
            writing.connection.execute(insert, values)?;
            Ok(UserId(writing.connection.last_insert_rowid() as u64))
        })
        .await
    }

    async fn set_user_enabled(&self, user: String, enabled: bool) -> Result<(), StoreError> {
        self.change(move |writing| {
            let update = "UPDATE registry_user SET enabled = ?2 WHERE name = ?1";
            refuse_if_unchanged(writing.connection.execute(update, params![user, enabled])?, Conflict::NoSuchUser)
        })
        .await
    }

    async fn add_key(&self, new: NewKey) -> Result<(), StoreError> {
        self.change(move |writing| {
            let select = "SELECT id FROM registry_user WHERE name = ?1";
            let user: u64 = find(writing, select, &new.user)?.ok_or(Conflict::NoSuchUser)?;
            let insert = "INSERT INTO api_key (key_id, user_id, digest, kind, label, created_at, expires_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
            let kind = u8::from(new.kind == KeyKind::Imported);
            let expires_at = new.expires_at.map(|moment| moment.0);
            let values = params![new.key_id, user, new.digest, kind, new.label, writing.now.0, expires_at];
            refuse_if_unchanged(writing.connection.execute(insert, values)?, Conflict::KeyKnown)
        })
        .await
    }

    async fn revoke_key(&self, key_id: String) -> Result<(), StoreError> {
        self.change(move |writing| {
            let found: Option<u64> = find(writing, "SELECT id FROM api_key WHERE key_id = ?1", &key_id)?;
            let id = found.ok_or(Conflict::NoSuchKey)?;
            let update = "UPDATE api_key SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
            let changed = writing.connection.execute(update, params![id, writing.now.0])?;
            refuse_if_unchanged(changed, Conflict::AlreadyRevoked)
        })
        .await
    }
}

impl SqliteStore {
    /// Changes the directory and counts its version up, unless the change is refused.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write(move |writing| {
            let done = work(writing)?;
            writing.connection.execute("UPDATE registry SET directory_version = directory_version + 1", [])?;
            Ok(done)
        })
        .await
    }
}

fn find<T: rusqlite::types::FromSql>(writing: &Writing<'_>, select: &str, name: &str) -> Result<Option<T>, WorkError> {
    Ok(writing.connection.query_row(select, [name], |row| row.get(0)).optional()?)
}

fn refuse_if_found(writing: &Writing<'_>, select: &str, name: &str, conflict: Conflict) -> Result<(), WorkError> {
    match find::<i64>(writing, select, name)? {
        Some(_) => Err(conflict.into()),
        None => Ok(()),
    }
}

fn refuse_if_unchanged(rows: usize, conflict: Conflict) -> Result<(), WorkError> {
    if rows == 0 { Err(conflict.into()) } else { Ok(()) }
}

fn group_id(writing: &Writing<'_>, name: &str) -> Result<u64, WorkError> {
    let found = find(writing, "SELECT id FROM account_group WHERE name = ?1", name)?;
    Ok(found.ok_or(Conflict::NoSuchGroup)?)
}

/// The id and the state of an account that is not erased.
fn account_row(writing: &Writing<'_>, name: &str) -> Result<(u64, u8), WorkError> {
    let select = "SELECT id, state FROM account WHERE name = ?1 AND state <> 2";
    let row = writing.connection.query_row(select, [name], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?.ok_or(Conflict::NoSuchAccount)?)
}

fn move_account(writing: &Writing<'_>, name: &str, from: u8, to: u8, otherwise: Conflict) -> Result<(), WorkError> {
    let (id, state) = account_row(writing, name)?;
    if state != from {
        return Err(otherwise.into());
    }
    writing.connection.execute("UPDATE account SET state = ?2 WHERE id = ?1", params![id, to])?;
    Ok(())
}

/// Reads everything in one transaction, so that all parts are of the same moment.
fn snapshot(connection: &mut Connection) -> Result<DirectorySnapshot, rusqlite::Error> {
    let moment = connection.transaction()?;
    let groups: Vec<(u64, String)> =
        list(&moment, "SELECT id, name FROM account_group ORDER BY id", |row| Ok((row.get(0)?, row.get(1)?)))?;
    let members: Vec<(u64, u64)> =
        list(&moment, "SELECT group_id, account_id FROM group_account ORDER BY 1, 2", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let group = |(id, name)| {
        let accounts = members.iter().filter(|member| member.0 == id).map(|member| AccountId(member.1)).collect();
        GroupRecord { id: GroupId(id), name, accounts }
    };
    Ok(DirectorySnapshot {
        version: moment.query_row("SELECT directory_version FROM registry", [], |row| row.get(0))?,
        accounts: list(&moment, "SELECT id, name, state, wrapped_key FROM account ORDER BY id", account)?,
        groups: groups.into_iter().map(group).collect(),
        users: list(
            &moment,
            "SELECT id, name, account_id, group_id, role, enabled FROM registry_user ORDER BY id",
            user,
        )?,
        keys: list(
            &moment,
            "SELECT key_id, user_id, digest, kind, label, created_at, expires_at, revoked_at FROM api_key ORDER BY id",
            key,
        )?,
    })
}

fn list<T>(
    connection: &Connection,
    select: &str,
    read: fn(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, rusqlite::Error> {
    connection.prepare(select)?.query_map([], read)?.collect()
}

fn account(row: &Row<'_>) -> Result<AccountRecord, rusqlite::Error> {
    let state = match row.get(2)? {
        0 => AccountState::Active,
        1 => AccountState::ErasureInProgress,
        2 => AccountState::Erased,
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(2, other)),
    };
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
    })
}
