//! Administration: one function per operation, for the HTTP API and the command line alike.
//!
//! An operation is a method of [`Admin`], which holds the permission. Input is checked before: requests of the API by
//! [`input`], arguments of the command line by their types. A target is named by id or by name ([`IdOrName`]); the operation
//! resolves it and changes it by its id, because a name can be reused and an id never is.
//!
//! * [`accounts`], [`groups`], [`users`], [`keys`]: the directory
//! * [`erasures`]: erasures of accounts and their receipts
//! * [`audit`]: the audit log
//! * [`status`]: how the registry and its server are doing
//! * [`jobs`]: jobs of this server
//! * [`input`]: requests of the API, as received, and their checks

pub mod accounts;
pub mod audit;
pub mod erasures;
pub mod groups;
pub mod input;
pub mod jobs;
pub mod keys;
mod settings;
pub mod status;
pub mod users;

pub use carnelian_store::IdOrName;

use crate::{
    App, Failure,
    api_key::MAX_FIXED,
    authenticate::ATTEMPTS,
    directory::{Account, DirectoryReader, User},
    failure::Internal,
    permit,
};
use carnelian_domain::{
    AccountId, Actor, Caller, GroupId, NameError, Origin, Permission, Problem, Scope, UserId, Violation,
};
use carnelian_store::{AuditEntry, Conflict, DirectorySnapshot, GroupRecord, PartitionId, Store, StoreError};
use std::{future::Future, pin::Pin, sync::Arc};

/// An operator requires access to every account.
static EVERY_ACCOUNT: Scope = Scope::Every;

/// The permission to administer.
pub struct Admin<'a> {
    app: &'a App,
    /// The caller of the API; `None` for the command line and the server itself.
    caller: Option<&'a Caller>,
    origin: Origin,
    /// The operation, for the audit entry of a refusal.
    operation: &'static str,
}

/// A change that the store makes.
type Making<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

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
        operation: &'static str,
    ) -> Result<Admin<'a>, Failure> {
        let admin = Admin { app: self, caller: Some(caller), origin, operation };
        admin.permit(caller).await?;
        Ok(admin)
    }

    /// The permission of the command line and of the server itself: everything is allowed.
    pub fn local_admin(&self, origin: &Origin) -> Admin<'_> {
        Admin { app: self, caller: None, origin: origin.clone(), operation: "command" }
    }

    /// Records in the audit log that an operation was refused, within the limit of each user. An entry counts the refusals
    /// that were not recorded before it.
    async fn record_refusal(&self, operation: &str, origin: &Origin) -> Result<(), StoreError> {
        let suppressed = match origin.actor {
            Actor::User(user) => self.limits.refusals.admit(user, self.clock.monotonic()),
            Actor::CommandLine | Actor::Server => Some(0),
        };
        let Some(suppressed) = suppressed else { return Ok(()) };
        let entry = AuditEntry::refusal(origin, operation, suppressed);
        self.store.append_audit(PartitionId::FIRST, vec![entry]).await
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

    /// Makes a change of the directory with the caller's newest rights: it is made again if the directory changes before the
    /// store makes it.
    async fn change<T>(
        &self,
        make: impl for<'s> Fn(&'s dyn Store, &'s Origin) -> Making<'s, T>,
    ) -> Result<T, AdminError> {
        let mut turn = None;
        for _ in 0..ATTEMPTS {
            let origin = self.confirmed().await?;
            match make(&*self.app.store, &origin).await {
                Err(StoreError::Conflict(Conflict::DirectoryChanged)) => {
                    // One after the other: changes that are made at once would refuse each other again and again.
                    if turn.is_none() {
                        turn = Some(self.app.directory.changing.lock().await);
                    }
                    self.app.refresh_directory().await?;
                }
                Err(refused @ StoreError::Conflict(Conflict::LastOperator)) => {
                    self.app.record_refusal(self.operation, &self.origin).await?;
                    return Err(refused.into());
                }
                made => return Ok(made?),
            }
        }
        Err(Failure::Unavailable(Internal::new("the directory kept changing")).into())
    }

    /// The origin of a change whose rights are those of the newest directory.
    async fn confirmed(&self) -> Result<Origin, Failure> {
        let Some(caller) = self.caller else { return Ok(self.origin.clone()) };
        let newest = self.app.confirm(caller).await?;
        let caller = newest.as_ref().unwrap_or(caller);
        self.permit(caller).await?;
        Ok(self.origin.confirmed_with(caller.sign_in.as_ref().map(|sign_in| sign_in.directory_version)))
    }

    /// Refuses a caller who may not administer, and records that.
    async fn permit(&self, caller: &Caller) -> Result<(), Failure> {
        let permitted = permit(caller, Permission::Administer);
        if permitted.is_err() {
            self.app.record_refusal(self.operation, &self.origin).await?;
        }
        permitted
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
}

fn check_named(what: &'static str, name: &str, check: fn(&str) -> Result<(), NameError>) -> Result<(), AdminError> {
    check(name).map_err(|why| AdminError::BadName { what, name: name.to_owned(), why })
}
