//! A change of the directory while it is made, and what it looks for.

use super::{ACCOUNT_NAME, GROUP_NAME, snapshot};
use crate::{
    core::{Core, PARTITION, PARTITION_NUMBER},
    error::DatabaseError,
    port::rows::{ACCOUNT_STATES, account_state, number},
    transaction::{LockedLog, Transaction},
};
use carnelian_domain::{AccountId, AccountState, Action, GroupId, Object, Origin, Role, UserId, unique_name};
use carnelian_store::{
    AuditEntry, Conflict, DirectoryKey, DirectorySnapshot, IdOrName, StoreError, UserChanges, UserRecord,
};
use std::{ops::Deref, sync::Arc};

const COUNT_UP: &str = "UPDATE registry SET directory_version = directory_version + 1";

const ACCOUNT_BY_ID: &str = "SELECT id, state FROM account WHERE partition = $1 AND id = $2 AND state <> 2";
const SET_STATE: &str = "UPDATE account SET state = $3 WHERE partition = $1 AND id = $2";

const GROUP_BY_ID: &str = "SELECT id FROM account_group WHERE id = $1";

const USER: &str = "
    SELECT u.id, u.account_id FROM registry_user u JOIN account a ON a.partition = $1 AND a.id = u.account_id
    WHERE (u.id = $2 OR u.unique_name = $3) AND a.state <> 2";
const EDIT_USER: &str = "UPDATE registry_user SET group_id = $2, role = $3, enabled = $4 WHERE id = $1";
const OPERATORS: &str = "
    SELECT u.id, u.account_id, a.state = 0 FROM registry_user u JOIN account a ON a.partition = $1 AND a.id = u.account_id
    WHERE u.role = $2 AND u.enabled";

const ACCOUNT_OF_KEY: &str = "
    SELECT u.account_id FROM api_key k JOIN registry_user u ON u.id = k.user_id WHERE k.key_id = $1";

/// A change of the directory while it is made. Dropped before it is finished, it changes nothing.
pub(crate) struct Change<'a> {
    transaction: Transaction,
    log: LockedLog,
    origin: &'a Origin,
    key: Arc<dyn DirectoryKey>,
}

impl Deref for Change<'_> {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.transaction
    }
}

impl<'a> Change<'a> {
    /// Begins a change, and keeps every other one waiting until its end.
    pub(super) async fn begin(core: &Core, origin: &'a Origin) -> Result<Change<'a>, StoreError> {
        let transaction = core.begin().await?;
        Change::within(transaction, core, origin).await
    }

    /// Continues a transaction as a change. Fails if the directory is not what was sealed last, since the change would seal it,
    /// and if it is not the one with which the rights to the change were confirmed.
    pub(crate) async fn within(
        transaction: Transaction,
        core: &Core,
        origin: &'a Origin,
    ) -> Result<Change<'a>, StoreError> {
        let change = Change::unchecked(transaction, core, origin).await?;
        let directory = snapshot::read_within(&change, change.log.chain()).await?;
        directory.check(&*change.key).map_err(StoreError::corrupt)?;
        if origin.directory_version.is_some_and(|confirmed| confirmed != directory.version) {
            return Err(Conflict::DirectoryChanged.into());
        }
        Ok(change)
    }

    /// The same, whatever the directory is.
    pub(super) async fn unchecked(
        transaction: Transaction,
        core: &Core,
        origin: &'a Origin,
    ) -> Result<Change<'a>, DatabaseError> {
        let log = transaction.lock_log(core.audit_chain(), PARTITION).await?;
        Ok(Change { transaction, log, origin, key: core.directory_key() })
    }

    /// Counts the directory's version up, so that every server reads it again, seals it, makes it the newest one, writes the
    /// audit log and commits. A change without an entry has changed nothing, and neither does this.
    pub(crate) async fn finish<T>(self, changed: T) -> Result<T, StoreError> {
        if self.log.is_extended() {
            self.seal().await?;
        }
        Ok(changed)
    }

    /// The same; returns the directory that was sealed.
    pub(super) async fn seal(mut self) -> Result<DirectorySnapshot, StoreError> {
        self.transaction.run(COUNT_UP, &[]).await?;
        let sealed = snapshot::seal(&self.transaction, self.log.chain(), &*self.key).await?;
        self.log.set_directory(sealed.newest);
        self.commit().await?;
        Ok(sealed)
    }

    /// Writes the audit log and commits what is no change of the directory itself.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.transaction.write_log(self.log).await?;
        self.transaction.commit().await
    }

    /// When the change began.
    pub(crate) fn now(&self) -> i64 {
        self.transaction.now.0
    }

    /// Writes an entry of the audit log for the change.
    pub(crate) fn record(&mut self, action: Action, object: Object<'_>, account: Option<AccountId>) {
        self.record_fields(action, object, account, &[]);
    }

    /// The same, with the names of the fields that changed.
    fn record_fields(&mut self, action: Action, object: Object<'_>, account: Option<AccountId>, fields: &[&str]) {
        self.log.append(self.transaction.now, AuditEntry::record(self.origin, action, object, account, fields));
    }

    /// Gives out an id that is never given again.
    pub(super) async fn next_id(&self, statement: &'static str) -> Result<u64, DatabaseError> {
        Ok(number(&self.one(statement, &[]).await?, 0))
    }

    pub(super) async fn refuse_if_found(&self, select: &'static str, name: &str) -> Result<(), StoreError> {
        match self.first(select, &[&unique_name(name)]).await? {
            Some(_) => Err(Conflict::NameTaken.into()),
            None => Ok(()),
        }
    }

    pub(super) async fn edit_user(
        &mut self,
        user: &IdOrName<UserId>,
        changes: UserChanges,
    ) -> Result<UserRecord, StoreError> {
        let (id, account) = self.user(user).await?;
        let before = snapshot::user_by_id(self, id).await?;
        let group = match changes.group {
            Some(Some(name)) => Some(self.group(&name.into()).await?),
            Some(None) => None,
            None => before.group,
        };
        let role = changes.role.unwrap_or(before.role);
        let enabled = changes.enabled.unwrap_or(before.enabled);
        let operates = |role: Role, enabled: bool| enabled && role == Role::Operator;
        if operates(before.role, before.enabled) && !operates(role, enabled) && !self.has_operator_beside(id).await? {
            return Err(Conflict::LastOperator.into());
        }
        if (role, group, enabled) == (before.role, before.group, before.enabled) {
            return Ok(before);
        }
        let group_number = group.map(|group| group.0.cast_signed());
        self.run(EDIT_USER, &[&id.0.cast_signed(), &group_number, &role.name(), &enabled]).await?;
        let changed = [("roleName", role != before.role), ("accountGroup", group != before.group)];
        let changed: Vec<_> = changed.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect();
        if !changed.is_empty() {
            self.record_fields(Action::EditUser, Object::User(id), Some(account), &changed);
        }
        if enabled != before.enabled {
            let action = if enabled { Action::EnableUser } else { Action::DisableUser };
            self.record(action, Object::User(id), Some(account));
        }
        Ok(UserRecord { group, role, enabled, ..before })
    }

    /// Whether another operator can sign in. If the user's home account is not being erased, neither may that of the other be.
    async fn has_operator_beside(&self, user: UserId) -> Result<bool, DatabaseError> {
        let operators = self.operators().await?;
        let stays = operators.iter().any(|operator| operator.user == user && operator.stays);
        Ok(operators.iter().any(|other| other.user != user && (other.stays || !stays)))
    }

    /// Whether every operator that can sign in has this home account.
    pub(super) async fn holds_every_operator(&self, account: AccountId) -> Result<bool, DatabaseError> {
        let mut staying = self.operators().await?;
        staying.retain(|operator| operator.stays);
        Ok(!staying.is_empty() && staying.iter().all(|operator| operator.home == account))
    }

    /// The operators who may sign in.
    async fn operators(&self) -> Result<Vec<SigningOperator>, DatabaseError> {
        let rows = self.rows(OPERATORS, &[&PARTITION_NUMBER, &Role::Operator.name()]).await?;
        let operator =
            |row| SigningOperator { user: UserId(number(row, 0)), home: AccountId(number(row, 1)), stays: row.get(2) };
        Ok(rows.iter().map(operator).collect())
    }

    pub(super) async fn group(&self, group: &IdOrName<GroupId>) -> Result<GroupId, StoreError> {
        let found = match group {
            IdOrName::Id(id) => self.first(GROUP_BY_ID, &[&id.0.cast_signed()]).await?,
            IdOrName::Name(name) => self.first(GROUP_NAME, &[&unique_name(name)]).await?,
        };
        Ok(GroupId(number(&found.ok_or(Conflict::NoSuchGroup)?, 0)))
    }

    /// A user and its home account. A user whose home account is erased does not exist.
    pub(super) async fn user(&self, user: &IdOrName<UserId>) -> Result<(UserId, AccountId), StoreError> {
        let id = user.id().map(|id| id.0.cast_signed());
        let found = self.first(USER, &[&PARTITION_NUMBER, &id, &user.unique_name()]).await?;
        let found = found.ok_or(Conflict::NoSuchUser)?;
        Ok((UserId(number(&found, 0)), AccountId(number(&found, 1))))
    }

    /// An account that is not erased, and its state.
    pub(super) async fn account(&self, account: &IdOrName<AccountId>) -> Result<(AccountId, AccountState), StoreError> {
        let id = match account {
            IdOrName::Id(id) => Some(id.0),
            IdOrName::Name(name) => self.first(ACCOUNT_NAME, &[&unique_name(name)]).await?.map(|row| number(&row, 0)),
        };
        let id = id.ok_or(Conflict::NoSuchAccount)?;
        let found = self.first(ACCOUNT_BY_ID, &[&PARTITION_NUMBER, &id.cast_signed()]).await?;
        Ok((AccountId(id), account_state(&found.ok_or(Conflict::NoSuchAccount)?, 1)?))
    }

    /// The home account of a key's user.
    pub(super) async fn account_of_key(&self, key_id: &str) -> Result<AccountId, StoreError> {
        let found = self.first(ACCOUNT_OF_KEY, &[&key_id]).await?;
        Ok(AccountId(number(&found.ok_or(Conflict::NoSuchKey)?, 0)))
    }

    /// An account that must be in a state.
    pub(super) async fn account_in(
        &self,
        account: &IdOrName<AccountId>,
        state: AccountState,
        otherwise: Conflict,
    ) -> Result<AccountId, StoreError> {
        let (id, found) = self.account(account).await?;
        if found == state { Ok(id) } else { Err(otherwise.into()) }
    }

    pub(super) async fn set_state(&self, account: AccountId, state: AccountState) -> Result<(), DatabaseError> {
        let state = ACCOUNT_STATES.iter().position(|known| *known == state).map(|number| number as i64);
        self.run(SET_STATE, &[&PARTITION_NUMBER, &account.0.cast_signed(), &state]).await.map(drop)
    }
}

/// An operator who may sign in.
struct SigningOperator {
    user: UserId,
    home: AccountId,
    /// Whether the home account is not being erased.
    stays: bool,
}
