//! Backups: a file of sealed records, and a ledger of the keys that open them.
//!
//! A record that holds data of an account is sealed under a key derived from the account's data key, and only the ledger
//! has that key. So a backup of any age reveals nothing of an account that a later ledger no longer has. Every other record
//! is sealed under a key derived from the master key.
//!
//! ```text
//! file    MAGIC, the registry's id (16 bytes), frame, frame, …, end frame
//! frame   kind (1 byte), length (4 bytes), content
//!   'R'   a record: account (8 bytes, 0 for none), id (8 bytes), length of the name of its kind (1 byte), that name;
//!         then the record as JSON, sealed with all of that as context
//!   'E'   the end: a signature of every byte before it
//! ```
//!
mod frames;
mod ledger;
mod restore;
#[cfg(test)]
mod tests;

pub use ledger::{KnownLedger, read_ledger};
pub use restore::{Restored, TakenAway, check, restore};

use crate::{
    App,
    vault::{BackupVault, Entropy, SealingKey},
};
use carnelian_domain::{AccountId, AccountState, Action, Object, Origin};
use carnelian_store::{AuditEntry, PartitionId, Record, RecordSink, StoreError};
use frames::FrameWriter;
use std::{
    collections::HashMap,
    io::{self, Write},
};

/// What a backup begins with; the number is the version of the format.
const MAGIC: &[u8] = b"carnelian backup 3\n";

/// Why a backup could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It was cut short or altered, or belongs to another master key.
    #[error("this is no whole backup of a registry with this master key")]
    NotWhole,
    /// The same of a ledger.
    #[error("this is no whole ledger of a registry with this master key")]
    NotALedger,
    /// The ledger is that of another registry.
    #[error("the ledger is that of another registry")]
    OtherRegistry,
    /// It has records that this release does not know.
    #[error("the backup was made by a newer release")]
    Newer,
    /// The backup has an account that the ledger does not know.
    #[error("the ledger does not know account {0} of the backup, since it is older; take the newest one")]
    OldLedger(AccountId),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl App {
    /// Writes everything into a backup, and returns how many records it has.
    pub async fn back_up(&self, to: &mut (dyn Write + Send), origin: &Origin) -> Result<u64, BackupError> {
        let entry = AuditEntry::record(origin, Action::BackUp, Object::Registry, None, &[]);
        self.store.append_audit(PartitionId::FIRST, vec![entry]).await?;
        let mut file = BackupFile::begin(to, &self.keys.backups, &*self.entropy)?;
        let backed_up = self.store.back_up(&mut file).await;
        match file.failed.take() {
            Some(error) => return Err(error.into()),
            None => backed_up?,
        }
        file.end()
    }
}

/// What a record is about, which is not sealed: a restore must know it also of a record that it cannot open.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    account: Option<AccountId>,
    id: u64,
    kind: String,
}

impl Header {
    fn from_record(record: &Record) -> Header {
        let (kind, id) = match record {
            Record::Registry { .. } => ("registry", 0),
            Record::Account { id, .. } => (ACCOUNT, *id),
            Record::Group { id, .. } => ("group", *id),
            Record::Member { group, .. } => ("member", *group),
            Record::User(user) => (USER, user.id),
            Record::Key(_) => ("key", 0),
            Record::Setting { .. } => ("setting", 0),
            Record::Erasure(erasure) => ("erasure", erasure.id),
            Record::ErasedCustomer { id } => ("erased customer", *id),
            Record::AuditEntry { sequence, .. } => ("audit entry", *sequence),
            Record::AuditEnd { .. } => ("audit end", 0),
            Record::Customer(customer) => (CUSTOMER, customer.id),
        };
        Header { account: record.account(), id, kind: kind.to_owned() }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let account = self.account.map_or(0, |account| account.0);
        let length = u8::try_from(self.kind.len()).expect("the kinds above have short names");
        [&account.to_be_bytes()[..], &self.id.to_be_bytes(), &[length], self.kind.as_bytes()].concat()
    }

    /// Reads a header, and returns what follows it.
    fn parse(bytes: &[u8]) -> Option<(Header, &[u8])> {
        let (account, rest) = bytes.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (&length, rest) = rest.split_first()?;
        let (kind, rest) = rest.split_at_checked(length.into())?;
        let account = Some(u64::from_be_bytes(*account)).filter(|account| *account > 0).map(AccountId);
        let kind = String::from_utf8(kind.to_vec()).ok()?;
        Some((Header { account, id: u64::from_be_bytes(*id), kind }, rest))
    }
}

/// The kinds of records that a restore must recognise without opening them.
const ACCOUNT: &str = "account";
const USER: &str = "user";
const CUSTOMER: &str = "customer";

/// A backup that is being written.
struct BackupFile<'a> {
    frames: FrameWriter<'a>,
    vault: &'a BackupVault,
    entropy: &'a dyn Entropy,
    /// The keys of the accounts that are not erased.
    keys: HashMap<AccountId, SealingKey>,
    records: u64,
    /// Why the file could not be written, which the store knows nothing of.
    failed: Option<io::Error>,
}

impl<'a> BackupFile<'a> {
    fn begin(
        file: &'a mut (dyn Write + Send),
        vault: &'a BackupVault,
        entropy: &'a dyn Entropy,
    ) -> io::Result<BackupFile<'a>> {
        let frames = FrameWriter::begin(vault, MAGIC, file)?;
        Ok(BackupFile { frames, vault, entropy, keys: HashMap::new(), records: 0, failed: None })
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        if let Record::Account { id, state, wrapped_key, .. } = record
            && *state != AccountState::Erased
        {
            let key = self.vault.account_key(AccountId(*id), wrapped_key).map_err(io::Error::other)?;
            self.keys.insert(AccountId(*id), key);
        }
        // What is left of an erased account is its id.
        let key = record.account().and_then(|account| self.keys.get(&account)).unwrap_or(self.vault.general());
        let mut header = Header::from_record(record);
        header.account = header.account.filter(|account| self.keys.contains_key(account));
        let header = header.to_bytes();
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        let sealed = key.seal(self.entropy, &header, &text);
        self.records += 1;
        self.frames.record(&[&header, sealed.as_slice()].concat())
    }

    fn end(self) -> Result<u64, BackupError> {
        self.frames.end()?;
        Ok(self.records)
    }
}

#[async_trait::async_trait]
impl RecordSink for BackupFile<'_> {
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        let written = records.iter().try_for_each(|record| self.record(record));
        written.map_err(|error| {
            let stopped = StoreError::unavailable(error.to_string());
            self.failed = Some(error);
            stopped
        })
    }
}
