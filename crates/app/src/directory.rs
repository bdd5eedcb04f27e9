//! The accounts, groups, users and keys as they are used on every request: found by name, keys unwrapped, scopes
//! worked out.

use crate::{
    Failure,
    failure::Internal,
    vault::{SealingKey, Vault},
};
use carnelian_domain::{AccountId, AccountState, Caller, Role, Scope, Timestamp};
use carnelian_store::{AccountRecord, DirectorySnapshot, GroupRecord, KeyKind, KeyRecord, UserRecord};
use std::{collections::HashMap, sync::Arc};

/// An account in use.
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Arc<str>,
    /// Its data key; `None` if what is stored of it does not open, which is the account's own misfortune.
    key: Option<SealingKey>,
}

impl Account {
    /// The key that the account's customers are sealed with.
    pub(crate) fn key(&self) -> Result<&SealingKey, Failure> {
        let damaged = || Failure::Internal(Internal::new(format!("the data key of account {} does not open", self.id)));
        self.key.as_ref().ok_or_else(damaged)
    }
}

pub(crate) struct Key {
    pub(crate) key_id: String,
    pub(crate) kind: KeyKind,
    pub(crate) digest: Vec<u8>,
    expires_at: Option<Timestamp>,
    revoked: bool,
}

impl Key {
    pub(crate) fn works_at(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }
}

pub(crate) struct User {
    pub(crate) caller: Caller,
    pub(crate) enabled: bool,
    pub(crate) keys: Vec<Key>,
}

/// The whole directory at one moment.
pub struct Directory {
    version: u64,
    accounts: HashMap<AccountId, Arc<Account>>,
    by_name: HashMap<Arc<str>, AccountId>,
    users: HashMap<Arc<str>, User>,
}

impl Directory {
    pub(crate) fn new(snapshot: DirectorySnapshot, vault: &Vault) -> Directory {
        let mut accounts = HashMap::new();
        let mut by_name = HashMap::new();
        for record in snapshot.accounts.iter().filter(|account| account.state != AccountState::Erased) {
            let account = account(record, vault);
            by_name.insert(account.name.clone(), account.id);
            accounts.insert(account.id, Arc::new(account));
        }
        let mut users = HashMap::new();
        let mut by_id = HashMap::new();
        for record in &snapshot.users {
            let user = user(record, &snapshot.groups);
            by_id.insert(record.id, user.caller.user_name.clone());
            users.insert(user.caller.user_name.clone(), user);
        }
        for record in &snapshot.keys {
            if let Some(user) = by_id.get(&record.user).and_then(|name| users.get_mut(name)) {
                user.keys.push(key(record));
            }
        }
        Directory { version: snapshot.version, accounts, by_name, users }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// An account that is not erased, by its id.
    pub(crate) fn account(&self, id: AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(&id)
    }

    /// An account that is not erased and within a scope, by its name.
    pub(crate) fn account_named(&self, name: &str, scope: &Scope) -> Option<&Arc<Account>> {
        let id = self.by_name.get(name)?;
        if scope.includes(*id) { self.account(*id) } else { None }
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }
}

fn account(record: &AccountRecord, vault: &Vault) -> Account {
    let key = vault.data_key(record.id, &record.wrapped_key).ok();
    Account { id: record.id, name: record.name.as_str().into(), key }
}

fn user(record: &UserRecord, groups: &[GroupRecord]) -> User {
    let scope = if record.role == Role::Operator {
        Scope::Every
    } else {
        let group = groups.iter().find(|group| Some(group.id) == record.group);
        let mut accounts = vec![record.account];
        accounts.extend(group.into_iter().flat_map(|group| &group.accounts));
        Scope::Accounts(accounts)
    };
    let caller =
        Caller { user: record.id, user_name: record.name.as_str().into(), role: record.role, scope: Arc::new(scope) };
    User { caller, enabled: record.enabled, keys: Vec::new() }
}

fn key(record: &KeyRecord) -> Key {
    Key {
        key_id: record.key_id.clone(),
        kind: record.kind,
        digest: record.digest.clone(),
        expires_at: record.expires_at,
        revoked: record.revoked_at.is_some(),
    }
}
