//! Accounts, groups, users and keys.
//!
//! Every change here checks first and writes then, within one transaction, and counts the directory's version up.

use crate::{
    SqliteStore,
    job::{WorkError, Writing},
};
use carnelian_domain::{
    AccountId, AccountState, Action, AddressRange, ErasureId, GroupId, Object, Origin, Role, Timestamp, UserId,
};
use carnelian_store::{
    AccountRecord, AuditEntry, Conflict, Directory, DirectorySnapshot, GroupRecord, KeyKind, KeyRecord, NewKey,
    NewUser, StoreError, UserChanges, UserRecord, WrapKey,
};
use rusqlite::{
    Connection, OptionalExtension, Params, Row, params,
    types::{FromSql, Type},
};

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

    async fn create_account(&self, name: String, wrap_key: WrapKey, origin: &Origin) -> Result<AccountId, StoreError> {
        self.change(origin, move |change| {
            let taken = "SELECT 1 FROM account WHERE name = ?1 AND state <> 2";
            change.refuse_if_found(taken, &name, Conflict::NameTaken)?;
            let next = "SELECT ifnull(max(id), 0) + 1 FROM account";
            let id = AccountId(change.connection().query_row(next, [], |row| row.get(0))?);
            let insert = "INSERT INTO account (id, name, state, wrapped_key, created_at) VALUES (?1, ?2, 0, ?3, ?4)";
            change.execute(insert, params![id.0, name, wrap_key(id), change.now()])?;
            change.record(Action::CreateAccount, Object::Account(id), Some(id))?;
            Ok(id)
        })
        .await
    }

    async fn request_erasure(
        &self,
        account: String,
        grace_seconds: u64,
        origin: &Origin,
    ) -> Result<ErasureId, StoreError> {
        self.change(origin, move |change| {
            let id = change.account_in(&account, 0, Conflict::ErasureInProgress)?;
            change.set_state(id, 1)?;
            let insert = "INSERT INTO erasure (account_id, state, requested_at, requested_by, reason, due_at)
                VALUES (?1, 0, ?2, ?3, ?4, ?5)";
            let due_at = Timestamp(change.now()).plus_seconds(grace_seconds).0;
            let (actor, reason) = (change.origin.actor.to_string(), change.origin.reason.as_deref());
            change.execute(insert, params![id.0, change.now(), actor, reason, due_at])?;
            let erasure = ErasureId(change.connection().last_insert_rowid() as u64);
            change.record(Action::RequestErasure, Object::Account(id), Some(id))?;
            Ok(erasure)
        })
        .await
    }

    async fn cancel_erasure(&self, account: String, origin: &Origin) -> Result<(), StoreError> {
        self.change(origin, move |change| {
            let id = change.account_in(&account, 1, Conflict::NoErasureInProgress)?;
            let cancel = "UPDATE erasure SET state = 4 WHERE account_id = ?1 AND state = 0";
            refuse_if_unchanged(change.execute(cancel, [id.0])?, Conflict::ErasureRunning)?;
            change.set_state(id, 0)?;
            change.record(Action::CancelErasure, Object::Account(id), Some(id))
        })
        .await
    }

    async fn create_group(&self, name: String, origin: &Origin) -> Result<GroupId, StoreError> {
        self.change(origin, move |change| {
            change.refuse_if_found("SELECT 1 FROM account_group WHERE name = ?1", &name, Conflict::NameTaken)?;
            change.execute("INSERT INTO account_group (name) VALUES (?1)", [name])?;
            let id = GroupId(change.connection().last_insert_rowid() as u64);
            change.record(Action::CreateGroup, Object::Group(id), None)?;
            Ok(id)
        })
        .await
    }

    async fn add_to_group(&self, group: String, account: String, origin: &Origin) -> Result<(), StoreError> {
        self.change(origin, move |change| {
            let (group, account) = (change.group(&group)?, change.account(&account)?.0);
            let insert = "INSERT INTO group_account (group_id, account_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            refuse_if_unchanged(change.execute(insert, [group.0, account.0])?, Conflict::AlreadyInGroup)?;
            change.record(Action::AddToGroup, Object::Group(group), Some(account))
        })
        .await
    }

    async fn remove_from_group(&self, group: String, account: String, origin: &Origin) -> Result<(), StoreError> {
        self.change(origin, move |change| {
            let (group, account) = (change.group(&group)?, change.account(&account)?.0);
            let delete = "DELETE FROM group_account WHERE group_id = ?1 AND account_id = ?2";
            refuse_if_unchanged(change.execute(delete, [group.0, account.0])?, Conflict::NotInGroup)?;
            change.record(Action::RemoveFromGroup, Object::Group(group), Some(account))
        })
        .await
    }

    async fn create_user(&self, new: NewUser, origin: &Origin) -> Result<UserId, StoreError> {
        self.change(origin, move |change| {
            change.refuse_if_found("SELECT 1 FROM registry_user WHERE name = ?1", &new.name, Conflict::NameTaken)?;
            let account = change.account(&new.account)?.0;
            let group = new.group.map(|group| change.group(&group)).transpose()?;
            let insert = "INSERT INTO registry_user (name, account_id, group_id, role, enabled, created_at)
                VALUES (?1, ?2, ?3, ?4, 1, ?5)";
            let group = group.map(|group| group.0);
            change.execute(insert, params![new.name, account.0, group, new.role.name(), change.now()])?;
            let id = UserId(change.connection().last_insert_rowid() as u64);
            change.record(Action::CreateUser, Object::User(id), Some(account))?;
            Ok(id)
        })
        .await
    }

    async fn edit_user(&self, user: String, changes: UserChanges, origin: &Origin) -> Result<(), StoreError> {
        self.change(origin, move |change| change.edit_user(&user, changes)).await
    }

    async fn add_key(&self, new: NewKey, origin: &Origin) -> Result<(), StoreError> {
        self.change(origin, move |change| {
            let (user, account) = change.user(&new.user)?;
            let insert = "INSERT INTO api_key (key_id, user_id, digest, kind, label, created_at, expires_at, allowed)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
            let imported = new.kind == KeyKind::Imported;
            let expires_at = new.expires_at.map(|moment| moment.0);
            let kind = u8::from(imported);
            let allowed = written_ranges(&new.allowed);
            let values = params![new.key_id, user.0, new.digest, kind, new.label, change.now(), expires_at, allowed];
            refuse_if_unchanged(change.execute(insert, values)?, Conflict::KeyKnown)?;
            let action = if imported { Action::ImportKey } else { Action::IssueKey };
            change.record(action, Object::Key(&new.key_id), Some(account))
        })
        .await
    }

    async fn revoke_key(&self, key_id: String, origin: &Origin) -> Result<(), StoreError> {
        self.change(origin, move |change| {
            let account = "SELECT account_id FROM api_key JOIN registry_user ON registry_user.id = user_id
                WHERE key_id = ?1";
            let account = change.find(account, &key_id)?.map(AccountId).ok_or(Conflict::NoSuchKey)?;
            let update = "UPDATE api_key SET revoked_at = ?2 WHERE key_id = ?1 AND revoked_at IS NULL";
            refuse_if_unchanged(change.execute(update, params![key_id, change.now()])?, Conflict::AlreadyRevoked)?;
            change.record(Action::RevokeKey, Object::Key(&key_id), Some(account))
        })
        .await
    }

    async fn note_key_uses(&self, uses: Vec<(String, Timestamp)>) -> Result<(), StoreError> {
        let update = "UPDATE api_key SET last_used_at = ?2 WHERE key_id = ?1 AND ifnull(last_used_at, ?2 - 1) < ?2";
        self.write(move |writing| {
            let mut update = writing.connection.prepare_cached(update)?;
            for (key_id, at) in &uses {
                update.execute(params![key_id, at.0])?;
            }
            Ok(())
        })
        .await
    }
}

impl SqliteStore {
    /// Changes the directory and counts its version up, unless the change is refused.
    async fn change<T: Send + 'static>(
        &self,
        origin: &Origin,
        work: impl FnOnce(&mut Change<'_, '_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let origin = origin.clone();
        self.write(move |writing| {
            let mut change = Change { writing, origin: &origin };
            let done = work(&mut change)?;
            change.count_up()?;
            Ok(done)
        })
        .await
    }
}

/// A change of the directory while it is made.
pub(crate) struct Change<'a, 'w> {
    pub(crate) writing: &'a mut Writing<'w>,
    pub(crate) origin: &'a Origin,
}

impl Change<'_, '_> {
    pub(crate) fn connection(&self) -> &Connection {
        self.writing.connection
    }

    pub(crate) fn now(&self) -> i64 {
        self.writing.now.0
    }

    pub(crate) fn execute(&self, statement: &str, values: impl Params) -> Result<usize, WorkError> {
        Ok(self.connection().execute(statement, values)?)
    }

    /// Writes the change down in the audit log.
    pub(crate) fn record(
        &mut self,
        action: Action,
        object: Object<'_>,
        account: Option<AccountId>,
    ) -> Result<(), WorkError> {
        self.record_fields(action, object, account, &[])
    }

    /// The same, with the names of the fields that changed.
    fn record_fields(
        &mut self,
        action: Action,
        object: Object<'_>,
        account: Option<AccountId>,
        fields: &[&str],
    ) -> Result<(), WorkError> {
        self.writing.record(&AuditEntry::record(self.origin, action, object, account, fields))
    }

    fn edit_user(&mut self, name: &str, changes: UserChanges) -> Result<(), WorkError> {
        let (id, account) = self.user(name)?;
        let select = "SELECT id, name, account_id, group_id, role, enabled FROM registry_user WHERE id = ?1";
        let before = self.connection().query_row(select, [id.0], user)?;
        let group = match &changes.group {
            Some(group) => group.as_deref().map(|group| self.group(group)).transpose()?,
            None => before.group,
        };
        let role = changes.role.unwrap_or(before.role);
        let enabled = changes.enabled.unwrap_or(before.enabled);
        let operates = |role: Role, enabled: bool| enabled && role == Role::Operator;
        if operates(before.role, before.enabled) && !operates(role, enabled) && !self.has_operator_beside(id)? {
            return Err(Conflict::LastOperator.into());
        }
        let update = "UPDATE registry_user SET group_id = ?2, role = ?3, enabled = ?4 WHERE id = ?1";
        self.execute(update, params![id.0, group.map(|group| group.0), role.name(), enabled])?;
        let changed = [("role", role != before.role), ("accountGroup", group != before.group)];
        let changed: Vec<_> = changed.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect();
        if !changed.is_empty() {
            self.record_fields(Action::EditUser, Object::User(id), Some(account), &changed)?;
        }
        match changes.enabled {
            Some(true) => self.record(Action::EnableUser, Object::User(id), Some(account)),
            Some(false) => self.record(Action::DisableUser, Object::User(id), Some(account)),
            None => Ok(()),
        }
    }

    /// Whether somebody else can administer the registry.
    fn has_operator_beside(&self, user: UserId) -> Result<bool, WorkError> {
        let select = "SELECT EXISTS (SELECT 1 FROM registry_user WHERE role = ?1 AND enabled = 1 AND id <> ?2)";
        Ok(self.connection().query_row(select, params![Role::Operator.name(), user.0], |row| row.get(0))?)
    }

    /// Counts the directory's version up, so that every process reads it again.
    pub(crate) fn count_up(&self) -> Result<(), WorkError> {
        self.execute("UPDATE registry SET directory_version = directory_version + 1", []).map(drop)
    }

    fn find<T: FromSql>(&self, select: &str, name: &str) -> Result<Option<T>, WorkError> {
        Ok(self.connection().query_row(select, [name], |row| row.get(0)).optional()?)
    }

    fn refuse_if_found(&self, select: &str, name: &str, conflict: Conflict) -> Result<(), WorkError> {
        match self.find::<i64>(select, name)? {
            Some(_) => Err(conflict.into()),
            None => Ok(()),
        }
    }

    fn group(&self, name: &str) -> Result<GroupId, WorkError> {
        let found = self.find("SELECT id FROM account_group WHERE name = ?1", name)?;
        Ok(found.map(GroupId).ok_or(Conflict::NoSuchGroup)?)
    }

    /// A user and its home account.
    fn user(&self, name: &str) -> Result<(UserId, AccountId), WorkError> {
        let select = "SELECT id, account_id FROM registry_user WHERE name = ?1";
        let row = |row: &Row<'_>| Ok((UserId(row.get(0)?), AccountId(row.get(1)?)));
        Ok(self.connection().query_row(select, [name], row).optional()?.ok_or(Conflict::NoSuchUser)?)
    }

    /// An account that is not erased, and its state.
    fn account(&self, name: &str) -> Result<(AccountId, u8), WorkError> {
        let select = "SELECT id, state FROM account WHERE name = ?1 AND state <> 2";
        let row = |row: &Row<'_>| Ok((AccountId(row.get(0)?), row.get(1)?));
        Ok(self.connection().query_row(select, [name], row).optional()?.ok_or(Conflict::NoSuchAccount)?)
    }

    /// An account that must be in a state.
    fn account_in(&self, name: &str, state: u8, otherwise: Conflict) -> Result<AccountId, WorkError> {
        let (id, found) = self.account(name)?;
        if found == state { Ok(id) } else { Err(otherwise.into()) }
    }

    fn set_state(&self, account: AccountId, state: u8) -> Result<(), WorkError> {
        self.execute("UPDATE account SET state = ?2 WHERE id = ?1", params![account.0, state]).map(drop)
    }
}

fn refuse_if_unchanged(rows: usize, conflict: Conflict) -> Result<(), WorkError> {
    if rows == 0 { Err(conflict.into()) } else { Ok(()) }
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
            "SELECT key_id, user_id, digest, kind, label, created_at, expires_at, revoked_at, last_used_at, allowed
                FROM api_key ORDER BY id",
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
        last_used_at: moment(8)?,
        allowed: ranges(row, 9)?,
    })
}

/// What stands between two ranges of addresses.
const SEPARATOR: &str = ",";

fn written_ranges(ranges: &[AddressRange]) -> Option<String> {
    let ranges: Vec<_> = ranges.iter().map(AddressRange::to_string).collect();
    if ranges.is_empty() { None } else { Some(ranges.join(SEPARATOR)) }
}

fn ranges(row: &Row<'_>, column: usize) -> Result<Vec<AddressRange>, rusqlite::Error> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(Vec::new()) };
    let ranges = text.split(SEPARATOR).map(str::parse).collect::<Result<_, String>>();
    ranges.map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
