//! Restoring: the records of a backup that a ledger opens, into an empty registry.
//!
//! What was taken away since the backup stays taken away, as far as the ledger or the registry that is replaced knows: erased
//! accounts and customers are left out, revoked keys stay revoked and disabled users disabled, roles that were lowered stay
//! low, and accounts and users that were removed from a group are not added to it again. Each of these is an entry of the restored audit log.

use super::{ACCOUNT, BackupError, CUSTOMER, Header, KnownLedger, MAGIC, USER, frames::Frames, ledger::UserLoss};
use crate::{
    exact::parse_exact,
    vault::{BackupVault, SealingKey, UnsealError},
};
use carnelian_domain::{AccountId, AccountState, Action, CustomerId, GroupId, Object, Origin, Role, UserId};
use carnelian_store::{AuditEntry, BackupKey, BackupUser, ErasureState, Record, Restores, Restoring};
use std::{
    collections::{BTreeSet, HashMap},
    io::Read,
    mem,
};

/// How many records are stored at once.
pub(super) const BATCH: usize = 1000;

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many records of the backup were restored.
    pub records: u64,
    /// How many accounts were left out, since the ledger no longer has them.
    pub accounts_left_out: u64,
    /// How many customers were left out, since they or their accounts were erased.
    pub customers_left_out: u64,
    /// What was taken away since the backup, and is not given back.
    pub taken_away: TakenAway,
    /// The accounts whose erasure was requested since the backup and was not finished.
    pub erasures_forgotten: Vec<AccountId>,
}

/// How much of what was taken away since a backup is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenAway {
    /// Keys that were revoked.
    pub keys: u64,
    /// Users who were disabled.
    pub users: u64,
    /// Users whose role was lowered.
    pub roles: u64,
    /// Users who have left their group.
    pub groups: u64,
    /// Accounts that have left a group.
    pub members: u64,
}

/// Reads a backup to its end; fails if it is not whole.
pub fn check(vault: &BackupVault, from: &mut (dyn Read + Send)) -> Result<(), BackupError> {
    let mut frames = Frames::begin(vault, MAGIC, from)?;
    while frames.next()?.is_some() {}
    Ok(())
}

/// Fills an empty registry from a backup that was checked. `known` is the ledger, and what the registry knows that is
/// replaced, if there is one. What they know to be erased is left out, and noted as erased, so that later ledgers know it
/// as well.
pub async fn restore(
    store: &dyn Restores,
    vault: &BackupVault,
    ledger: &KnownLedger,
    replaced: Option<&KnownLedger>,
    from: &mut (dyn Read + Send),
    origin: &Origin,
) -> Result<Restored, BackupError> {
    let known: Vec<_> = [ledger].into_iter().chain(replaced).collect();
    let erased_accounts: BTreeSet<_> = known.iter().flat_map(|known| &known.erased_accounts).copied().collect();
    let left = ledger.wrapped_keys.iter().filter(|(account, _)| !erased_accounts.contains(account));
    let keys = left.map(|(id, wrapped)| Some((*id, (vault.account_key(*id, wrapped).ok()?, wrapped.clone()))));
    let mut restore = Restore {
        keys: keys.collect::<Option<_>>().ok_or(BackupError::NotALedger)?,
        erased_customers: known.iter().flat_map(|known| &known.erased_customers).copied().collect(),
        erased_accounts,
        vault,
        known,
        origin,
        restoring: store.begin_restore(vault.registry()).await?,
        batch: Vec::new(),
        entries: Vec::new(),
        left_out: HashMap::new(),
        restored: Restored::default(),
    };
    let mut frames = Frames::begin(vault, MAGIC, from)?;
    while let Some(content) = frames.next()? {
        let (header, sealed) = Header::parse(&content).ok_or(BackupError::NotWhole)?;
        restore.take(&header, sealed).await?;
    }
    restore.finish().await
}

struct Restore<'a> {
    vault: &'a BackupVault,
    /// The ledger, and what the registry knows that is replaced.
    known: Vec<&'a KnownLedger>,
    origin: &'a Origin,
    /// The keys that open the records of each account, and the wrapped data keys.
    keys: HashMap<AccountId, (SealingKey, Vec<u8>)>,
    /// The erased accounts that are not yet stored.
    erased_accounts: BTreeSet<AccountId>,
    /// The erased customers that are not yet stored.
    erased_customers: BTreeSet<CustomerId>,
    restoring: Box<dyn Restoring + 'a>,
    batch: Vec<Record>,
    /// Entries for the audit log, which follow those of the backup.
    entries: Vec<String>,
    /// The customers of the backup that were left out, and their accounts.
    left_out: HashMap<CustomerId, AccountId>,
    restored: Restored,
}

impl Restore<'_> {
    async fn take(&mut self, header: &Header, sealed: &[u8]) -> Result<(), BackupError> {
        let is_erased = header.kind == CUSTOMER && self.is_erased(CustomerId(header.id));
        let key = match header.account {
            None => self.vault.general(),
            Some(account) => match self.keys.get(&account) {
                Some((key, _)) if !is_erased => key,
                None if !self.is_account_erased(account) => return Err(BackupError::OldLedger(account)),
                _ => return self.leave_out(header, account).await,
            },
        };
        let opened = key.open(&header.to_bytes(), sealed).map_err(|UnsealError| BackupError::NotWhole)?;
        let mut record: Record = parse_exact(&opened).ok_or(BackupError::Newer)?;
        match &mut record {
            Record::Registry { ids, .. } => {
                *ids = self.known.iter().fold(*ids, |ids, known| ids.and(known.ids));
            }
            Record::Account { id, state, wrapped_key, .. } => {
                let id = AccountId(*id);
                self.erased_accounts.remove(&id);
                let key = self.keys.get(&id).filter(|_| *state != AccountState::Erased);
                *wrapped_key = key.map(|(_, wrapped)| wrapped.clone()).unwrap_or_default();
                let is_requested = self.known.iter().any(|known| known.erasures_requested.contains(&id));
                self.restored.erasures_forgotten.extend((*state == AccountState::Active && is_requested).then_some(id));
            }
            Record::Member { group, account }
                if !self.keys.contains_key(&AccountId(*account)) || self.has_left(*group, *account) =>
            {
                return Ok(());
            }
            Record::User(user) => self.lower(user),
            Record::Key(key) => self.revoke(key),
            // It was finished since.
            Record::Erasure(erasure)
                if matches!(erasure.state, ErasureState::Waiting | ErasureState::Running)
                    && !self.keys.contains_key(&AccountId(erasure.account)) =>
            {
                return Ok(());
            }
            Record::ErasedCustomer { id } => drop(self.erased_customers.remove(&CustomerId(*id))),
            _ => {}
        }
        self.restored.records += 1;
        self.put(record).await
    }

    fn is_erased(&self, customer: CustomerId) -> bool {
        self.known.iter().any(|known| known.erased_customers.contains(&customer))
    }

    fn is_account_erased(&self, account: AccountId) -> bool {
        self.known.iter().any(|known| known.erased_accounts.contains(&account))
    }

    fn has_left(&mut self, group: u64, account: u64) -> bool {
        let has_left = self.known.iter().any(|known| known.has_left(group, account));
        if has_left {
            self.restored.taken_away.members += 1;
            let account = Some(AccountId(account));
            self.record(Action::RemoveFromGroup, Object::Group(GroupId(group)), account, &[]);
        }
        has_left
    }

    fn lower(&mut self, user: &mut BackupUser) {
        let losses = self.known.iter().map(|known| known.lower(user)).collect::<Vec<_>>();
        let lost = |what: fn(&UserLoss) -> bool| losses.iter().any(what);
        let (role, group, access) = (lost(|loss| loss.role), lost(|loss| loss.group), lost(|loss| loss.access));
        let TakenAway { users, roles, groups, .. } = &mut self.restored.taken_away;
        *roles += u64::from(role);
        *groups += u64::from(group);
        *users += u64::from(access);
        let (object, account) = (Object::User(UserId(user.id)), Some(AccountId(user.account)));
        let fields: Vec<_> = [("role", role), ("accountGroup", group)]
            .into_iter()
            .filter_map(|(name, lost)| lost.then_some(name))
            .collect();
        if !fields.is_empty() {
            self.record(Action::EditUser, object, account, &fields);
        }
        if access {
            self.record(Action::DisableUser, object, account, &[]);
        }
    }

    fn revoke(&mut self, key: &mut BackupKey) {
        if self.known.iter().any(|known| known.revoke(key)) {
            self.restored.taken_away.keys += 1;
            self.record(Action::RevokeKey, Object::Key(&key.key_id), Some(AccountId(key.account)), &[]);
        }
    }

    /// Notes something that stays taken away for the audit log.
    fn record(&mut self, action: Action, object: Object<'_>, account: Option<AccountId>, fields: &[&str]) {
        self.entries.push(AuditEntry::record(self.origin, action, object, account, fields));
    }

    /// Leaves out a record of a customer or an account that was erased since the backup. Its id stays taken.
    async fn leave_out(&mut self, header: &Header, account: AccountId) -> Result<(), BackupError> {
        match &*header.kind {
            ACCOUNT => {
                self.restored.accounts_left_out += 1;
                self.erased_accounts.remove(&account);
                self.record(Action::EraseAccount, Object::Account(account), Some(account), &[]);
                self.put(erased_account(account)).await
            }
            USER => {
                let (id, account, role) = (header.id, account.0, Role::AccountReadOnly);
                let user = BackupUser { id, name: None, account, group: None, role, enabled: false, created_at: 0 };
                self.put(Record::User(user)).await
            }
            CUSTOMER => {
                self.restored.customers_left_out += 1;
                self.left_out.insert(CustomerId(header.id), account);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn finish(mut self) -> Result<Restored, BackupError> {
        // Accounts that were made and erased since the backup. Customers and users of theirs have left nothing.
        for id in mem::take(&mut self.erased_accounts) {
            self.put(erased_account(id)).await?;
        }
        let erased = mem::take(&mut self.erased_customers);
        for CustomerId(id) in &erased {
            self.put(Record::ErasedCustomer { id: *id }).await?;
        }
        self.flush().await?;
        let restored = AuditEntry::record(self.origin, Action::Restore, Object::Registry, None, &[]);
        self.restoring.append_audit(vec![restored]).await?;
        for entries in self.entries.chunks(BATCH) {
            self.restoring.append_audit(entries.to_vec()).await?;
        }
        let erased: Vec<_> = erased.into_iter().collect();
        for page in erased.chunks(BATCH) {
            let entry = |id: &CustomerId| {
                let account = self.left_out.get(id).copied();
                AuditEntry::record(self.origin, Action::EraseCustomer, Object::Customer(*id), account, &[])
            };
            self.restoring.append_audit(page.iter().map(entry).collect()).await?;
        }
        self.restoring.finish().await?;
        Ok(self.restored)
    }

    async fn put(&mut self, record: Record) -> Result<(), BackupError> {
        self.batch.push(record);
        if self.batch.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), BackupError> {
        Ok(self.restoring.put(mem::take(&mut self.batch)).await?)
    }
}

/// What is left of an erased account: its id.
fn erased_account(id: AccountId) -> Record {
    let (name, wrapped_key) = (String::new(), Vec::new());
    Record::Account { id: id.0, name, state: AccountState::Erased, created_at: 0, wrapped_key }
}
