//! The ledger: the keys that open backups, and what no restore brings back.
//!
//! A ledger says which accounts are not erased and how their records are opened; which accounts and customers are erased;
//! what users may do, which keys are revoked, and which accounts are in which group; and which ids were given. It says
//! nothing about what was made after it.
//!
//! ```text
//! file    MAGIC, frame, frame, …, end frame, as in a backup
//!   'R'   an entry as JSON, sealed
//! ```

use super::{
    BackupError,
    frames::{FrameWriter, Frames, read_registry},
};
use crate::{
    App, MasterKey,
    exact::parse_exact,
    vault::{BackupVault, Entropy},
};
use carnelian_domain::{AccountId, AccountState, Action, CustomerId, Object, Origin, Role};
use carnelian_store::{
    AuditEntry, BackupKey, BackupUser, DirectorySnapshot, GivenIds, Ledger, PartitionId, RegistryId, StoreError,
};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io::{self, Read, Write},
};

/// What a ledger begins with; the number is the version of the format.
const MAGIC: &[u8] = b"carnelian ledger 3\n";

/// What the entries are sealed with, so that none is taken for a record of a backup.
const CONTEXT: &[u8] = b"ledger";

/// How many erased customers are read from the store, and written as one entry.
const PAGE: usize = 10_000;

/// What a ledger says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    Ids(GivenIds),
    Account { id: u64, erasure_requested: bool, wrapped_key: String },
    ErasedAccount { id: u64 },
    Group { id: u64, accounts: Vec<u64> },
    User { id: u64, role: String, group: Option<u64>, enabled: bool },
    RevokedKey { key_id: String, revoked_at: i64 },
    ErasedCustomers { ids: Vec<u64> },
}

/// What a ledger, or the registry that is replaced, says about a user.
struct KnownUser {
    role: Role,
    group: Option<u64>,
    enabled: bool,
}

/// A ledger as it was read.
#[derive(Default)]
pub struct KnownLedger {
    pub(super) ids: GivenIds,
    /// The wrapped data keys of the accounts that are not erased.
    pub(super) wrapped_keys: HashMap<AccountId, Vec<u8>>,
    pub(super) erased_accounts: BTreeSet<AccountId>,
    /// The accounts whose erasure is requested and not finished.
    pub(super) erasures_requested: HashSet<AccountId>,
    /// The accounts of each group.
    groups: HashMap<u64, HashSet<u64>>,
    users: HashMap<u64, KnownUser>,
    /// The revoked keys, and when they were revoked.
    revoked_keys: HashMap<String, i64>,
    /// The customers that were erased one by one.
    pub(super) erased_customers: HashSet<CustomerId>,
}

/// What a user lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UserLoss {
    pub(super) role: bool,
    pub(super) group: bool,
    pub(super) access: bool,
}

impl KnownLedger {
    /// What a registry knows that is to be replaced.
    pub fn from_registry(registry: &Ledger) -> KnownLedger {
        let mut known = KnownLedger::default();
        for entry in entries(&registry.directory, registry.ids) {
            known.add(entry).expect("what this made can be read");
        }
        known.erased_customers.extend(&registry.erased_customers);
        known
    }

    /// Takes an entry; `None` if it makes no sense.
    fn add(&mut self, entry: Entry) -> Option<()> {
        match entry {
            Entry::Ids(ids) => self.ids = ids,
            Entry::Account { id, erasure_requested, wrapped_key } => {
                self.wrapped_keys.insert(AccountId(id), BASE64.decode(wrapped_key.as_bytes()).ok()?);
                self.erasures_requested.extend(erasure_requested.then_some(AccountId(id)));
            }
            Entry::ErasedAccount { id } => drop(self.erased_accounts.insert(AccountId(id))),
            Entry::Group { id, accounts } => drop(self.groups.insert(id, accounts.into_iter().collect())),
            Entry::User { id, role, group, enabled } => {
                self.users.insert(id, KnownUser { role: role.parse().ok()?, group, enabled });
            }
            Entry::RevokedKey { key_id, revoked_at } => drop(self.revoked_keys.insert(key_id, revoked_at)),
            Entry::ErasedCustomers { ids } => self.erased_customers.extend(ids.into_iter().map(CustomerId)),
        }
        Some(())
    }

    /// Whether an account that was in a group has left it.
    pub(super) fn has_left(&self, group: u64, account: u64) -> bool {
        self.wrapped_keys.contains_key(&AccountId(account))
            && self.groups.get(&group).is_some_and(|accounts| !accounts.contains(&account))
    }

    /// Takes from a user what was taken away since: of each right the lesser one remains.
    pub(super) fn lower(&self, user: &mut BackupUser) -> UserLoss {
        let Some(known) = self.users.get(&user.id) else { return UserLoss::default() };
        let loss = UserLoss {
            role: user.role.allows_more_than(known.role),
            group: user.group.is_some() && user.group != known.group,
            access: user.enabled && !known.enabled,
        };
        if loss.role {
            user.role = known.role;
        }
        if loss.group {
            user.group = None;
        }
        user.enabled &= known.enabled;
        loss
    }

    /// Revokes a key that was revoked since; returns whether it was.
    pub(super) fn revoke(&self, key: &mut BackupKey) -> bool {
        let known = self.revoked_keys.get(&key.key_id).copied();
        let is_since = key.revoked_at.is_none() && known.is_some();
        key.revoked_at = key.revoked_at.or(known);
        is_since
    }
}

/// The entries about a directory.
fn entries(directory: &DirectorySnapshot, ids: GivenIds) -> impl Iterator<Item = Entry> + '_ {
    let accounts = directory.accounts.iter().map(|account| match account.state {
        AccountState::Erased => Entry::ErasedAccount { id: account.id.0 },
        state => Entry::Account {
            id: account.id.0,
            erasure_requested: state == AccountState::ErasureInProgress,
            wrapped_key: BASE64.encode(&account.wrapped_key),
        },
    });
    let groups = directory.groups.iter().map(|group| Entry::Group {
        id: group.id.0,
        accounts: group.accounts.iter().map(|account| account.0).collect(),
    });
    let users = directory.users.iter().filter(|user| user.name.is_some()).map(|user| Entry::User {
        id: user.id.0,
        role: user.role.name().to_owned(),
        group: user.group.map(|group| group.0),
        enabled: user.enabled,
    });
    let revoked = directory
        .keys
        .iter()
        .filter_map(|key| Some(Entry::RevokedKey { key_id: key.key_id.clone(), revoked_at: key.revoked_at?.0 }));
    [Entry::Ids(ids)].into_iter().chain(accounts).chain(groups).chain(users).chain(revoked)
}

/// A ledger that is being written.
pub(super) struct LedgerFile<'a> {
    frames: FrameWriter<'a>,
    vault: &'a BackupVault,
    entropy: &'a dyn Entropy,
}

impl<'a> LedgerFile<'a> {
    pub(super) fn begin(
        vault: &'a BackupVault,
        entropy: &'a dyn Entropy,
        to: &'a mut (dyn Write + Send),
    ) -> io::Result<LedgerFile<'a>> {
        Ok(LedgerFile { frames: FrameWriter::begin(vault, MAGIC, to)?, vault, entropy })
    }

    pub(super) fn directory(&mut self, directory: &DirectorySnapshot, ids: GivenIds) -> io::Result<()> {
        entries(directory, ids).try_for_each(|entry| self.put(&entry))
    }

    pub(super) fn erased_customers(&mut self, ids: &[CustomerId]) -> io::Result<()> {
        self.put(&Entry::ErasedCustomers { ids: ids.iter().map(|id| id.0).collect() })
    }

    pub(super) fn end(self) -> io::Result<()> {
        self.frames.end()
    }

    fn put(&mut self, entry: &Entry) -> io::Result<()> {
        let text = serde_json::to_vec(entry).map_err(io::Error::other)?;
        self.frames.record(&self.vault.general().seal(self.entropy, CONTEXT, &text))
    }
}

impl App {
    /// Writes the ledger that opens this registry's backups.
    pub async fn write_ledger(&self, to: &mut (dyn Write + Send), origin: &Origin) -> Result<(), BackupError> {
        let entry = AuditEntry::record(origin, Action::WriteLedger, Object::Registry, None, &[]);
        self.store.append_audit(PartitionId::FIRST, vec![entry]).await?;
        let mut file = LedgerFile::begin(&self.keys.backups, &*self.entropy, to)?;
        let directory = self.store.directory().await?;
        self.directory.check(&directory).map_err(StoreError::corrupt)?;
        let ids = self.store.given_ids().await?;
        file.directory(&directory, ids)?;
        let mut last = CustomerId(0);
        loop {
            let page = self.store.erased_customers(last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last = *end;
            file.erased_customers(&page)?;
        }
        Ok(file.end()?)
    }
}

/// Reads a ledger, and of which registry it is; fails if it is not whole.
pub fn read_ledger(master: &MasterKey, from: &mut (dyn Read + Send)) -> Result<(RegistryId, KnownLedger), BackupError> {
    read(master, from).map_err(|error| match error {
        BackupError::NotWhole => BackupError::NotALedger,
        error => error,
    })
}

fn read(master: &MasterKey, from: &mut (dyn Read + Send)) -> Result<(RegistryId, KnownLedger), BackupError> {
    // The signature says whether anything in it may be believed, the id that chooses the key included.
    let registry = read_registry(MAGIC, from)?;
    let vault = BackupVault::new(master, registry);
    let mut frames = Frames::after_registry(&vault, MAGIC, from);
    let mut known = KnownLedger::default();
    while let Some(sealed) = frames.next()? {
        let text = vault.general().open(CONTEXT, &sealed).map_err(|_| BackupError::NotWhole)?;
        let entry = parse_exact(&text).ok_or(BackupError::Newer)?;
        known.add(entry).ok_or(BackupError::Newer)?;
    }
    Ok((registry, known))
}
