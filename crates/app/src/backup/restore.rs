//! Restoring: the records of a backup that a ledger opens, into an empty registry.

use super::{ACCOUNT, BackupError, CUSTOMER, END, Header, KnownLedger, MAGIC, RECORD, USER};
use crate::{
    exact::parse_exact,
    vault::{BackupVault, SealingKey, Signing, UnsealError},
};
use carnelian_domain::{AccountId, AccountState, Action, CustomerId, Object, Origin, Role};
use carnelian_store::{AuditEntry, BackupUser, Record, Restores, Restoring};
use std::{
    collections::{HashMap, HashSet},
    io::{self, Read},
    mem,
};

/// The longest frame that is accepted: far more than any record has.
const MAX_FRAME: usize = 1 << 24;

/// How many records are stored at once.
const BATCH: usize = 1000;

/// What a restore did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many records of the backup were restored.
    pub records: u64,
    /// How many accounts were left out, since the ledger no longer has them.
    pub accounts_left_out: u64,
    /// How many customers were left out, since they or their accounts were erased.
    pub customers_left_out: u64,
}

/// Reads a backup to its end; fails if it is not whole.
pub fn check(vault: &BackupVault, from: &mut (dyn Read + Send)) -> Result<(), BackupError> {
    let mut frames = Frames::begin(vault, from)?;
    while frames.next()?.is_some() {}
    Ok(())
}

/// Fills an empty registry from a backup that was checked. What the ledger knows to be erased is left out, and noted as
/// erased, so that later ledgers know it as well.
pub async fn restore(
    store: &dyn Restores,
    vault: &BackupVault,
    ledger: &KnownLedger,
    from: &mut (dyn Read + Send),
    origin: &Origin,
) -> Result<Restored, BackupError> {
    let keys = ledger.ledger.keys.iter();
    let mut restore = Restore {
        keys: keys.filter_map(|(id, key)| Some((*id, (vault.account_key(*id, key).ok()?, key.clone())))).collect(),
        vault,
        ledger,
        restoring: store.begin_restore(vault.registry()).await?,
        batch: Vec::new(),
        known_erased: HashSet::new(),
        left_out: HashMap::new(),
        last_account: 0,
        restored: Restored::default(),
    };
    let mut frames = Frames::begin(vault, from)?;
    while let Some((kind, content)) = frames.next()? {
        if kind != RECORD {
            return Err(BackupError::Newer);
        }
        let (header, sealed) = Header::parse(&content).ok_or(BackupError::NotWhole)?;
        restore.take(&header, sealed).await?;
    }
    restore.finish(origin).await
}

struct Restore<'a> {
    vault: &'a BackupVault,
    ledger: &'a KnownLedger,
    /// The keys that open the records of each account, and the wrapped data keys.
    keys: HashMap<AccountId, (SealingKey, Vec<u8>)>,
    restoring: Box<dyn Restoring + 'a>,
    batch: Vec<Record>,
    /// The erased customers that the backup knows.
    known_erased: HashSet<CustomerId>,
    /// The customers of the backup that were left out, and their accounts.
    left_out: HashMap<CustomerId, AccountId>,
    /// The highest account id of the backup.
    last_account: u64,
    restored: Restored,
}

impl Restore<'_> {
    async fn take(&mut self, header: &Header, sealed: &[u8]) -> Result<(), BackupError> {
        let is_erased = header.kind == CUSTOMER && self.ledger.erased_customers.contains(&CustomerId(header.id));
        let key = match header.account {
            None => self.vault.general(),
            Some(account) => match self.keys.get(&account) {
                Some((key, _)) if !is_erased => key,
                None if account.0 > self.ledger.ledger.last_account => return Err(BackupError::OldLedger),
                _ => return self.leave_out(header, account).await,
            },
        };
        let opened = key.open(&header.to_bytes(), sealed).map_err(|UnsealError| BackupError::NotWhole)?;
        let mut record: Record = parse_exact(&opened).ok_or(BackupError::Newer)?;
        match &mut record {
            Record::Registry { next_customer_id, .. } => {
                *next_customer_id = (*next_customer_id).max(self.ledger.ledger.next_customer_id);
            }
            Record::Account { id, wrapped_key, .. } => {
                self.last_account = self.last_account.max(*id);
                *wrapped_key = self.keys.get(&AccountId(*id)).map(|(_, key)| key.clone()).unwrap_or_default();
            }
            Record::Member { account, .. } if !self.keys.contains_key(&AccountId(*account)) => return Ok(()),
            Record::ErasedCustomer { id } => drop(self.known_erased.insert(CustomerId(*id))),
            _ => {}
        }
        self.restored.records += 1;
        self.put(record).await
    }

    /// Leaves out a record of a customer or an account that was erased since the backup. Its id stays taken.
    async fn leave_out(&mut self, header: &Header, account: AccountId) -> Result<(), BackupError> {
        match &*header.kind {
            ACCOUNT => {
                self.restored.accounts_left_out += 1;
                self.last_account = self.last_account.max(header.id);
                self.put(erased_account(header.id)).await
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

    async fn finish(mut self, origin: &Origin) -> Result<Restored, BackupError> {
        // Accounts that were made and erased since the backup. Customers and users of theirs have left nothing.
        for id in self.last_account + 1..=self.ledger.ledger.last_account {
            if !self.keys.contains_key(&AccountId(id)) {
                self.put(erased_account(id)).await?;
            }
        }
        let mut erased: Vec<_> = self.ledger.erased_customers.difference(&self.known_erased).copied().collect();
        erased.sort_unstable();
        for CustomerId(id) in &erased {
            self.put(Record::ErasedCustomer { id: *id }).await?;
        }
        self.flush().await?;
        let restored = AuditEntry::record(origin, Action::Restore, Object::Registry, None, &[]);
        self.restoring.append_audit(vec![restored]).await?;
        for page in erased.chunks(BATCH) {
            let entry = |id: &CustomerId| {
                let account = self.left_out.get(id).copied();
                AuditEntry::record(origin, Action::EraseCustomer, Object::Customer(*id), account, &[])
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
fn erased_account(id: u64) -> Record {
    let (name, wrapped_key) = (String::new(), Vec::new());
    Record::Account { id, name, state: AccountState::Erased, created_at: 0, wrapped_key }
}

/// The frames of a backup, and the check of its signature at their end.
struct Frames<'a> {
    from: &'a mut (dyn Read + Send),
    signature: Signing,
}

impl<'a> Frames<'a> {
    fn begin(vault: &BackupVault, from: &'a mut (dyn Read + Send)) -> Result<Frames<'a>, BackupError> {
        let mut frames = Frames { from, signature: vault.sign() };
        let magic = frames.exactly(MAGIC.len())?;
        frames.signature.update(&magic);
        if magic != MAGIC {
            return Err(BackupError::NotWhole);
        }
        let registry = frames.exactly(vault.registry().0.len())?;
        frames.signature.update(&registry);
        if registry == vault.registry().0 { Ok(frames) } else { Err(BackupError::OtherRegistry) }
    }

    /// The kind and the content of the next frame; `None` at a valid end.
    fn next(&mut self) -> Result<Option<(u8, Vec<u8>)>, BackupError> {
        let head = self.exactly(5)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_FRAME {
            return Err(BackupError::NotWhole);
        }
        let content = self.exactly(length)?;
        if head[0] == END {
            let is_whole = self.signature.verify(&content) && io::copy(self.from, &mut io::sink())? == 0;
            return if is_whole { Ok(None) } else { Err(BackupError::NotWhole) };
        }
        self.signature.update(&head);
        self.signature.update(&content);
        Ok(Some((head[0], content)))
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = vec![0; length];
        self.from.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::NotWhole,
            _ => error.into(),
        })?;
        Ok(bytes)
    }
}
