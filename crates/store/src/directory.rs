//! The directory: accounts, groups, users and keys. It is small, changes seldom and is read as a whole.

use crate::StoreError;
use carnelian_domain::{AccountId, AccountState, AddressRange, ErasureId, GroupId, Origin, Role, Timestamp, UserId};
use std::sync::Arc;

/// An account.
#[derive(Clone, Debug)]
pub struct AccountRecord {
    /// Its id.
    pub id: AccountId,
    /// Its name, unique among the accounts that are not erased; empty in the state `Erased`.
    pub name: String,
    /// Its state.
    pub state: AccountState,
    /// Its data key, wrapped; empty in the state `Erased`.
    pub wrapped_key: Vec<u8>,
}

/// A group of accounts.
#[derive(Clone, Debug)]
pub struct GroupRecord {
    /// Its id.
    pub id: GroupId,
    /// Its unique name.
    pub name: String,
    /// Its accounts, in the order of their ids.
    pub accounts: Vec<AccountId>,
}

/// A user.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// Its id.
    pub id: UserId,
    /// Its unique name; `None` once the user is erased with its account.
    pub name: Option<String>,
    /// Its home account.
    pub account: AccountId,
    /// The group whose accounts it may also act in.
    pub group: Option<GroupId>,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub enabled: bool,
}

/// Where a key comes from, which decides how it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Made here: the key itself contains its id.
    Issued,
    /// Made elsewhere: found by trying the user's imported keys.
    Imported,
}

/// An API key: never the key itself, only its digest.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Its id, which is no secret.
    pub key_id: String,
    /// Whose key it is.
    pub user: UserId,
    /// The keyed digest of the key.
    pub digest: Vec<u8>,
    /// Where it comes from.
    pub kind: KeyKind,
    /// What the operator calls it.
    pub label: Option<String>,
    /// When it was issued or imported.
    pub created_at: Timestamp,
    /// From when on it no longer works.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, as far as it has been noted.
    pub last_used_at: Option<Timestamp>,
    /// Where it works from; from everywhere, if there is none.
    pub allowed: Vec<AddressRange>,
}

/// Which account, group or user is meant. A name may be given again, an id never is: it means the same one for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which<Id> {
    /// The one with this id.
    Id(Id),
    /// The one that is called so when the change is made.
    Called(String),
}

impl<Id: Copy + PartialEq> Which<Id> {
    /// The id, if that is what is known.
    pub fn id(&self) -> Option<Id> {
        match self {
            Which::Id(id) => Some(*id),
            Which::Called(_) => None,
        }
    }

    /// The name, if that is what is known.
    pub fn name(&self) -> Option<&str> {
        match self {
            Which::Id(_) => None,
            Which::Called(name) => Some(name),
        }
    }

    /// Whether it is the one with this id and this name.
    pub fn is(&self, id: Id, name: &str) -> bool {
        self.id() == Some(id) || self.name() == Some(name)
    }
}

impl<Id> From<String> for Which<Id> {
    fn from(name: String) -> Which<Id> {
        Which::Called(name)
    }
}

impl<Id> From<&str> for Which<Id> {
    fn from(name: &str) -> Which<Id> {
        Which::Called(name.to_owned())
    }
}

/// A user to be created.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its name.
    pub name: String,
    /// The name of its home account.
    pub account: String,
    /// The name of its group.
    pub group: Option<String>,
    /// What it may do.
    pub role: Role,
}

/// A key to be added.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its id.
    pub key_id: String,
    /// Its user.
    pub user: Which<UserId>,
    /// The keyed digest of the key.
    pub digest: Vec<u8>,
    /// Where it comes from.
    pub kind: KeyKind,
    /// What the operator calls it.
    pub label: Option<String>,
    /// From when on it no longer works.
    pub expires_at: Option<Timestamp>,
    /// Where it works from; from everywhere, if there is none.
    pub allowed: Vec<AddressRange>,
}

/// What is to change about a user; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChanges {
    /// What it may do.
    pub role: Option<Role>,
    /// The name of the group whose accounts it may also act in, if in any.
    pub group: Option<Option<String>>,
    /// Whether it may sign in.
    pub enabled: Option<bool>,
}

/// The whole directory at one moment.
#[derive(Clone, Debug)]
pub struct DirectorySnapshot {
    /// Grows with every change of the directory.
    pub version: u64,
    /// Every account, erased ones included, in the order of the ids.
    pub accounts: Vec<AccountRecord>,
    /// Every group, in the order of the ids.
    pub groups: Vec<GroupRecord>,
    /// Every user, in the order of the ids.
    pub users: Vec<UserRecord>,
    /// Every key, in the order of creation.
    pub keys: Vec<KeyRecord>,
}

/// Makes the wrapped data key of a new account. It may be called more than once: an engine may run a transaction again.
pub type WrapKey = Arc<dyn Fn(AccountId) -> Vec<u8> + Send + Sync>;

/// Accounts, groups, users and keys.
#[async_trait::async_trait]
pub trait Directory: Send + Sync {
    /// Stores the proof by which the registry knows its master key, unless there is one, and returns the stored one.
    async fn key_proof(&self, proof_if_new: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// The number that grows with every change of the directory; cheap to ask.
    async fn directory_version(&self) -> Result<u64, StoreError>;

    /// Reads the whole directory.
    async fn directory(&self) -> Result<DirectorySnapshot, StoreError>;

    /// Creates an account.
    async fn create_account(&self, name: String, wrap_key: WrapKey, origin: &Origin) -> Result<AccountId, StoreError>;

    /// Puts an account into "erasure in progress": from this commit on nothing is created or edited in it.
    /// It is due after a time of grace. A user cannot have the account erased without which there is no operator any more;
    /// a command can.
    async fn request_erasure(
        &self,
        account: Which<AccountId>,
        grace_seconds: u64,
        origin: &Origin,
    ) -> Result<ErasureId, StoreError>;

    /// Takes an erasure request back, unless the erasure has begun.
    async fn cancel_erasure(&self, account: Which<AccountId>, origin: &Origin) -> Result<(), StoreError>;

    /// Creates a group without accounts.
    async fn create_group(&self, name: String, origin: &Origin) -> Result<GroupId, StoreError>;

    /// Adds an account to a group.
    async fn add_to_group(
        &self,
        group: Which<GroupId>,
        account: Which<AccountId>,
        origin: &Origin,
    ) -> Result<(), StoreError>;

    /// Takes an account out of a group.
    async fn remove_from_group(
        &self,
        group: Which<GroupId>,
        account: Which<AccountId>,
        origin: &Origin,
    ) -> Result<(), StoreError>;

    /// Creates a user.
    async fn create_user(&self, new: NewUser, origin: &Origin) -> Result<UserId, StoreError>;

    /// Changes a user, unless nobody of role OPERATOR could sign in any more.
    async fn edit_user(&self, user: Which<UserId>, changes: UserChanges, origin: &Origin) -> Result<(), StoreError>;

    /// Adds a key to a user.
    async fn add_key(&self, new: NewKey, origin: &Origin) -> Result<(), StoreError>;

    /// Revokes a key.
    async fn revoke_key(&self, key_id: String, origin: &Origin) -> Result<(), StoreError>;

    /// Notes when keys were last used, unless they have been used since. It is no change of the directory, and nobody's.
    async fn note_key_uses(&self, uses: Vec<(String, Timestamp)>) -> Result<(), StoreError>;
}
