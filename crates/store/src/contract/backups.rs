//! Backups, and restores of them into another registry, which may be of another engine.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, TestChain, TestKeys, account, conflict, customer, draft, edit, read};
use crate::{
    AuditHead, BackupCustomer, BackupKey, BackupUser, Conflict, CustomerFilter, EraseCustomer, GivenIds, KeyKind,
    ListCustomers, NewKey, NewUser, PartitionId, Record, RecordSink, RegistryId, RegistryKeys, SettingRecord, Store,
    StoreError,
};
use carnelian_domain::{AccountState, CustomerId, Role, Timestamp};

/// Keeps every record.
#[derive(Default)]
struct Kept(Vec<Record>);

#[async_trait::async_trait]
impl RecordSink for Kept {
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        self.0.extend(records);
        Ok(())
    }
}

/// Creates a customer in the registry that is backed up when the first records come, and keeps them.
struct Meddling<'a> {
    store: &'a dyn Store,
    kept: Kept,
}

#[async_trait::async_trait]
impl RecordSink for Meddling<'_> {
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        if self.kept.0.is_empty() {
            let acme = account(self.store, "made during the backup").await;
            customer(self.store, acme, "made during the backup").await;
        }
        self.kept.put(records).await
    }
}

/// Takes no records.
struct Full;

#[async_trait::async_trait]
impl RecordSink for Full {
    async fn put(&mut self, _: Vec<Record>) -> Result<(), StoreError> {
        Err(StoreError::unavailable("the disk is full"))
    }
}

/// A registry with something of everything.
async fn fill(store: &dyn Store) {
    store.key_proof(b"proof".to_vec()).await.expect("is stored");
    let (acme, _) = (account(store, "acme").await, account(store, "other").await);
    store.create_group("west".into(), &ORIGIN).await.expect("a group is created");
    store.add_to_group("west".into(), "acme".into(), &ORIGIN).await.expect("is added");
    let new =
        NewUser { name: "ann".into(), account: "acme".into(), group: Some("west".into()), role: Role::AccountAdmin };
    store.create_user(new, &ORIGIN).await.expect("a user is created");
    let new = NewKey {
        key_id: "k1".into(),
        user: "ann".into(),
        digest: b"digest".to_vec(),
        kind: KeyKind::Imported,
        label: Some("laptop".into()),
        expires_at: Some(Timestamp(1_900_000_000_000)),
        allowed: vec!["10.0.0.0/8".parse().expect("a range"), "::1".parse().expect("an address")],
    };
    store.add_key(new, &ORIGIN).await.expect("a key is added");
    store.note_key_uses(vec![("k1".into(), Timestamp(1_600_000_000_000))]).await.expect("is noted");
    let setting = SettingRecord { name: "listen".into(), digest: b"now".to_vec(), default: b"default".to_vec() };
    store.note_settings(vec![setting], &ORIGIN).await.expect("are noted");
    let mut first = customer(store, acme, "First").await;
    for number in 0..1500 {
        customer(store, acme, &format!("Customer {number}")).await;
    }
    let gone = customer(store, acme, "Gone").await;
    let erase = EraseCustomer { id: gone.id, seen_in: acme, expected_versions: None };
    store.erase_customer(erase, &ORIGIN).await.expect("is erased");
    (first.name, first.unique_name, first.ship_to_bill_address) = (" Edited".into(), "Edited".into(), true);
    store.edit_customer(edit(&first), &ORIGIN, None).await.expect("is edited");
    store.request_erasure("other".into(), 1000, &ORIGIN).await.expect("is requested");
}

async fn back_up(store: &dyn Store) -> Vec<Record> {
    let mut kept = Kept::default();
    store.back_up(&mut kept).await.expect("is backed up");
    kept.0
}

async fn restore(store: &dyn Store, id: RegistryId, records: &[Record]) {
    let mut restoring = store.begin_restore(id).await.expect("begins");
    for records in records.chunks(700) {
        restoring.put(records.to_vec()).await.expect("is stored");
    }
    restoring.finish().await.expect("is finished");
}

/// Everything that a registry shows.
async fn shown(store: &dyn Store) -> String {
    let directory = store.directory().await.expect("is read");
    let list = ListCustomers { filter: CustomerFilter::default(), after: CustomerId(0), skip: 0, limit: 10_000 };
    let customers = store.list_customers(&list).await.expect("are listed");
    assert!(customers.len() > 1500);
    let erasures = store.erasures().await.expect("are read");
    let erased = store.erased_customers(CustomerId(0), 10).await.expect("are read");
    let entries = store.audit_entries(PartitionId::FIRST, 0, 10_000).await;
    let (accounts, groups, users, keys) = (directory.accounts, directory.groups, directory.users, directory.keys);
    format!(
        "{accounts:#?} {groups:#?} {users:#?} {keys:#?} {customers:#?} {erasures:#?} {erased:#?} {:#?}",
        entries.expect("are read")
    )
}

async fn id_of(store: &dyn Store) -> RegistryId {
    store.registry_id().await.expect("a registry has an id")
}

pub async fn a_restored_registry_has_the_id_and_the_keys_of_the_first_one(source: &dyn Store, target: &dyn Store) {
    fill(source).await;
    let (id, records) = (id_of(source).await, back_up(source).await);
    assert_ne!(id_of(target).await, id, "each registry has an id of its own");
    restore(target, id, &records).await;
    assert_eq!(id_of(target).await, id);
    let directory = target.directory().await.expect("is read");
    assert_eq!(directory.check(&*TestKeys.directory_key(id)), Ok(()));
    target.append_audit(PartitionId::FIRST, vec!["{}".into()]).await.expect("is appended");
    let log = target.audit_entries(PartitionId::FIRST, 0, 10_000).await.expect("are read");
    let (mut head, chain) = (AuditHead::empty(PartitionId::FIRST), super::test_chain(source).await);
    for stored in &log {
        head.append(&chain, stored.at, &stored.entry);
        assert_eq!(stored.link, head.link, "entry {}", stored.sequence);
    }
    assert_eq!(target.audit_ends().await.expect("are read")[0], head.end(&chain, &directory.newest));
}

pub async fn a_restored_registry_shows_what_the_first_one_shows(source: &dyn Store, target: &dyn Store) {
    fill(source).await;
    let records = back_up(source).await;
    restore(target, id_of(source).await, &records).await;
    let (expected, found) = (shown(source).await, shown(target).await);
    assert!(expected == found, "{:?}", expected.lines().zip(found.lines()).find(|(one, other)| one != other));
    assert_eq!(source.given_ids().await.expect("is read"), target.given_ids().await.expect("is read"));
    assert_eq!(target.key_proof(b"another".to_vec()).await.expect("is read"), b"proof", "the master key is known");
    let again = without_seal(&back_up(target).await);
    assert!(again == without_seal(&records), "a backup of it is the same backup, but for the directory that it names");
}

pub async fn a_restored_registry_takes_writes_and_gives_no_id_twice(source: &dyn Store, target: &dyn Store) {
    fill(source).await;
    let lost = source.reserve_customer_ids(PartitionId::FIRST, 100).await.expect("are reserved");
    let records = back_up(source).await;
    restore(target, id_of(source).await, &records).await;
    assert!(
        target.reserve_customer_ids(PartitionId::FIRST, 1).await.expect("is reserved").first
            >= lost.first + lost.count * lost.step
    );
    let directory = source.directory().await.expect("is read");
    assert!(account(target, "new").await > directory.accounts.last().expect("there are accounts").id);
    let new = NewUser { name: "new".into(), account: "acme".into(), group: None, role: Role::AccountAdmin };
    let user = target.create_user(new, &ORIGIN).await.expect("a user is created");
    assert!(user.id > directory.users.last().expect("there are users").id);
    let acme = directory.accounts[0].id;
    let taken = draft(target, acme, "Edited").await;
    assert_eq!(conflict(target.create_customer(taken, &ORIGIN, None).await), Conflict::NameTaken);
    let created = customer(target, acme, "First").await;
    assert_eq!(read(target, created.id).await.name, "First", "a name that an edit has freed");
}

pub async fn ids_that_were_given_elsewhere_are_not_given_again(source: &dyn Store, target: &dyn Store) {
    fill(source).await;
    let given = source.given_ids().await.expect("are read");
    let directory = source.directory().await.expect("is read");
    let erasure = source.erasures().await.expect("are read").pop().expect("there is one").id;
    assert!(directory.accounts.iter().all(|account| account.id.0 <= given.last_account));
    assert!(directory.groups.iter().all(|group| group.id.0 <= given.last_group));
    assert!(directory.users.iter().all(|user| user.id.0 <= given.last_user));
    assert!(erasure.0 <= given.last_erasure && given.next_customer > 1500);
    let more = GivenIds { next_customer: 90_000, last_account: 70, last_group: 71, last_user: 72, last_erasure: 73 };
    let mut records = back_up(source).await;
    for record in &mut records {
        if let Record::Registry { ids, .. } = record {
            assert_eq!(*ids, given);
            *ids = more;
        }
    }
    restore(target, id_of(source).await, &records).await;
    assert_eq!(target.given_ids().await.expect("are read"), more);
    assert!(target.reserve_customer_ids(PartitionId::FIRST, 1).await.expect("is reserved").first >= 90_000);
    let account = account(target, "new").await.0;
    let group = target.create_group("new".into(), &ORIGIN).await.expect("is created").id.0;
    let new = NewUser { name: "new".into(), account: "new".into(), group: None, role: Role::AccountAdmin };
    let user = target.create_user(new, &ORIGIN).await.expect("is created").id.0;
    let erasure = target.request_erasure("new".into(), 1000, &ORIGIN).await.expect("is requested").id.0;
    assert!(account > 70 && group > 71 && user > 72 && erasure > 73, "{account} {group} {user} {erasure}");
    let given = target.given_ids().await.expect("are read");
    assert!(given.last_account >= account && given.last_group >= group, "{given:?}");
    assert!(given.last_user >= user && given.last_erasure >= erasure, "{given:?}");
}

pub async fn entries_of_a_restore_continue_the_audit_log(source: &dyn Store, target: &dyn Store) {
    fill(source).await;
    let records = back_up(source).await;
    let mut restoring = target.begin_restore(id_of(source).await).await.expect("begins");
    restoring.put(records).await.expect("is stored");
    restoring.append_audit(vec!["{\"action\":\"restore\",\"actor\":\"server\"}".into()]).await.expect("is appended");
    restoring.finish().await.expect("is finished");
    let end = source.audit_ends().await.expect("are read")[0].sequence;
    let entry = "{\"action\":\"restore\",\"actor\":\"server\"}".to_owned();
    source.append_audit(PartitionId::FIRST, vec![entry]).await.expect("is appended");
    let last = async |store: &dyn Store| store.audit_entries(PartitionId::FIRST, end, 10).await.expect("are read");
    assert_eq!(last(target).await, last(source).await, "the same link as without a restore");
    let sequence = async |store: &dyn Store| store.audit_ends().await.expect("are read")[0].sequence;
    assert_eq!(sequence(target).await, sequence(source).await);
}

pub async fn a_registry_that_was_used_is_not_restored_into(source: &dyn Store, target: &dyn Store) {
    for _ in 0..2 {
        drop(source.begin_restore(RegistryId([7; 16])).await.expect("nothing was restored yet"));
    }
    account(target, "acme").await;
    assert_eq!(conflict(target.begin_restore(RegistryId([7; 16])).await.map(drop)), Conflict::NotEmpty);
}

pub async fn a_backup_is_of_one_moment_while_others_write(source: &dyn Store, _: &dyn Store) {
    fill(source).await;
    let before = back_up(source).await;
    let mut meddling = Meddling { store: source, kept: Kept::default() };
    source.back_up(&mut meddling).await.expect("is backed up");
    assert_eq!(meddling.kept.0.len(), before.len());
    assert_eq!(meddling.kept.0, before);
}

pub async fn a_backup_ends_with_the_error_of_its_receiver(source: &dyn Store, _: &dyn Store) {
    fill(source).await;
    let error = source.back_up(&mut Full).await.expect_err("nothing is taken");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(back_up(source).await.len() > 1500, "the store continues");
}

/// The registry whose records [`records`] are.
const RESTORED: RegistryId = RegistryId([7; 16]);

/// The records of a backup but for the seal of the audit log's end, which names the directory of one registry.
fn without_seal(records: &[Record]) -> Vec<Record> {
    let unsealed = |record: &Record| match record {
        Record::AuditEnd { partition, sequence, .. } => {
            Record::AuditEnd { partition: *partition, sequence: *sequence, seal: Vec::new() }
        }
        record => record.clone(),
    };
    records.iter().map(unsealed).collect()
}

/// The records of a registry with this many accounts, users, keys, erased customers, entries of the audit log, and
/// customers.
fn records([accounts, users, keys, erased, entries, customers]: [u64; 6]) -> Vec<Record> {
    let ids =
        GivenIds { next_customer: 1_000_000, last_account: accounts, last_group: 0, last_user: users, last_erasure: 0 };
    let mut records = vec![Record::Registry { key_proof: Some(b"proof".to_vec()), ids }];
    records.extend((1..=accounts).map(|id| Record::Account {
        id,
        name: format!("account {id}"),
        state: AccountState::Active,
        created_at: 1,
        wrapped_key: b"wrapped".to_vec(),
    }));
    records.extend((1..=users).map(|id| {
        let (name, role) = (Some(format!("user {id}")), Role::AccountAdmin);
        Record::User(BackupUser { id, name, account: 1, group: None, role, enabled: true, created_at: 1 })
    }));
    records.extend((1..=keys).map(|id| {
        Record::Key(BackupKey {
            key_id: format!("key{id}"),
            user: 1,
            account: 1,
            digest: id.to_be_bytes().to_vec(),
            imported: false,
            label: None,
            created_at: 1,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            allowed: None,
        })
    }));
    records.extend((1..=erased).map(|id| Record::ErasedCustomer { id }));
    let partition = PartitionId::FIRST;
    records.extend((1..=entries).map(|sequence| {
        let (entry, link) = (format!("{{\"actor\":\"{sequence}\"}}"), vec![1; 32]);
        Record::AuditEntry { partition, sequence, at: 1, entry, link }
    }));
    let head = AuditHead { partition, sequence: entries, link: [1; 32] };
    let seal = head.end(&TestChain(RESTORED), &[0; 32]).seal.to_vec();
    records.push(Record::AuditEnd { partition, sequence: entries, seal });
    records.extend((1..=customers).map(|number| {
        Record::Customer(BackupCustomer {
            id: 500_000 + number,
            account: 1,
            name: format!("Customer {number}"),
            unique_name: format!("Customer {number}"),
            version: 1,
            ship_to_bill_address: false,
            created_at: 1,
            modified_at: 1,
            sealed: Vec::new(),
        })
    }));
    records
}

pub async fn a_backup_and_a_restore_are_whole_wherever_their_pages_end(source: &dyn Store, target: &dyn Store) {
    // Each kind of record fills whole pages in one registry, and one more record follows them in the other one.
    let counts = [[1000, 2001, 1000, 2000, 1001, 1000], [1001, 1000, 2001, 1001, 1000, 2001]];
    for (store, counts) in [(source, counts[0]), (target, counts[1])] {
        let records = records(counts);
        let mut restoring = store.begin_restore(RESTORED).await.expect("begins");
        let (mut rest, mut sizes) = (&records[..], [499, 500, 501, 1000, 1001].iter().cycle());
        while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
            let (put, after) = rest.split_at(rest.len().min(*size));
            restoring.put(put.to_vec()).await.expect("is stored");
            rest = after;
        }
        restoring.finish().await.expect("is finished");
        let (records, backup) = (without_seal(&records), without_seal(&back_up(store).await));
        let difference = records.iter().zip(&backup).find(|(expected, found)| expected != found);
        assert!(difference.is_none() && records.len() == backup.len(), "{} records, {difference:?}", backup.len());
        let directory = store.directory().await.expect("is read");
        assert_eq!(
            [directory.accounts.len(), directory.users.len(), directory.keys.len()].map(|n| n as u64),
            counts[..3]
        );
        for limit in [counts[3] - 1, counts[3], counts[3] + 1] {
            let erased = store.erased_customers(CustomerId(0), limit as usize).await.expect("are read");
            assert!(erased.iter().map(|id| id.0).eq(1..=limit.min(counts[3])), "{limit}");
            let rest = store.erased_customers(CustomerId(limit), 10).await.expect("are read");
            assert!(rest.iter().map(|id| id.0).eq(limit + 1..=counts[3]), "{limit}");
        }
        for limit in [counts[4] - 1, counts[4], counts[4] + 1] {
            let read =
                async |after, limit| store.audit_entries(PartitionId::FIRST, after, limit).await.expect("are read");
            let numbers = read(0, limit as usize).await.into_iter().map(|entry| entry.sequence);
            assert!(numbers.eq(1..=limit.min(counts[4])), "{limit}");
            assert!(read(limit, 10).await.into_iter().map(|entry| entry.sequence).eq(limit + 1..=counts[4]), "{limit}");
        }
    }
}
