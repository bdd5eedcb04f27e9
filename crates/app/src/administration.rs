//! Administration: accounts, groups and users; their keys are in [`keys`].

mod keys;

pub use keys::{KeyEntry, KeyStatus, KeyTerms};

use crate::{App, api_key::MAX_FIXED};
use carnelian_domain::{
    AccountId, AccountState, Action, Actor, ErasureId, GroupId, NameError, Object, Origin, Role, UserId,
    directory::{check_name, check_user_name},
};
use carnelian_store::{AuditEntry, Conflict, NewUser, PartitionId, StoreError, UserChanges, Which};

/// How many refusals a second are written down for each user; what is beyond fills no disk.
pub(crate) const REFUSALS_PER_SECOND: u32 = 10;

/// Why an administrative action was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Something cannot be called that.
    #[error("{what} cannot be called {name:?}: {why}")]
    BadName {
        /// What was to be named.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// A key from elsewhere has another shape than expected.
    #[error("the key must have the shape of a UUID, as in 0f8fad5b-d9cb-469f-a165-70867728950e")]
    NotImportable,
    /// A key of a seed cannot be one.
    #[error(
        "a fixed key has 1 to {MAX_FIXED} characters, none of them a control character, and does not begin like an issued one"
    )]
    NotFixable,
    /// The registry does not allow it.
    #[error(transparent)]
    Conflict(Conflict),
    /// The store does not work.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> AdminError {
        match error {
            StoreError::Conflict(conflict) => AdminError::Conflict(conflict),
            other => AdminError::Store(other),
        }
    }
}

/// An account as it is listed.
#[derive(Debug)]
pub struct AccountEntry {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: AccountState,
}

/// A group as it is listed.
#[derive(Debug)]
pub struct GroupEntry {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// The names of its accounts.
    pub accounts: Vec<String>,
}

/// A user as it is listed.
#[derive(Debug)]
pub struct UserEntry {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// The name of its home account.
    pub account: String,
    /// The name of its group.
    pub group: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub enabled: bool,
}

impl App {
    /// Creates an account with a data key of its own.
    pub async fn create_account(&self, name: &str, origin: &Origin) -> Result<AccountId, AdminError> {
        named("an account", name, check_name)?;
        let vault = self.vault.clone();
        Ok(self
            .store
            .create_account(name.to_owned(), std::sync::Arc::new(move |id| vault.new_data_key(id)), origin)
            .await?)
    }

    /// Every account that is not erased.
    pub async fn list_accounts(&self) -> Result<Vec<AccountEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let present = directory.accounts.into_iter().filter(|account| account.state != AccountState::Erased);
        Ok(present.map(|account| AccountEntry { id: account.id, name: account.name, state: account.state }).collect())
    }

    /// Puts an account into "erasure in progress"; it is erased when the time of grace is over.
    pub async fn request_erasure(&self, account: Which<AccountId>, origin: &Origin) -> Result<ErasureId, AdminError> {
        let requested = self.store.request_erasure(account, self.erasure_grace_seconds, origin).await;
        self.with_operator(requested, "request_erasure", origin).await
    }

    /// Takes an erasure request back, unless the erasure has begun.
    pub async fn cancel_erasure(&self, account: Which<AccountId>, origin: &Origin) -> Result<(), AdminError> {
        Ok(self.store.cancel_erasure(account, origin).await?)
    }

    /// Creates a group without accounts.
    pub async fn create_group(&self, name: &str, origin: &Origin) -> Result<GroupId, AdminError> {
        named("a group", name, check_name)?;
        Ok(self.store.create_group(name.to_owned(), origin).await?)
    }

    /// Adds an account to a group.
    pub async fn add_to_group(
        &self,
        group: Which<GroupId>,
        account: Which<AccountId>,
        origin: &Origin,
    ) -> Result<(), AdminError> {
        Ok(self.store.add_to_group(group, account, origin).await?)
    }

    /// Takes an account out of a group.
    pub async fn remove_from_group(
        &self,
        group: Which<GroupId>,
        account: Which<AccountId>,
        origin: &Origin,
    ) -> Result<(), AdminError> {
        Ok(self.store.remove_from_group(group, account, origin).await?)
    }

    /// Every group.
    pub async fn list_groups(&self) -> Result<Vec<GroupEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let name_of =
            |id| directory.accounts.iter().find(|account| account.id == id).map(|account| account.name.clone());
        let group = |group: &carnelian_store::GroupRecord| GroupEntry {
            id: group.id,
            name: group.name.clone(),
            accounts: group.accounts.iter().filter_map(|id| name_of(*id)).collect(),
        };
        Ok(directory.groups.iter().map(group).collect())
    }

    /// Creates a user.
    pub async fn create_user(&self, new: NewUser, origin: &Origin) -> Result<UserId, AdminError> {
        named("a user", &new.name, check_user_name)?;
        Ok(self.store.create_user(new, origin).await?)
    }

    /// Every user that is not erased.
    pub async fn list_users(&self) -> Result<Vec<UserEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let group = |id| directory.groups.iter().find(|group| Some(group.id) == id).map(|group| group.name.clone());
        let user = |user: &carnelian_store::UserRecord| {
            let name = user.name.clone()?;
            let account = directory.accounts.iter().find(|account| account.id == user.account)?;
            Some(UserEntry {
                id: user.id,
                name,
                account: account.name.clone(),
                group: group(user.group),
                role: user.role,
                enabled: user.enabled,
            })
        };
        Ok(directory.users.iter().filter_map(user).collect())
    }

    /// Changes a user.
    pub async fn edit_user(
        &self,
        user: Which<UserId>,
        changes: UserChanges,
        origin: &Origin,
    ) -> Result<(), AdminError> {
        let edited = self.store.edit_user(user, changes, origin).await;
        self.with_operator(edited, "edit_user", origin).await
    }

    /// What came of a change; that it would have left no operator is written down, since somebody has tried.
    async fn with_operator<T>(
        &self,
        done: Result<T, StoreError>,
        operation: &str,
        origin: &Origin,
    ) -> Result<T, AdminError> {
        if let Err(StoreError::Conflict(Conflict::LastOperator)) = done {
            self.record_refusal(operation, origin).await?;
        }
        Ok(done?)
    }

    /// Writes down that an operation was refused, unless that was done for the same user too often just now.
    pub(crate) async fn record_refusal(&self, operation: &str, origin: &Origin) -> Result<(), StoreError> {
        if let Actor::User(user) = origin.actor
            && !self.refusals.admits(user, self.clock.monotonic())
        {
            return Ok(());
        }
        let object = Object::Operation(operation);
        let entry = AuditEntry::record(origin, Action::Refuse, object, None, &[]);
        self.store.append_audit(PartitionId::FIRST, entry).await
    }
}

fn named(what: &'static str, name: &str, check: fn(&str) -> Result<(), NameError>) -> Result<(), AdminError> {
    check(name).map_err(|why| AdminError::BadName { what, name: name.to_owned(), why })
}
