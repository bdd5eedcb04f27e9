//! Backups: a file of sealed rows, and a ledger of the keys that open them.
//!
//! A row that tells anything of an account is sealed under a key that comes from the account's data key, and that key is
//! in the ledger alone. So a backup of any age tells nothing of an account that a later ledger no longer has. Everything
//! else is sealed under a key that comes from the master key.
//!
//! The file: [`MAGIC`], then frames. A frame is a kind, a length of four bytes and so many bytes. The last one is a
//! signature of everything before it. The ledger is one line of JSON with a signature.

use crate::{
    App,
    vault::{BackupVault, Entropy, SealingKey, Signing, UnsealError},
};
use carnelian_domain::{AccountId, Action, CustomerId, Object, Origin};
use carnelian_store::{AuditEntry, BackupPart, BackupRow, Ledger, PartitionId, Store, StoreError};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{self, Read, Write},
};

/// What a backup begins with.
const MAGIC: &[u8] = b"carnelian backup 1\n";

const SCHEMA: u8 = b'S';
const ROW: u8 = b'R';
const END: u8 = b'E';

/// The longest frame that is believed in: far more than any row has.
const MAX_FRAME: usize = 1 << 24;

/// Why a backup could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It was cut short or altered, or is none of this registry's master key.
    #[error("this is no whole backup of a registry with this master key")]
    NotWhole,
    /// The same of a ledger.
    #[error("this is no whole ledger of a registry with this master key")]
    NotALedger,
    /// The ledger does not know accounts of the backup yet.
    #[error("the ledger is older than the backup; take the newest one")]
    OldLedger,
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What a restore gets from a backup, one after the other.
#[derive(Debug)]
pub enum Restored {
    /// A row to put back.
    Row(BackupRow),
    /// A row of which nothing may come back but its place.
    Erased(BackupRow),
}

impl App {
    /// Writes everything into a backup, and says how many rows it has.
    pub async fn back_up(&self, to: &mut (dyn Write + Send), origin: &Origin) -> Result<u64, BackupError> {
        let entry = AuditEntry::record(origin, Action::BackUp, Object::Registry, None, &[]);
        self.store.append_audit(PartitionId::FIRST, entry).await?;
        write(&*self.store, &self.keys.backups, &*self.entropy, to)
    }

    /// The ledger that opens this registry's backups.
    pub fn ledger(&self) -> Result<String, BackupError> {
        Ok(ledger_file(&self.keys.backups, &self.store.ledger()?))
    }
}

/// Writes everything in a registry into a backup, and says how many rows it has; the ledger that opens it goes with it.
fn write(
    store: &dyn Store,
    vault: &BackupVault,
    entropy: &dyn Entropy,
    to: &mut dyn Write,
) -> Result<u64, BackupError> {
    let mut file = Signed { file: to, signature: vault.sign() };
    file.write(MAGIC)?;
    let (mut keys, mut rows) = (HashMap::new(), 0);
    store.back_up(&mut |part| match part {
        BackupPart::Schema(version) => file.frame(SCHEMA, &version.to_be_bytes()),
        BackupPart::Key(account, wrapped) => {
            keys.insert(account, vault.account_key(account, &wrapped).map_err(io::Error::other)?);
            Ok(())
        }
        BackupPart::Row(row) => {
            rows += 1;
            let place = place(&row);
            let key = match row.account {
                Some(account) => keys.get(&account).ok_or_else(|| io::Error::other("an account without a key"))?,
                None => vault.general(),
            };
            let sealed = key.seal(entropy, &place, &row.content);
            file.frame(ROW, &[&place, sealed.as_slice()].concat())
        }
    })?;
    let signature = file.signature.finish();
    file.file.write_all(&[END])?;
    file.file.write_all(&(signature.len() as u32).to_be_bytes())?;
    file.file.write_all(&signature)?;
    Ok(rows)
}

/// A row's place, which is part of its seal: account, number and table.
fn place(row: &BackupRow) -> Vec<u8> {
    let account = row.account.map_or(0, |account| account.0);
    let (account, id) = (account.to_be_bytes(), row.id.to_be_bytes());
    [&account[..], &id, &[row.table.len() as u8], row.table.as_bytes()].concat()
}

struct Signed<'a> {
    file: &'a mut dyn Write,
    signature: Signing,
}

impl Signed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.signature.update(bytes);
        self.file.write_all(bytes)
    }

    fn frame(&mut self, kind: u8, content: &[u8]) -> io::Result<()> {
        self.write(&[kind])?;
        self.write(&(content.len() as u32).to_be_bytes())?;
        self.write(content)
    }
}

/// Reads a backup to its end, and says which schema it has; an error if it is not whole.
pub fn check(vault: &BackupVault, from: &mut dyn Read) -> Result<u32, BackupError> {
    let mut schema = None;
    read_frames(vault, from, &mut |kind, content| {
        if kind == SCHEMA {
            schema = content.try_into().ok().map(u32::from_be_bytes);
        }
        Ok(())
    })?;
    schema.ok_or(BackupError::NotWhole)
}

/// Reads a backup that was checked, and hands out what comes back with a ledger.
pub fn read(
    vault: &BackupVault,
    ledger: &Ledger,
    from: &mut dyn Read,
    put: &mut dyn FnMut(Restored) -> Result<(), StoreError>,
) -> Result<(), BackupError> {
    let keys = ledger.keys.iter().filter_map(|(id, wrapped)| Some((*id, vault.account_key(*id, wrapped).ok()?)));
    let keys: HashMap<AccountId, SealingKey> = keys.collect();
    let erased: HashSet<CustomerId> = ledger.erased_customers.iter().copied().collect();
    read_frames(vault, from, &mut |kind, content| {
        if kind != ROW {
            return Ok(());
        }
        let (mut row, sealed) = row(content).ok_or(BackupError::NotWhole)?;
        if row.table == "customer" && erased.contains(&CustomerId(row.id)) {
            return Ok(put(Restored::Erased(row))?);
        }
        let key = match row.account {
            None => vault.general(),
            Some(account) => match keys.get(&account) {
                Some(key) => key,
                None if account.0 > ledger.last_account => return Err(BackupError::OldLedger),
                None => return Ok(put(Restored::Erased(row))?),
            },
        };
        let opened = key.open(&place(&row), sealed).map_err(|UnsealError| BackupError::NotWhole)?;
        row.content = opened.to_vec();
        Ok(put(Restored::Row(row))?)
    })
}

/// A row without its content, and its sealed content.
fn row(frame: &[u8]) -> Option<(BackupRow, &[u8])> {
    let (account, rest) = frame.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (&length, rest) = rest.split_first()?;
    let (table, sealed) = rest.split_at_checked(length.into())?;
    let account = Some(u64::from_be_bytes(*account)).filter(|account| *account > 0).map(AccountId);
    let table = String::from_utf8(table.to_vec()).ok()?;
    Some((BackupRow { table, id: u64::from_be_bytes(*id), account, content: Vec::new() }, sealed))
}

/// Takes in the kind and the content of a frame.
type TakeFrame<'a> = dyn FnMut(u8, &[u8]) -> Result<(), BackupError> + 'a;

fn read_frames(vault: &BackupVault, from: &mut dyn Read, take: &mut TakeFrame<'_>) -> Result<(), BackupError> {
    let mut signature = vault.sign();
    let mut exactly = |length: usize| -> Result<Vec<u8>, BackupError> {
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::NotWhole,
            _ => error.into(),
        })?;
        Ok(bytes)
    };
    let magic = exactly(MAGIC.len())?;
    if magic != MAGIC {
        return Err(BackupError::NotWhole);
    }
    signature.update(&magic);
    loop {
        let head = exactly(5)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_FRAME {
            return Err(BackupError::NotWhole);
        }
        let content = exactly(length)?;
        if head[0] == END {
            let whole = signature.verify(&content) && exactly(1).is_err();
            return if whole { Ok(()) } else { Err(BackupError::NotWhole) };
        }
        signature.update(&head);
        signature.update(&content);
        take(head[0], &content)?;
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LedgerFile {
    #[serde(rename = "carnelianLedger")]
    version: u32,
    last_account: u64,
    next_customer_id: u64,
    keys: BTreeMap<u64, String>,
    erased_customers: Vec<u64>,
}

/// The ledger as it is kept in a file.
fn ledger_file(vault: &BackupVault, ledger: &Ledger) -> String {
    let file = LedgerFile {
        version: 1,
        last_account: ledger.last_account,
        next_customer_id: ledger.next_customer_id,
        keys: ledger.keys.iter().map(|(account, key)| (account.0, BASE64.encode(key))).collect(),
        erased_customers: ledger.erased_customers.iter().map(|id| id.0).collect(),
    };
    let text = serde_json::to_string(&file).expect("a ledger is made of numbers and strings");
    let mut signature = vault.sign();
    signature.update(text.as_bytes());
    format!("{text} {}\n", BASE64.encode(&signature.finish()))
}

/// Reads a ledger from its file.
pub fn read_ledger(vault: &BackupVault, text: &str) -> Result<Ledger, BackupError> {
    let (text, signature) = text.trim_end().rsplit_once(' ').ok_or(BackupError::NotALedger)?;
    let mut signed = vault.sign();
    signed.update(text.as_bytes());
    let signature = BASE64.decode(signature.as_bytes()).map_err(|_| BackupError::NotALedger)?;
    if !signed.verify(&signature) {
        return Err(BackupError::NotALedger);
    }
    let file: LedgerFile = serde_json::from_str(text).map_err(|_| BackupError::NotALedger)?;
    let key = |(account, key): (u64, String)| Some((AccountId(account), BASE64.decode(key.as_bytes()).ok()?));
    Ok(Ledger {
        keys: file.keys.into_iter().map(key).collect::<Option<_>>().ok_or(BackupError::NotALedger)?,
        erased_customers: file.erased_customers.into_iter().map(CustomerId).collect(),
        last_account: file.last_account,
        next_customer_id: file.next_customer_id,
    })
}
