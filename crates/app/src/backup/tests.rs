//! Backups that were tampered with.
//!
//! * [`taken_away`]: what was taken away since a backup

mod taken_away;

use super::{
    BackupError, BackupFile, KnownLedger, MAGIC, check, frames::END, ledger::LedgerFile, read_ledger, restore,
    restore::BATCH,
};
use crate::vault::{
    BackupVault, MasterKey, Vault,
    tests::{Counting, REGISTRY},
};
use carnelian_domain::{AccountId, AccountState, Actor, CustomerId, Origin};
use carnelian_store::{
    AccountRecord, BackupCustomer, DirectorySnapshot, GivenIds, Ledger, PartitionId, Record, RecordSink, RegistryId,
    Restores, Restoring, StoreError,
};
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const PARTITIONS: u16 = 3;

/// Keeps every record, the entries for the audit log, and whether it was filled to the end.
#[derive(Default)]
struct Target {
    records: Mutex<Vec<Record>>,
    entries: Mutex<Vec<String>>,
    is_finished: AtomicBool,
}

struct Filling<'a>(&'a Target);

#[async_trait::async_trait]
impl Restores for Target {
    async fn begin_restore(&self, _: RegistryId) -> Result<Box<dyn Restoring + '_>, StoreError> {
        Ok(Box::new(Filling(self)))
    }
}

#[async_trait::async_trait]
impl Restoring for Filling<'_> {
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        self.0.records.lock().extend(records);
        Ok(())
    }

    async fn append_audit(&mut self, entries: Vec<String>) -> Result<(), StoreError> {
        self.0.entries.lock().extend(entries);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.0.is_finished.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// The records of accounts in several partitions, each with its audit log and customers.
fn records(vault: &Vault) -> Vec<Record> {
    let accounts = 1..=u64::from(PARTITIONS);
    let mut records = vec![Record::Registry { key_proof: None, ids: GivenIds::default() }];
    records.extend(accounts.clone().map(|id| Record::Account {
        id,
        name: format!("account {id}"),
        state: AccountState::Active,
        created_at: 0,
        wrapped_key: vault.new_data_key(AccountId(id)),
    }));
    records.push(Record::Group { id: 1, name: "west".into() });
    records.extend(accounts.clone().map(|account| Record::Member { group: 1, account }));
    for partition in (0..PARTITIONS).map(PartitionId) {
        records.extend((1..=2).map(|sequence| Record::AuditEntry {
            partition,
            sequence,
            at: 0,
            entry: "{}".into(),
            link: vec![0; 32],
        }));
        records.push(Record::AuditEnd { partition, sequence: 2, seal: vec![0; 32] });
    }
    records.extend(accounts.flat_map(|account| {
        (0..2).map(move |number| {
            Record::Customer(BackupCustomer {
                id: account + 16 * number,
                account,
                name: "Same".into(),
                unique_name: "Same".into(),
                version: 1,
                ship_to_bill_address: false,
                created_at: 0,
                modified_at: 0,
                sealed: b"sealed".to_vec(),
            })
        })
    }));
    records
}

/// A directory with the accounts of these records.
fn directory(records: &[Record]) -> DirectorySnapshot {
    let accounts = records.iter().filter_map(|record| match record {
        Record::Account { id, name, state, wrapped_key, .. } => {
            let (id, name, wrapped_key) = (AccountId(*id), name.clone(), wrapped_key.clone());
            Some(AccountRecord { id, name, state: *state, wrapped_key })
        }
        _ => None,
    });
    DirectorySnapshot {
        version: 1,
        seal: vec![],
        newest: [0; 32],
        accounts: accounts.collect(),
        groups: vec![],
        users: vec![],
        keys: vec![],
    }
}

fn frames_of(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(length) = bytes.get(1..5) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let (frame, after) = bytes.split_at(5 + length);
        frames.push(frame.to_vec());
        bytes = after;
    }
    frames
}

struct Made {
    vault: BackupVault,
    ledger: KnownLedger,
    /// The frames, the last of which is the end.
    frames: Vec<Vec<u8>>,
}

impl Made {
    async fn new() -> Made {
        let master = MasterKey::from_bytes(&[7; 32]).expect("32 bytes");
        let entropy = Arc::new(Counting::default());
        let (vault, keys) = (BackupVault::new(&master, REGISTRY), Vault::new(&master, REGISTRY, entropy.clone()));
        let records = records(&keys);
        let ledger = Ledger { directory: directory(&records), ids: GivenIds::default(), erased_customers: Vec::new() };
        let count = records.len();
        let mut bytes = Vec::new();
        let mut file = BackupFile::begin(&mut bytes, &vault, &*entropy).expect("is written");
        file.put(records).await.expect("is written");
        file.end().expect("is written");
        let frames = frames_of(&bytes[MAGIC.len() + REGISTRY.0.len()..]);
        assert_eq!(frames.len(), count + 1);
        Made { vault, ledger: KnownLedger::from_registry(&ledger), frames }
    }

    /// Whether a backup of these frames is found whole, and whether it is restored.
    async fn is_accepted(&self, frames: &[Vec<u8>]) -> (bool, bool) {
        let bytes = [MAGIC, &REGISTRY.0, &frames.concat()].concat();
        let (target, origin) = (Target::default(), Origin::new(Actor::CommandLine));
        let checked = check(&self.vault, &mut &*bytes);
        let restored = restore(&target, &self.vault, &self.ledger, None, &mut &*bytes, &origin).await;
        assert!(matches!(checked, Ok(()) | Err(BackupError::NotWhole)), "{checked:?}");
        assert_eq!(restored.is_ok(), target.is_finished.load(Ordering::Relaxed));
        (checked.is_ok(), restored.is_ok())
    }
}

#[tokio::test]
async fn a_backup_with_any_frame_removed_repeated_or_moved_is_refused() {
    let made = Made::new().await;
    let whole = &made.frames;
    assert_eq!(made.is_accepted(whole).await, (true, true));
    for at in 0..whole.len() {
        let mut without = whole.clone();
        let frame = without.remove(at);
        assert_eq!(made.is_accepted(&without).await, (false, false), "frame {at} removed");
        for to in 0..=without.len() {
            let mut other = without.clone();
            other.insert(to, frame.clone());
            let expected = to == at;
            assert_eq!(made.is_accepted(&other).await, (expected, expected), "frame {at} moved to {to}");
            let mut other = whole.clone();
            other.insert(to, frame.clone());
            assert_eq!(made.is_accepted(&other).await, (false, false), "frame {at} repeated at {to}");
        }
        let mut cut = whole.clone();
        cut.truncate(at);
        assert_eq!(made.is_accepted(&cut).await, (false, false), "ends before frame {at}");
        cut.extend(whole.last().cloned());
        assert_eq!(made.is_accepted(&cut).await, (at + 1 == whole.len(), at + 1 == whole.len()), "signed before {at}");
    }
}

#[tokio::test]
async fn a_backup_with_any_bit_of_its_signature_altered_is_refused() {
    let made = Made::new().await;
    let end = made.frames.len() - 1;
    assert_eq!((made.frames[end][0], made.frames[end].len()), (END, 5 + 32));
    for bit in 0..made.frames[end].len() * 8 {
        let mut altered = made.frames.clone();
        altered[end][bit / 8] ^= 1 << (bit % 8);
        assert_eq!(made.is_accepted(&altered).await, (false, false), "bit {bit}");
    }
    for more in [vec![0], made.frames[end].clone(), made.frames[0].clone()] {
        let mut longer = made.frames.clone();
        longer.push(more);
        assert_eq!(made.is_accepted(&longer).await, (false, false), "something after the end");
    }
    for length in 0..made.frames[end].len() {
        let mut shorter = made.frames.clone();
        shorter[end].truncate(length);
        assert_eq!(made.is_accepted(&shorter).await, (false, false), "{length} bytes of the signature");
    }
}

#[tokio::test]
async fn a_ledger_is_read_in_its_exact_bytes_only() {
    let master = MasterKey::from_bytes(&[7; 32]).expect("32 bytes");
    let entropy = Arc::new(Counting::default());
    let (vault, keys) = (BackupVault::new(&master, REGISTRY), Vault::new(&master, REGISTRY, entropy.clone()));
    let mut whole = Vec::new();
    let mut file = LedgerFile::begin(&vault, &*entropy, &mut whole).expect("is written");
    file.directory(&directory(&records(&keys)), GivenIds::default()).expect("is written");
    file.erased_customers(&[CustomerId(1), CustomerId(2)]).expect("is written");
    file.end().expect("is written");
    let is_refused = |bytes: &[u8]| match read_ledger(&master, &mut &*bytes) {
        Ok(_) => false,
        Err(BackupError::NotALedger) => true,
        Err(error) => panic!("{error}"),
    };
    assert!(!is_refused(&whole));
    for bit in 0..whole.len() * 8 {
        let mut altered = whole.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(is_refused(&altered), "bit {bit}");
    }
    for length in 0..whole.len() {
        assert!(is_refused(&whole[..length]), "{length} bytes");
    }
    assert!(is_refused(&[&*whole, b"\n"].concat()), "a byte more");
    let (head, frames) = whole.split_at(whole.len() - frames_of(&whole[35..]).concat().len());
    let frames = frames_of(frames);
    assert!(frames.len() > 5);
    for at in 0..frames.len() {
        let mut without = frames.clone();
        let frame = without.remove(at);
        assert!(is_refused(&[head, &without.concat()].concat()), "frame {at} removed");
        for to in 0..=without.len() {
            let mut other = without.clone();
            other.insert(to, frame.clone());
            assert_eq!(is_refused(&[head, &other.concat()].concat()), to != at, "frame {at} moved to {to}");
            other.insert(to, frame.clone());
            assert!(is_refused(&[head, &other.concat()].concat()), "frame {at} repeated at {to}");
        }
    }
}

#[tokio::test]
async fn every_record_is_restored_once_whatever_the_batches() {
    let master = MasterKey::from_bytes(&[7; 32]).expect("32 bytes");
    let entropy = Arc::new(Counting::default());
    let (vault, origin) = (BackupVault::new(&master, REGISTRY), Origin::new(Actor::CommandLine));
    for count in [1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 1] {
        let ids = GivenIds { next_customer: count as u64 + 1, ..GivenIds::default() };
        let mut records = vec![Record::Registry { key_proof: None, ids }];
        records.extend((1..count as u64).map(|id| Record::ErasedCustomer { id }));
        let mut backup = Vec::new();
        let mut file = BackupFile::begin(&mut backup, &vault, &*entropy).expect("is written");
        file.put(records.clone()).await.expect("is written");
        assert_eq!(file.end().expect("is written"), count as u64);
        let target = Target::default();
        let restored = restore(&target, &vault, &KnownLedger::default(), None, &mut &*backup, &origin).await;
        assert_eq!(restored.expect("is restored").records, count as u64);
        assert!(*target.records.lock() == records, "{count} records");
        // What the ledger alone knows follows at the end, and each has an entry besides that of the restore.
        let (known, target) =
            (Ledger { directory: directory(&[]), ids, erased_customers: records_of(count) }, Target::default());
        let known = KnownLedger::from_registry(&known);
        let registry_alone = {
            let mut backup = Vec::new();
            let mut file = BackupFile::begin(&mut backup, &vault, &*entropy).expect("is written");
            file.put(records[..1].to_vec()).await.expect("is written");
            file.end().expect("is written");
            backup
        };
        restore(&target, &vault, &known, None, &mut &*registry_alone, &origin).await.expect("is restored");
        assert!(*target.records.lock() == records, "{count} records of the ledger");
        let entries = target.entries.lock();
        assert_eq!(entries.len(), count);
        for (number, entry) in entries.iter().enumerate().skip(1) {
            assert!(entry.contains(&format!("\"customer:{number}\"")), "{entry}");
        }
    }
}

/// As many erased customers as there are records beside that of the registry.
fn records_of(count: usize) -> Vec<CustomerId> {
    (1..count as u64).map(CustomerId).collect()
}
