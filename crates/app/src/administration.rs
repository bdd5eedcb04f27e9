//! Administration: accounts, groups, users and keys.

use crate::{
    App,
    api_key::{IssuedKey, MAX_FIXED, is_importable, new_key_id},
};
use carnelian_domain::{
    AccountId, AccountState, Action, AddressRange, ErasureId, GroupId, NameError, Object, Origin, Role, Timestamp,
    UserId,
    directory::{check_name, check_user_name},
};
use carnelian_store::{AuditEntry, Conflict, KeyKind, KeyRecord, NewKey, NewUser, StoreError, UserChanges};

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
    /// Its name.
    pub name: String,
    /// The names of its accounts.
    pub accounts: Vec<String>,
}

/// A user as it is listed.
#[derive(Debug)]
pub struct UserEntry {
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

/// A key as it is listed; the key itself is never shown again.
#[derive(Debug)]
pub struct KeyEntry {
    /// Its id.
    pub key_id: String,
    /// What the operator calls it.
    pub label: Option<String>,
    /// When it was issued or imported.
    pub created_at: Timestamp,
    /// From when on it no longer works.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, as far as it has been noted.
    pub last_used_at: Option<Timestamp>,
    /// Where it works from; from everywhere, if there is none.
    pub allowed: Vec<AddressRange>,
    /// Whether it works.
    pub status: KeyStatus,
}

/// What a key is made with.
#[derive(Clone, Debug, Default)]
pub struct KeyTerms {
    /// What to call it.
    pub label: Option<String>,
    /// For how many seconds it works; for good, if nobody says.
    pub lifetime_seconds: Option<u64>,
    /// Where it works from; from everywhere, if there is none.
    pub allowed: Vec<AddressRange>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyStatus {
    /// The status's name.
    pub fn name(self) -> &'static str {
        match self {
            KeyStatus::Active => "ACTIVE",
            KeyStatus::Expired => "EXPIRED",
            KeyStatus::Revoked => "REVOKED",
        }
    }
}

impl App {
    /// Creates an account with a data key of its own.
    pub async fn create_account(&self, name: &str, origin: &Origin) -> Result<AccountId, AdminError> {
        named("an account", name, check_name)?;
        let vault = self.vault.clone();
        Ok(self.store.create_account(name.to_owned(), Box::new(move |id| vault.new_data_key(id)), origin).await?)
    }

    /// Every account that is not erased.
    pub async fn list_accounts(&self) -> Result<Vec<AccountEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let present = directory.accounts.into_iter().filter(|account| account.state != AccountState::Erased);
        Ok(present.map(|account| AccountEntry { id: account.id, name: account.name, state: account.state }).collect())
    }

    /// Puts an account into "erasure in progress"; it is erased when the time of grace is over.
    pub async fn request_erasure(&self, account: &str, origin: &Origin) -> Result<ErasureId, AdminError> {
        Ok(self.store.request_erasure(account.to_owned(), self.erasure_grace_seconds, origin).await?)
    }

    /// Takes an erasure request back, unless the erasure has begun.
    pub async fn cancel_erasure(&self, account: &str, origin: &Origin) -> Result<(), AdminError> {
        Ok(self.store.cancel_erasure(account.to_owned(), origin).await?)
    }

    /// Creates a group without accounts.
    pub async fn create_group(&self, name: &str, origin: &Origin) -> Result<GroupId, AdminError> {
        named("a group", name, check_name)?;
        Ok(self.store.create_group(name.to_owned(), origin).await?)
    }

    /// Adds an account to a group.
    pub async fn add_to_group(&self, group: &str, account: &str, origin: &Origin) -> Result<(), AdminError> {
        Ok(self.store.add_to_group(group.to_owned(), account.to_owned(), origin).await?)
    }

    /// Takes an account out of a group.
    pub async fn remove_from_group(&self, group: &str, account: &str, origin: &Origin) -> Result<(), AdminError> {
        Ok(self.store.remove_from_group(group.to_owned(), account.to_owned(), origin).await?)
    }

    /// Every group.
    pub async fn list_groups(&self) -> Result<Vec<GroupEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let name_of =
            |id| directory.accounts.iter().find(|account| account.id == id).map(|account| account.name.clone());
        let group = |group: &carnelian_store::GroupRecord| GroupEntry {
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

    /// Every user.
    pub async fn list_users(&self) -> Result<Vec<UserEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let account =
            |id| directory.accounts.iter().find(|account| account.id == id).map(|account| account.name.clone());
        let group = |id| directory.groups.iter().find(|group| Some(group.id) == id).map(|group| group.name.clone());
        let user = |user: &carnelian_store::UserRecord| UserEntry {
            name: user.name.clone(),
            account: account(user.account).unwrap_or_default(),
            group: group(user.group),
            role: user.role,
            enabled: user.enabled,
        };
        Ok(directory.users.iter().map(user).collect())
    }

    /// Changes a user. That the last operator cannot leave is written down, since somebody has tried.
    pub async fn edit_user(&self, user: &str, changes: UserChanges, origin: &Origin) -> Result<(), AdminError> {
        let edited = self.store.edit_user(user.to_owned(), changes, origin).await;
        if let Err(StoreError::Conflict(Conflict::LastOperator)) = edited {
            self.record_refusal("edit_user", origin).await?;
        }
        Ok(edited?)
    }

    /// Writes down that an operation was refused.
    pub(crate) async fn record_refusal(&self, operation: &str, origin: &Origin) -> Result<(), StoreError> {
        let object = Object::Operation(operation);
        self.store.append_audit(AuditEntry::record(origin, Action::Refuse, object, None, &[])).await
    }

    /// Makes a key for a user; this is the only time that it can be seen.
    pub async fn issue_key(&self, user: &str, terms: KeyTerms, origin: &Origin) -> Result<IssuedKey, AdminError> {
        let issued = IssuedKey::generate(&*self.entropy);
        let new = self.new_key(issued.key_id.clone(), user, issued.reveal(), KeyKind::Issued, terms)?;
        self.store.add_key(new, origin).await?;
        Ok(issued)
    }

    /// Takes over a key made elsewhere, and says under which id.
    pub async fn import_key(
        &self,
        user: &str,
        key: &str,
        terms: KeyTerms,
        origin: &Origin,
    ) -> Result<String, AdminError> {
        if !is_importable(key) {
            return Err(AdminError::NotImportable);
        }
        self.add_imported_key(user, key, terms, origin).await
    }

    /// Adds a key made elsewhere, whatever its shape.
    pub(crate) async fn add_imported_key(
        &self,
        user: &str,
        key: &str,
        terms: KeyTerms,
        origin: &Origin,
    ) -> Result<String, AdminError> {
        let key_id = new_key_id(&*self.entropy);
        let new = self.new_key(key_id.clone(), user, key, KeyKind::Imported, terms)?;
        self.store.add_key(new, origin).await?;
        Ok(key_id)
    }

    fn new_key(
        &self,
        key_id: String,
        user: &str,
        key: &str,
        kind: KeyKind,
        terms: KeyTerms,
    ) -> Result<NewKey, AdminError> {
        if let Some(label) = &terms.label {
            named("a key", label, check_name)?;
        }
        Ok(NewKey {
            key_id,
            user: user.to_owned(),
            digest: self.vault.digest(key).to_vec(),
            kind,
            label: terms.label,
            expires_at: terms.lifetime_seconds.map(|seconds| self.clock.now().plus_seconds(seconds)),
            allowed: terms.allowed,
        })
    }

    /// Every key of a user.
    pub async fn list_keys(&self, user: &str) -> Result<Vec<KeyEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let user = directory.users.iter().find(|candidate| candidate.name == user);
        let user = user.ok_or(AdminError::Conflict(Conflict::NoSuchUser))?.id;
        let now = self.clock.now();
        Ok(directory.keys.into_iter().filter(|key| key.user == user).map(|key| self.key_entry(key, now)).collect())
    }

    /// Revokes a key.
    pub async fn revoke_key(&self, key_id: &str, origin: &Origin) -> Result<(), AdminError> {
        Ok(self.store.revoke_key(key_id.to_owned(), origin).await?)
    }

    /// A key as it is listed at a moment.
    pub(crate) fn key_entry(&self, key: KeyRecord, now: Timestamp) -> KeyEntry {
        let status = if key.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if key.expires_at.is_some_and(|end| end <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        };
        KeyEntry {
            last_used_at: key.last_used_at.max(self.key_uses.of(&key.key_id).noted()),
            key_id: key.key_id,
            label: key.label,
            created_at: key.created_at,
            expires_at: key.expires_at,
            allowed: key.allowed,
            status,
        }
    }
}

fn named(what: &'static str, name: &str, check: fn(&str) -> Result<(), NameError>) -> Result<(), AdminError> {
    check(name).map_err(|why| AdminError::BadName { what, name: name.to_owned(), why })
}
