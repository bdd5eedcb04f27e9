//! Backups that were tampered with.

use super::{BackupError, BackupFile, END, KnownLedger, MAGIC, check, restore};
use crate::vault::{
    BackupVault, MasterKey, Vault,
    tests::{Counting, REGISTRY},
};
use carnelian_domain::{AccountId, AccountState, Actor, Origin};
use carnelian_store::{
    BackupCustomer, Ledger, PartitionId, Record, RecordSink, RegistryId, Restores, Restoring, StoreError,
};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

const PARTITIONS: u16 = 3;

/// Takes every record, and remembers whether it was filled to the end.
#[derive(Default)]
struct Target {
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
    async fn put(&mut self, _: Vec<Record>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn append_audit(&mut self, _: Vec<String>) -> Result<(), StoreError> {
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
    let mut records = vec![Record::Registry { key_proof: None, next_customer_id: 100 }];
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
        let keys = records.iter().filter_map(|record| match record {
            Record::Account { id, wrapped_key, .. } => Some((AccountId(*id), wrapped_key.clone())),
            _ => None,
        });
        let count = records.len();
        let ledger = Ledger { keys: keys.collect(), last_account: u64::from(PARTITIONS), next_customer_id: 100 };
        let mut bytes = Vec::new();
        let mut file = BackupFile::begin(&mut bytes, &vault, &*entropy).expect("is written");
        file.put(records).await.expect("is written");
        file.end().expect("is written");
        let mut rest = &bytes[MAGIC.len() + REGISTRY.0.len()..];
        let mut frames = Vec::new();
        while let Some(length) = rest.get(1..5) {
            let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
            let (frame, after) = rest.split_at(5 + length);
            frames.push(frame.to_vec());
            rest = after;
        }
        assert_eq!(frames.len(), count + 1);
        Made { vault, ledger: KnownLedger { registry: REGISTRY, ledger, erased_customers: HashSet::new() }, frames }
    }

    /// Whether a backup of these frames is found whole, and whether it is restored.
    async fn is_accepted(&self, frames: &[Vec<u8>]) -> (bool, bool) {
        let bytes = [MAGIC, &REGISTRY.0, &frames.concat()].concat();
        let (target, origin) = (Target::default(), Origin::new(Actor::CommandLine));
        let checked = check(&self.vault, &mut &*bytes);
        let restored = restore(&target, &self.vault, &self.ledger, &mut &*bytes, &origin).await;
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
