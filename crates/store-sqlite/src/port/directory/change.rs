//! A change of the directory while it is made, and what it looks for.

use super::snapshot;
use crate::commit::job::{WorkError, WriteTx};
use carnelian_domain::{AccountId, Action, GroupId, Object, Origin, Role, UserId, unique_name};
use carnelian_store::{AuditEntry, Conflict, DirectoryError, DirectoryKey, DirectorySnapshot, IdOrName, UserChanges};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

/// A change of the directory while it is made.
pub(crate) struct Change<'a, 'w> {
    pub(crate) tx: &'a mut WriteTx<'w>,
    pub(crate) origin: &'a Origin,
    /// What seals the directory.
    pub(crate) key: &'a dyn DirectoryKey,
}

impl Change<'_, '_> {
    pub(crate) fn connection(&self) -> &Connection {
        self.tx.connection
    }

    pub(crate) fn now(&self) -> i64 {
        self.tx.now.0
    }

    pub(crate) fn execute(&self, statement: &str, values: impl Params) -> Result<usize, WorkError> {
        Ok(self.connection().execute(statement, values)?)
    }

    /// Writes an entry of the audit log for the change.
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
        self.tx.record(&AuditEntry::record(self.origin, action, object, account, fields))
    }

    pub(super) fn edit_user(&mut self, user: &IdOrName<UserId>, changes: UserChanges) -> Result<UserId, WorkError> {
        let (id, account) = self.user(user)?;
        let before = snapshot::user_by_id(self.connection(), id)?;
        let group = match changes.group {
            Some(group) => group.map(|name| self.group(&name.into())).transpose()?,
            None => before.group,
        };
        let role = changes.role.unwrap_or(before.role);
        let enabled = changes.enabled.unwrap_or(before.enabled);
        let operates = |role: Role, enabled: bool| enabled && role == Role::Operator;
        if operates(before.role, before.enabled) && !operates(role, enabled) && !self.has_operator_beside(id)? {
            return Err(Conflict::LastOperator.into());
        }
        if (role, group, enabled) == (before.role, before.group, before.enabled) {
            return Ok(id);
        }
        let update = "UPDATE registry_user SET group_id = ?2, role = ?3, enabled = ?4 WHERE id = ?1";
        self.execute(update, params![id.0, group.map(|group| group.0), role.name(), enabled])?;
        let changed = [("roleName", role != before.role), ("accountGroup", group != before.group)];
        let changed: Vec<_> = changed.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect();
        if !changed.is_empty() {
            self.record_fields(Action::EditUser, Object::User(id), Some(account), &changed)?;
        }
        if enabled != before.enabled {
            let action = if enabled { Action::EnableUser } else { Action::DisableUser };
            self.record(action, Object::User(id), Some(account))?;
        }
        Ok(id)
    }

    /// Whether another operator can sign in. If the user's home account is not being erased, neither may that of the other be.
    fn has_operator_beside(&self, user: UserId) -> Result<bool, WorkError> {
        let operators = self.operators()?;
        let stays = operators.iter().any(|operator| operator.user == user && operator.stays);
        Ok(operators.iter().any(|other| other.user != user && (other.stays || !stays)))
    }

    /// Whether every operator that can sign in has this home account.
    pub(super) fn holds_every_operator(&self, account: AccountId) -> Result<bool, WorkError> {
        let mut staying = self.operators()?;
        staying.retain(|operator| operator.stays);
        Ok(!staying.is_empty() && staying.iter().all(|operator| operator.home == account))
    }

    /// The operators who may sign in.
    fn operators(&self) -> Result<Vec<SigningOperator>, WorkError> {
        let select = "SELECT registry_user.id, account.id, state = 0 FROM registry_user
            JOIN account ON account.id = account_id WHERE role = ?1 AND enabled = 1";
        let mut select = self.connection().prepare(select)?;
        let operators = select.query_map([Role::Operator.name()], |row| {
            Ok(SigningOperator { user: UserId(row.get(0)?), home: AccountId(row.get(1)?), stays: row.get(2)? })
        })?;
        Ok(operators.collect::<Result<_, _>>()?)
    }

    /// Checks that the directory is what was sealed last. A change does this first, so that it does not seal what was altered.
    pub(crate) fn check_seal(&self) -> Result<(), WorkError> {
        let newest = self.tx.audit.directory(self.connection())?;
        match snapshot::read_within(self.connection(), newest) {
            Ok(directory) => directory.check(self.key).map_err(WorkError::Directory),
            Err(error @ rusqlite::Error::SqliteFailure(..)) => Err(error.into()),
            // A value that the program never writes.
            Err(_) => Err(WorkError::Directory(DirectoryError::Altered)),
        }
    }

    /// Counts the directory's version up, so that every process reads it again, seals it, and makes it the newest one.
    pub(crate) fn seal(&mut self) -> Result<DirectorySnapshot, WorkError> {
        self.execute("UPDATE registry SET directory_version = directory_version + 1", [])?;
        let sealed = snapshot::seal(self.connection(), self.key)?;
        self.tx.audit.set_directory(self.tx.connection, sealed.newest)?;
        Ok(sealed)
    }

    pub(super) fn find<T>(
        &self,
        select: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Option<T>, WorkError> {
        Ok(self.connection().query_row(select, values, read).optional()?)
    }

    /// Fails with the conflict if a query finds something by the unique form of a name.
    pub(super) fn refuse_if_found(&self, select: &str, name: &str, conflict: Conflict) -> Result<(), WorkError> {
        match self.find(select, [unique_name(name)], |_| Ok(()))? {
            Some(()) => Err(conflict.into()),
            None => Ok(()),
        }
    }

    pub(super) fn group(&self, group: &IdOrName<GroupId>) -> Result<GroupId, WorkError> {
        let select = "SELECT id FROM account_group WHERE id = ?1 OR unique_name = ?2";
        let values = params![group.id().map(|id| id.0), group.unique_name()];
        Ok(self.find(select, values, |row| Ok(GroupId(row.get(0)?)))?.ok_or(Conflict::NoSuchGroup)?)
    }

    /// A user and its home account. A user whose home account is erased does not exist.
    pub(super) fn user(&self, user: &IdOrName<UserId>) -> Result<(UserId, AccountId), WorkError> {
        let select = "SELECT registry_user.id, account.id FROM registry_user JOIN account ON account.id = account_id
            WHERE (registry_user.id = ?1 OR registry_user.unique_name = ?2) AND state <> 2";
        let values = params![user.id().map(|id| id.0), user.unique_name()];
        let row = |row: &Row<'_>| Ok((UserId(row.get(0)?), AccountId(row.get(1)?)));
        Ok(self.find(select, values, row)?.ok_or(Conflict::NoSuchUser)?)
    }

    /// An account that is not erased, and its state.
    pub(super) fn account(&self, account: &IdOrName<AccountId>) -> Result<(AccountId, u8), WorkError> {
        let select = "SELECT id, state FROM account WHERE (id = ?1 OR unique_name = ?2) AND state <> 2";
        let values = params![account.id().map(|id| id.0), account.unique_name()];
        let row = |row: &Row<'_>| Ok((AccountId(row.get(0)?), row.get(1)?));
        Ok(self.find(select, values, row)?.ok_or(Conflict::NoSuchAccount)?)
    }

    /// The home account of a key's user.
    pub(super) fn account_of_key(&self, key_id: &str) -> Result<AccountId, WorkError> {
        let select =
            "SELECT account_id FROM api_key JOIN registry_user ON registry_user.id = user_id WHERE key_id = ?1";
        Ok(self.find(select, [key_id], |row| Ok(AccountId(row.get(0)?)))?.ok_or(Conflict::NoSuchKey)?)
    }

    /// An account that must be in a state.
    pub(super) fn account_in(
        &self,
        account: &IdOrName<AccountId>,
        state: u8,
        otherwise: Conflict,
    ) -> Result<AccountId, WorkError> {
        let (id, found) = self.account(account)?;
        if found == state { Ok(id) } else { Err(otherwise.into()) }
    }

    pub(super) fn set_state(&self, account: AccountId, state: u8) -> Result<(), WorkError> {
        self.execute("UPDATE account SET state = ?2 WHERE id = ?1", params![account.0, state]).map(drop)
    }
}

/// An operator who may sign in.
struct SigningOperator {
    user: UserId,
    home: AccountId,
    /// Whether the home account is not being erased.
    stays: bool,
}
