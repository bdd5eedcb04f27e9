//! The directory: accounts, groups, users and keys. It is small, changes seldom and is read as a whole.

use crate::{ErasureRecord, RegistryId, StoreError};
use carnelian_domain::{AccountId, AccountState, AddressRange, GroupId, Origin, Role, Timestamp, UserId, unique_name};
use std::{borrow::Cow, collections::HashMap, sync::Arc};

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
    /// When it was created.
    pub created_at: Timestamp,
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

/// An account, a group or a user, by id or by name. A name may be given again, an id never is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdOrName<Id> {
    /// The one with this id.
    Id(Id),
    /// The one that has this name when the change is made.
    Name(String),
}

impl<Id: Copy + PartialEq> IdOrName<Id> {
    /// The id, if that is what is known.
    pub fn id(&self) -> Option<Id> {
        match self {
            IdOrName::Id(id) => Some(*id),
            IdOrName::Name(_) => None,
        }
    }

    /// The name, if that is what is known.
    pub fn name(&self) -> Option<&str> {
        match self {
            IdOrName::Id(_) => None,
            IdOrName::Name(name) => Some(name),
        }
    }

    /// The form of the name that is looked up, if a name is what is known.
    pub fn unique_name(&self) -> Option<Cow<'_, str>> {
        self.name().map(unique_name)
    }

    /// Whether it is the one with this id and this name.
    pub fn is(&self, id: Id, name: &str) -> bool {
        self.id() == Some(id) || self.unique_name() == Some(unique_name(name))
    }
}

impl<Id> From<String> for IdOrName<Id> {
    fn from(name: String) -> IdOrName<Id> {
        IdOrName::Name(name)
    }
}

impl<Id> From<&str> for IdOrName<Id> {
    fn from(name: &str) -> IdOrName<Id> {
        IdOrName::Name(name.to_owned())
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
    pub user: IdOrName<UserId>,
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

/// A MAC of a directory ([`directory_seal`](crate::directory_seal)).
pub type Seal = [u8; 32];

/// The whole directory at one moment.
#[derive(Clone, Debug)]
pub struct DirectorySnapshot {
    /// Grows with every change of the directory.
    pub version: u64,
    /// The seal that was stored with the last change.
    pub seal: Vec<u8>,
    /// The seal of the newest directory, as the end of the audit log has it.
    pub newest: Seal,
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

/// Accounts, groups, users and keys. A change returns the record that it wrote.
///
/// Names are unique in the form that [`unique_name`] returns, and looked up in that form. A record has the name as received.
///
/// A change fails with `DirectoryChanged` before it does anything else if its origin has another version of the directory than
/// the store.
///
/// Each method names the other conflicts that it fails with, in the order in which they are checked. Every read may also fail with
/// `Busy`, `Unavailable` or `Corrupt`, every change with `Busy`, `Unavailable` or `Unknown`, and with `Corrupt` if the
/// directory is not what was sealed ([`directory_seal`](crate::directory_seal)): nothing was done then.
#[async_trait::async_trait]
pub trait Directory: Send + Sync {
    /// The id that the registry got when it was made, or that of the backup that it was restored from.
    async fn registry_id(&self) -> Result<RegistryId, StoreError>;

    /// Stores the proof by which the registry knows its master key, unless there is one, and returns the stored one.
    async fn key_proof(&self, proof_if_new: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// The number that grows with every change of the directory. It is read in microseconds.
    async fn directory_version(&self) -> Result<u64, StoreError>;

    /// Reads the whole directory, at one moment. Whether it is what was sealed is for the caller to check.
    async fn directory(&self) -> Result<DirectorySnapshot, StoreError>;

    /// Reads the keys of a user, in the order of their creation; none if there is no such user.
    async fn user_keys(&self, user: UserId) -> Result<Vec<KeyRecord>, StoreError>;

    /// When each of these users last used a key, as far as it has been noted; without those that never did.
    async fn last_sign_ins(&self, users: Vec<UserId>) -> Result<HashMap<UserId, Timestamp>, StoreError>;

    /// Creates an account.
    ///
    /// Fails with `NameTaken`.
    async fn create_account(
        &self,
        name: String,
        wrap_key: WrapKey,
        origin: &Origin,
    ) -> Result<AccountRecord, StoreError>;

    /// Requests the erasure of an account. From this commit on nothing is created or edited in it. The erasure is due after
    /// a grace period.
    ///
    /// Fails with `NoSuchAccount`, `ErasureInProgress`, and for a user with `LastOperator` if every operator with access has
    /// this home account; a command may erase it all the same.
    async fn request_erasure(
        &self,
        account: IdOrName<AccountId>,
        grace_seconds: u64,
        origin: &Origin,
    ) -> Result<ErasureRecord, StoreError>;

    /// Cancels a requested erasure that has not begun, and returns it.
    ///
    /// Fails with `NoSuchAccount`, `NoErasureInProgress` or `ErasureRunning`.
    async fn cancel_erasure(&self, account: IdOrName<AccountId>, origin: &Origin) -> Result<ErasureRecord, StoreError>;

    /// Creates a group without accounts.
    ///
    /// Fails with `NameTaken`.
    async fn create_group(&self, name: String, origin: &Origin) -> Result<GroupRecord, StoreError>;

    /// Adds an account to a group.
    ///
    /// Fails with `NoSuchGroup`, `NoSuchAccount` or `AlreadyInGroup`.
    async fn add_to_group(
        &self,
        group: IdOrName<GroupId>,
        account: IdOrName<AccountId>,
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError>;

    /// Removes an account from a group.
    ///
    /// Fails with `NoSuchGroup`, `NoSuchAccount` or `NotInGroup`.
    async fn remove_from_group(
        &self,
        group: IdOrName<GroupId>,
        account: IdOrName<AccountId>,
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError>;

    /// Creates a user.
    ///
    /// Fails with `NameTaken`, `NoSuchAccount` or `NoSuchGroup`.
    async fn create_user(&self, new: NewUser, origin: &Origin) -> Result<UserRecord, StoreError>;

    /// Changes a user.
    ///
    /// Fails with `NoSuchUser`, `NoSuchGroup`, or `LastOperator` if no operator with access would remain.
    async fn edit_user(
        &self,
        user: IdOrName<UserId>,
        changes: UserChanges,
        origin: &Origin,
    ) -> Result<UserRecord, StoreError>;

    /// Adds a key to a user.
    ///
    /// Fails with `NoSuchUser` or `KeyKnown`.
    async fn add_key(&self, new: NewKey, origin: &Origin) -> Result<KeyRecord, StoreError>;

    /// Revokes a key.
    ///
    /// Fails with `NoSuchKey` or `AlreadyRevoked`.
    async fn revoke_key(&self, key_id: String, origin: &Origin) -> Result<KeyRecord, StoreError>;

    /// Seals the directory as it is stored, also if it is not what was sealed last, and counts its version up.
    async fn reseal_directory(&self, origin: &Origin) -> Result<DirectorySnapshot, StoreError>;

    /// Stores when keys were last used, unless a later use is stored. It does not change the version of the directory.
    async fn note_key_uses(&self, uses: Vec<(String, Timestamp)>) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_or_name_is_the_one_with_this_id_or_with_this_name_in_its_unique_form() {
        let is = |which: IdOrName<GroupId>| which.is(GroupId(7), "Jos\u{e9}");
        assert!(is(IdOrName::Id(GroupId(7))) && is(" Jose\u{301}".into()));
        assert!(!is(IdOrName::Id(GroupId(8))) && !is("Jose".into()));
    }
}
