//! The directory in memory, which every request uses: accounts, groups, users and keys, indexed by id and name, with data
//! keys unwrapped and scopes computed.
//!
//! * [`cache`]: the copy of one process
//! * [`reader`]: the accounts and users within a scope

mod cache;
mod reader;

pub(crate) use cache::DirectoryCache;
pub use reader::{DirectoryReader, UserDetails};

use crate::{
    Failure,
    failure::Internal,
    key_uses::{KeyUses, LastUse},
    vault::{SealingKey, Vault},
};
use carnelian_domain::{AccountId, AccountState, AddressRange, Caller, Role, Scope, Timestamp, UserId, unique_name};
use carnelian_store::{AccountRecord, DirectoryError, DirectorySnapshot, GroupRecord, KeyKind, KeyRecord, UserRecord};
use std::{collections::HashMap, hash::Hash, net::IpAddr, sync::Arc};

/// An account that is not erased.
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Arc<str>,
    /// Its state.
    pub state: AccountState,
    /// Its data key; `None` if the stored key is damaged, which affects this account only.
    key: Option<SealingKey>,
}

impl Account {
    /// The account after its erasure was requested, as it is reported; without its key, which may be destroyed by now.
    pub(crate) fn being_erased(&self) -> Account {
        Account { id: self.id, name: self.name.clone(), state: AccountState::ErasureInProgress, key: None }
    }

    /// The key that seals the account's customers.
    pub(crate) fn key(&self) -> Result<&SealingKey, Failure> {
        let damaged = || Failure::Internal(Internal::new(format!("the data key of account {} is damaged", self.id)));
        self.key.as_ref().ok_or_else(damaged)
    }
}

/// An API key.
pub(crate) struct Key {
    pub(crate) key_id: Arc<str>,
    pub(crate) kind: KeyKind,
    pub(crate) digest: Vec<u8>,
    expires_at: Option<Timestamp>,
    revoked: bool,
    allowed: Vec<AddressRange>,
    pub(crate) last_use: Arc<LastUse>,
}

impl Key {
    /// Whether the key is accepted at a time from an address.
    pub(crate) fn is_accepted(&self, now: Timestamp, address: IpAddr) -> bool {
        let in_time = self.expires_at.is_none_or(|end| now < end);
        let in_place = self.allowed.is_empty() || self.allowed.iter().any(|range| range.contains(address));
        !self.revoked && in_time && in_place
    }
}

/// A user that is not erased.
pub(crate) struct User {
    pub(crate) caller: Caller,
    pub(crate) account: AccountId,
    pub(crate) group_name: Option<Arc<str>>,
    pub(crate) enabled: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) keys: Vec<Key>,
}

/// One version of the directory.
pub struct LoadedDirectory {
    version: u64,
    /// Why it was rejected; a rejected directory has no accounts, groups, users or keys.
    error: Option<DirectoryError>,
    /// In the order of their ids.
    accounts: Vec<Arc<Account>>,
    accounts_by_id: HashMap<AccountId, usize>,
    /// By the unique form of their names.
    accounts_by_name: HashMap<Arc<str>, usize>,
    /// In the order of their ids.
    groups: Vec<GroupRecord>,
    /// In the order of their ids.
    users: Vec<User>,
    users_by_id: HashMap<UserId, usize>,
    /// By the unique form of their names.
    users_by_name: HashMap<Arc<str>, usize>,
}

impl LoadedDirectory {
    pub(crate) fn new(snapshot: DirectorySnapshot, vault: &Vault, uses: &KeyUses) -> LoadedDirectory {
        let in_use = snapshot.accounts.iter().filter(|account| account.state != AccountState::Erased);
        let accounts: Vec<_> = in_use.map(|record| Arc::new(account(record, vault))).collect();
        let mut users: Vec<_> = snapshot.users.iter().filter_map(|record| user(record, &snapshot.groups)).collect();
        let users_by_id = positions(users.iter().map(|user| user.caller.user));
        for record in &snapshot.keys {
            if let Some(position) = users_by_id.get(&record.user) {
                users[*position].keys.push(key(record, uses));
            }
        }
        uses.keep_only(&users.iter().flat_map(|user| &user.keys).map(|key| &*key.key_id).collect());
        LoadedDirectory {
            version: snapshot.version,
            error: None,
            accounts_by_id: positions(accounts.iter().map(|account| account.id)),
            accounts_by_name: positions(accounts.iter().map(|account| unique_name(&account.name).into())),
            accounts,
            users_by_name: positions(users.iter().map(|user| unique_name(&user.caller.user_name).into())),
            users_by_id,
            users,
            groups: snapshot.groups,
        }
    }

    /// An empty directory in the place of one that cannot be trusted. It has the version of none.
    fn refused(error: DirectoryError) -> LoadedDirectory {
        LoadedDirectory {
            version: 0,
            error: Some(error),
            accounts: Vec::new(),
            accounts_by_id: HashMap::new(),
            accounts_by_name: HashMap::new(),
            groups: Vec::new(),
            users: Vec::new(),
            users_by_id: HashMap::new(),
            users_by_name: HashMap::new(),
        }
    }

    /// Why the directory cannot be trusted.
    pub(crate) fn error(&self) -> Option<DirectoryError> {
        self.error
    }

    /// Fails if the directory cannot be trusted.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.error.map_or(Ok(()), |error| Err(Failure::Unavailable(Internal::new(error))))
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The accounts that are not erased, in the order of their ids.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.iter()
    }

    /// An account that is not erased, by its id.
    pub(crate) fn account(&self, id: AccountId) -> Option<&Arc<Account>> {
        Some(&self.accounts[*self.accounts_by_id.get(&id)?])
    }

    /// An account that is not erased and within a scope, by its name.
    pub(crate) fn account_named(&self, name: &str, scope: &Scope) -> Option<&Arc<Account>> {
        let account = &self.accounts[*self.accounts_by_name.get(&*unique_name(name))?];
        scope.includes(account.id).then_some(account)
    }

    /// The groups, in the order of their ids.
    pub(crate) fn groups(&self) -> &[GroupRecord] {
        &self.groups
    }

    /// The users that are not erased, in the order of their ids.
    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        Some(&self.users[*self.users_by_name.get(&*unique_name(name))?])
    }

    pub(crate) fn user_of_id(&self, id: UserId) -> Option<&User> {
        Some(&self.users[*self.users_by_id.get(&id)?])
    }
}

/// The index of each element of a list, by its key.
fn positions<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    keys.enumerate().map(|(position, key)| (key, position)).collect()
}

fn account(record: &AccountRecord, vault: &Vault) -> Account {
    let key = vault.data_key(record.id, &record.wrapped_key).ok();
    Account { id: record.id, name: record.name.as_str().into(), state: record.state, key }
}

/// A user, unless it is erased.
fn user(record: &UserRecord, groups: &[GroupRecord]) -> Option<User> {
    let name = record.name.as_deref()?;
    let group = groups.iter().find(|group| Some(group.id) == record.group);
    let scope = if record.role == Role::Operator {
        Scope::Every
    } else {
        let mut accounts = vec![record.account];
        accounts.extend(group.into_iter().flat_map(|group| &group.accounts));
        Scope::Accounts(accounts)
    };
    let caller = Caller {
        user: record.id,
        user_name: name.into(),
        account: Some(record.account),
        role: record.role,
        scope: Arc::new(scope),
        sign_in: None,
    };
    let group_name = group.map(|group| group.name.as_str().into());
    let UserRecord { account, enabled, created_at, .. } = *record;
    Some(User { caller, account, group_name, enabled, created_at, keys: Vec::new() })
}

fn key(record: &KeyRecord, uses: &KeyUses) -> Key {
    Key {
        key_id: record.key_id.as_str().into(),
        kind: record.kind,
        digest: record.digest.clone(),
        expires_at: record.expires_at,
        revoked: record.revoked_at.is_some(),
        allowed: record.allowed.clone(),
        last_use: uses.get(&record.key_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_accepted_until_it_expires_or_is_revoked_and_from_its_addresses_alone() {
        let (now, address) = (Timestamp(1000), "192.0.2.7".parse().expect("an address"));
        for (expires_at, revoked_at, allowed, is_accepted) in [
            (None, None, &[][..], true),
            (Some(1001), None, &[], true),
            (Some(1000), None, &[], false),
            (Some(999), None, &[], false),
            (None, Some(1), &[], false),
            (None, None, &["192.0.2.0/24"], true),
            (None, None, &["198.51.100.0/24", "192.0.2.7"], true),
            (None, None, &["198.51.100.0/24"], false),
            (Some(999), None, &["192.0.2.0/24"], false),
            (None, Some(1), &["192.0.2.0/24"], false),
        ] {
            let record = KeyRecord {
                key_id: "k1".into(),
                user: UserId(1),
                digest: Vec::new(),
                kind: KeyKind::Issued,
                label: None,
                created_at: Timestamp(0),
                expires_at: expires_at.map(Timestamp),
                revoked_at: revoked_at.map(Timestamp),
                last_used_at: None,
                allowed: allowed.iter().map(|range: &&str| range.parse().expect("a range")).collect(),
            };
            assert_eq!(key(&record, &KeyUses::default()).is_accepted(now, address), is_accepted, "{record:?}");
        }
    }
}
