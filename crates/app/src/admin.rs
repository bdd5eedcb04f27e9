//! Administration: one function per operation, for the HTTP API and the command line alike.
//!
//! An operation is a method of [`Admin`], which holds the permission. Input is checked before: requests of the API by
//! [`input`], arguments of the command line by their types. A target is named by id or by name ([`IdOrName`]); the operation
//! resolves it and changes it by its id, because a name can be reused and an id never is.
//!
//! * [`accounts`], [`groups`], [`users`], [`keys`]: the directory
//! * [`erasures`]: erasures of accounts and their receipts
//! * [`audit`]: the audit log
//! * [`input`]: requests of the API, as received, and their checks

pub mod accounts;
pub mod audit;
pub mod erasures;
pub mod groups;
pub mod input;
pub mod keys;
pub mod users;

pub use carnelian_store::IdOrName;

use crate::{
    App, Failure,
    api_key::MAX_FIXED,
    directory::{Account, DirectoryReader, User},
    failure::Internal,
    permit,
};
use carnelian_domain::{
    AccountId, Action, Actor, Caller, GroupId, NameError, Object, Origin, Permission, Problem, Scope, UserId, Violation,
};
use carnelian_store::{AuditEntry, Conflict, DirectorySnapshot, GroupRecord, PartitionId, StoreError};
use std::sync::Arc;

/// An operator requires access to every account.
static EVERY_ACCOUNT: Scope = Scope::Every;

/// The permission to administer.
pub struct Admin<'a> {
    app: &'a App,
    /// The caller of the API; `None` for the command line and the server itself.
    caller: Option<&'a Caller>,
    origin: Origin,
}

/// Why an administrative operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The name is not allowed.
    #[error("{what} cannot be called {name:?}: {why}")]
    BadName {
        /// What the name is for.
        what: &'static str,
        /// The name.
        name: String,
        /// The rule that it breaks.
        why: NameError,
    },
    /// The key to import does not have the required form.
    #[error("the key must have the form of a UUID, such as 0f8fad5b-d9cb-469f-a165-70867728950e")]
    NotImportable,
    /// The key cannot be a fixed key of a seed.
    #[error("a fixed key has 1 to {MAX_FIXED} characters, no control characters, and not the prefix of issued keys")]
    NotFixable,
    /// The state of the registry does not allow it.
    #[error(transparent)]
    Conflict(Conflict),
    /// Any other failure.
    #[error("{}", .0.for_log())]
    Failure(Failure),
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> AdminError {
        match error {
            StoreError::Conflict(conflict) => AdminError::Conflict(conflict),
            other => AdminError::Failure(other.into()),
        }
    }
}

impl From<Failure> for AdminError {
    fn from(failure: Failure) -> AdminError {
        AdminError::Failure(failure)
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Failure {
        match error {
            AdminError::Conflict(Conflict::NameTaken) => Problem::NameTaken.into(),
            AdminError::Conflict(conflict) => StoreError::Conflict(conflict).into(),
            AdminError::NotImportable => Failure::Violations(vec![Violation::new("key", Problem::InvalidKey)]),
            AdminError::Failure(failure) => failure,
            AdminError::BadName { .. } | AdminError::NotFixable => Failure::Internal(Internal::new(error)),
        }
    }
}

impl App {
    /// The permission of a caller to carry out an administrative operation. A refusal is recorded in the audit log.
    pub async fn admin<'a>(
        &'a self,
        caller: &'a Caller,
        origin: Origin,
        operation: &str,
    ) -> Result<Admin<'a>, Failure> {
        if let Err(refused) = permit(caller, Permission::Administer) {
            self.record_refusal(operation, &origin).await?;
            return Err(refused);
        }
        Ok(Admin { app: self, caller: Some(caller), origin })
    }

    /// The permission of the command line and of the server itself: everything is allowed.
    pub fn local_admin(&self, origin: &Origin) -> Admin<'_> {
        Admin { app: self, caller: None, origin: origin.clone() }
    }

    /// Records in the audit log that an operation was refused, within the limit of each user.
    async fn record_refusal(&self, operation: &str, origin: &Origin) -> Result<(), StoreError> {
        if let Actor::User(user) = origin.actor
            && self.limits.refusals.admit(user, self.clock.monotonic()).is_err()
        {
            return Ok(());
        }
        let object = Object::Operation(operation);
        let entry = AuditEntry::record(origin, Action::Refuse, object, None, &[]);
        self.store.append_audit(PartitionId::FIRST, entry).await
    }
}

impl Admin<'_> {
    /// The same permission, with the reason that the audit log records.
    #[must_use]
    pub fn because(mut self, reason: Option<String>) -> Self {
        self.origin.reason = reason.map(Into::into);
        self
    }

    /// Accepts accounts, groups, users and keys as they are stored, also if they were altered outside of the program.
    pub async fn reseal_directory(&self) -> Result<DirectorySnapshot, AdminError> {
        let accepted = self.app.store.reseal_directory(&self.origin).await?;
        self.app.refresh_directory().await?;
        Ok(accepted)
    }

    /// Checks the caller's rights again before a change: to find its target, the directory may have been read from the store.
    async fn confirm(&self) -> Result<(), Failure> {
        let Some(caller) = self.caller else { return Ok(()) };
        let confirmed = self.app.confirm(caller).await?;
        confirmed.map_or(Ok(()), |caller| permit(&caller, Permission::Administer))
    }

    /// Reads the directory, every account included.
    fn reader(&self) -> DirectoryReader<'_> {
        DirectoryReader::new(self.app, &EVERY_ACCOUNT)
    }

    async fn account(&self, which: &IdOrName<AccountId>) -> Result<Arc<Account>, AdminError> {
        let account = match which {
            IdOrName::Id(id) => self.reader().find(|directory| directory.account(*id).cloned()).await?,
            IdOrName::Name(name) => {
                self.reader().find(|directory| directory.account_named(name, &EVERY_ACCOUNT).cloned()).await?
            }
        };
        account.ok_or(AdminError::Conflict(Conflict::NoSuchAccount))
    }

    async fn group(&self, which: &IdOrName<GroupId>) -> Result<GroupRecord, AdminError> {
        let is = |group: &&GroupRecord| which.is(group.id, &group.name);
        let group = self.reader().find(|directory| directory.groups().iter().find(is).cloned()).await?;
        group.ok_or(AdminError::Conflict(Conflict::NoSuchGroup))
    }

    async fn user(&self, which: &IdOrName<UserId>) -> Result<UserId, AdminError> {
        let id = |user: &User| user.caller.user;
        let user = match which {
            IdOrName::Id(id_) => self.reader().find(|directory| directory.user_of_id(*id_).map(id)).await?,
            IdOrName::Name(name) => self.reader().find(|directory| directory.user(name).map(id)).await?,
        };
        user.ok_or(AdminError::Conflict(Conflict::NoSuchUser))
    }

    /// The result of a change that may have been refused to keep the last operator. Such a refusal is recorded.
    async fn keep_operator<T>(&self, result: Result<T, StoreError>, operation: &str) -> Result<T, AdminError> {
        if let Err(StoreError::Conflict(Conflict::LastOperator)) = result {
            self.app.record_refusal(operation, &self.origin).await?;
        }
        Ok(result?)
    }
}

fn check_named(what: &'static str, name: &str, check: fn(&str) -> Result<(), NameError>) -> Result<(), AdminError> {
    check(name).map_err(|why| AdminError::BadName { what, name: name.to_owned(), why })
}
