//! The files of a registry, and several processes that use them.

use crate::{StoppedClock, open, open_beside, options};
use carnelian_domain::{AccountId, Actor, CustomerId, Origin, Timestamp, UserId};
use carnelian_store::{
    Clock, Conflict, Customers, Directory, EditCustomer, EraseCustomer, Erasures, IdempotencyKey, NewCustomer,
    PartitionId, StoreError, WorkerId, Written,
};
use carnelian_store_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

static ORIGIN: Origin = Origin::new(Actor::Server);

async fn account(store: &SqliteStore) -> AccountId {
    store
        .create_account("acme".into(), std::sync::Arc::new(|_| vec![1]), &ORIGIN)
        .await
        .expect("an account is created")
        .id
}

fn customer(id: u64, account: AccountId, sealed: Vec<u8>) -> NewCustomer {
    let name = format!("Customer {id}");
    NewCustomer { id: CustomerId(id), account, unique_name: name.clone(), name, ship_to_bill_address: false, sealed }
}

async fn exists(store: &SqliteStore, id: u64) -> bool {
    store.customer(CustomerId(id)).await.expect("the store can be read").is_some()
}

#[tokio::test]
async fn expired_idempotency_keys_are_deleted_as_new_ones_are_stored() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = account(&store).await;
    let create = async |id: u64| {
        let key = IdempotencyKey { user: UserId(1), key: format!("key {id}"), fingerprint: vec![7; 32] };
        store.create_customer(customer(id, account, vec![]), &ORIGIN, Some(key)).await.expect("is created");
    };
    for id in 1..=6 {
        create(id).await;
    }
    let beside = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    beside.execute("UPDATE idempotent_write SET at = 0 WHERE customer_id BETWEEN 2 AND 5", []).expect("is written");
    for id in 7..=9 {
        create(id).await;
    }
    let left: Vec<u64> = beside
        .prepare("SELECT customer_id FROM idempotent_write ORDER BY 1")
        .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect())
        .expect("is read");
    assert_eq!(left, [1, 6, 7, 8, 9]);
}

#[tokio::test]
async fn all_data_is_there_after_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(!SqliteStore::exists(directory.path(), |_| {}).expect("can be found out"));
    let store = open(directory.path());
    let account = account(&store).await;
    let ids = store.reserve_customer_ids(PartitionId::FIRST, 10).await.expect("are reserved");
    store.create_customer(customer(ids.first, account, vec![7; 50]), &ORIGIN, None).await.expect("is created");
    let (stored, snapshot) = (store.customer(CustomerId(ids.first)).await, store.directory().await);
    drop(store);

    assert!(SqliteStore::exists(directory.path(), |_| {}).expect("can be found out"));
    let store = open(directory.path());
    assert_eq!(
        store.customer(CustomerId(ids.first)).await.expect("is read"),
        stored.expect("the first store could be read")
    );
    let (before, after) = (snapshot.expect("was read"), store.directory().await.expect("is read"));
    assert_eq!(format!("{after:?}"), format!("{before:?}"));
    assert!(store.reserve_customer_ids(PartitionId::FIRST, 1).await.expect("is reserved").first >= ids.first + 10);
}

#[tokio::test]
async fn taken_and_free_names_stay_so_after_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = account(&store).await;
    for id in 1..=1000 {
        store.create_customer(customer(id, account, vec![]), &ORIGIN, None).await.expect("is created");
    }
    let renamed = NewCustomer { unique_name: "Other".into(), name: "Other".into(), ..customer(1, account, vec![]) };
    let edit = EditCustomer {
        customer: renamed,
        seen_in: account,
        seen_version: 1,
        changed_fields: vec!["name"],
        expected_versions: None,
    };
    store.edit_customer(edit, &ORIGIN, None).await.expect("is renamed");
    drop(store);

    let store = open(directory.path());
    let taken = async |name: &str| {
        let again = NewCustomer { name: name.into(), unique_name: name.into(), ..customer(5000, account, vec![]) };
        matches!(store.create_customer(again, &ORIGIN, None).await, Err(StoreError::Conflict(Conflict::NameTaken)))
    };
    for id in 2..=1000 {
        assert!(taken(&format!("Customer {id}")).await, "{id}");
    }
    assert!(taken("Other").await);
    assert!(!taken("Customer 1").await);
}

/// Reads a customer in a loop until `over` is set.
fn read_until_over(store: &SqliteStore, over: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    while !over.load(Ordering::Relaxed) {
        assert!(runtime.block_on(exists(store, 1)));
    }
}

#[tokio::test]
async fn the_log_restarts_at_its_beginning_under_constant_reading() {
    const CUSTOMER: usize = 400_000;
    const EDITS: usize = 600;
    let directory = tempfile::tempdir().expect("a directory");
    let store = Arc::new(open(directory.path()));
    let account = account(&store).await;
    store.create_customer(customer(1, account, vec![]), &ORIGIN, None).await.expect("is created");
    let over = Arc::new(AtomicBool::new(false));
    let readers = [(); 2].map(|()| {
        let (store, over) = (store.clone(), over.clone());
        thread::spawn(move || read_until_over(&store, &over))
    });
    for edit in 0..EDITS {
        let customer = customer(1, account, vec![edit as u8; CUSTOMER]);
        let (seen_version, changed_fields) = (edit as u64 + 1, vec!["name"]);
        let edit = EditCustomer { customer, seen_in: account, seen_version, changed_fields, expected_versions: None };
        store.edit_customer(edit, &ORIGIN, None).await.expect("is edited");
    }
    over.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().expect("reads to the end"));
    let log = fs::metadata(directory.path().join("carnelian.db-wal")).expect("is there").len();
    let written = (CUSTOMER * EDITS) as u64;
    assert!(log < written / 2, "the log has {log} bytes after {written} were written");
}

/// Whether any file of a registry contains a text.
fn is_in_files(directory: &Path, text: &str) -> bool {
    let files = fs::read_dir(directory).expect("is there").map(|entry| entry.expect("can be listed").path());
    let mut contents = files.filter_map(|path| fs::read(path).ok());
    contents.any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
}

fn erase(id: u64, account: AccountId) -> EraseCustomer {
    EraseCustomer { id: CustomerId(id), seen_in: account, expected_versions: None }
}

#[tokio::test]
async fn erased_data_is_soon_in_no_file_even_without_further_writes() {
    const SECRET: &str = "a-text-that-occurs-nowhere-else";
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = account(&store).await;
    store.create_customer(customer(1, account, SECRET.into()), &ORIGIN, None).await.expect("is created");
    assert!(is_in_files(directory.path(), SECRET));
    // The snapshot that this read leaves on its connection must not keep the data in the log.
    assert!(exists(&store, 1).await);
    store.erase_customer(erase(1, account), &ORIGIN).await.expect("is erased");
    let overwritten = tokio::time::timeout(Duration::from_secs(30), store.purge()).await;
    overwritten.expect("it is overwritten in time").expect("the store works");
    assert!(!is_in_files(directory.path(), SECRET));
}

#[tokio::test]
async fn erased_data_is_in_no_file_after_reopening() {
    const SECRET: &str = "a-text-that-occurs-nowhere-else";
    let (directory, copy) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let store = open(directory.path());
    let account = account(&store).await;
    store.create_customer(customer(1, account, SECRET.into()), &ORIGIN, None).await.expect("is created");
    store.create_customer(customer(2, account, vec![]), &ORIGIN, None).await.expect("is created");
    // A reader keeps the log from being truncated, and the process is killed meanwhile: the files are copied.
    let reader = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM customer").expect("reads");
    store.erase_customer(erase(1, account), &ORIGIN).await.expect("is erased");
    for entry in fs::read_dir(directory.path()).expect("is there") {
        let path = entry.expect("can be listed").path();
        fs::copy(&path, copy.path().join(path.file_name().expect("has a name"))).expect("can be copied");
    }
    assert!(is_in_files(copy.path(), SECRET));
    let reopened = open(copy.path());
    assert!(!is_in_files(copy.path(), SECRET));
    assert_eq!((exists(&reopened, 1).await, exists(&reopened, 2).await), (false, true));
    let again = NewCustomer { id: CustomerId(3), ..customer(1, account, vec![]) };
    reopened.create_customer(again, &ORIGIN, None).await.expect("the name is free");
}

#[tokio::test]
async fn an_erasure_is_taken_over_at_once_after_a_restart_although_its_lease_is_valid() {
    let directory = tempfile::tempdir().expect("a directory");
    let lease = Duration::from_secs(3600);
    let store = open(directory.path());
    account(&store).await;
    let id = store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested").id;
    let claimed = store.claim_erasure(WorkerId([1; 16]), lease).await.expect("the store works");
    assert_eq!(claimed.map(|claimed| claimed.id), Some(id));
    drop(store);

    let reopened = open(directory.path());
    let claimed = reopened.claim_erasure(WorkerId([2; 16]), lease).await.expect("the store works");
    assert_eq!(claimed.map(|claimed| claimed.id), Some(id));
    assert_eq!(reopened.claim_erasure(WorkerId([3; 16]), lease).await.expect("the store works"), None);
}

#[tokio::test]
async fn a_process_that_may_not_write_customers_claims_no_erasure() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_server, command_line) = (open(directory.path()), open_beside(directory.path()));
    account(&command_line).await;
    command_line.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");
    assert!(command_line.claim_erasure(WorkerId([1; 16]), Duration::ZERO).await.is_err());
}

#[tokio::test]
async fn a_write_has_the_time_of_the_clock() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = account(&store).await;
    let written = store.create_customer(customer(1, account, vec![]), &ORIGIN, None).await.expect("is created");
    assert_eq!(written, Written { id: CustomerId(1), account, at: StoppedClock::NOW, version: 1 });
}

/// A clock that a test moves.
#[derive(Default)]
struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test]
async fn an_idempotent_write_is_found_for_a_day() {
    let directory = tempfile::tempdir().expect("a directory");
    let (clock, day) = (Arc::new(ManualClock::default()), IdempotencyKey::KEPT_MILLIS);
    let options = Options { clock: clock.clone(), ..options(directory.path(), true) };
    let store = SqliteStore::open(options).expect("the registry opens");
    let account = account(&store).await;
    let key = IdempotencyKey { user: UserId(1), key: "k".into(), fingerprint: vec![7; 32] };
    let new = customer(1, account, vec![]);
    let written = store.create_customer(new, &ORIGIN, Some(key.clone())).await.expect("is created");
    for (now, found) in [(day - 1, Some(written)), (day, None), (-2 * day, Some(written))] {
        clock.0.store(now, Ordering::Relaxed);
        assert_eq!(store.find_idempotent_write(&key).await.expect("the store can be read"), found, "at {now}");
    }
}

#[tokio::test]
async fn two_processes_on_one_directory_read_each_others_writes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (server, command_line) = (open(directory.path()), open_beside(directory.path()));
    let account = account(&command_line).await;
    assert_eq!(server.directory().await.expect("is read").accounts[0].id, account);

    let serve = async {
        for id in 1..=100 {
            server
                .create_customer(customer(id, account, vec![]), &ORIGIN, None)
                .await
                .expect("the other process ends its transaction in time");
        }
    };
    let administer = async {
        for turn in 0..50 {
            command_line
                .create_group(format!("group {turn}"), &ORIGIN)
                .await
                .expect("the other process ends its transaction in time");
        }
    };
    tokio::join!(serve, administer);
    drop(command_line);
    assert_eq!(server.directory().await.expect("is read").groups.len(), 50);
    for id in 1..=100 {
        assert!(exists(&server, id).await);
    }
    server.create_customer(customer(1000, account, vec![]), &ORIGIN, None).await.expect("the server continues alone");
}

#[tokio::test]
async fn only_one_process_writes_customers() {
    let directory = tempfile::tempdir().expect("a directory");
    let (server, command_line) = (open(directory.path()), open_beside(directory.path()));
    let account = account(&server).await;
    assert!(command_line.create_customer(customer(1, account, vec![]), &ORIGIN, None).await.is_err());
    assert!(!exists(&server, 1).await);
    server.create_customer(customer(1, account, vec![]), &ORIGIN, None).await.expect("is created");
}

#[tokio::test]
async fn many_processes_can_create_and_write_a_new_registry_concurrently() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().expect("a directory");
        let write = &|name: String| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(open_beside(directory.path()).create_group(name, &ORIGIN)).expect("is created");
        };
        std::thread::scope(|scope| {
            for turn in 0..6 {
                scope.spawn(move || write(format!("group {turn}")));
            }
        });
        assert_eq!(open(directory.path()).directory().await.expect("is read").groups.len(), 6);
    }
}

#[tokio::test]
async fn queued_writes_are_done_before_the_store_is_dropped() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = account(&store).await;
    for id in 1..=500 {
        // The first poll queues the write; then the caller stops waiting.
        let mut write = pin!(store.create_customer(customer(id, account, vec![]), &ORIGIN, None));
        let _ = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    drop(store);
    let store = open(directory.path());
    for id in 1..=500 {
        assert!(exists(&store, id).await, "{id}");
    }
}

#[tokio::test]
async fn a_value_that_sqlite_cannot_hold_does_not_stop_the_registry() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = account(&store).await;
    assert!(store.create_customer(customer(1, AccountId(u64::MAX), vec![]), &ORIGIN, None).await.is_err());
    store.create_customer(customer(1, account, vec![]), &ORIGIN, None).await.expect("is created");
}

#[test]
fn a_registry_has_its_application_id() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()));
    // The offset that the file format defines, where programs such as `file` look.
    let file = fs::read(directory.path().join("carnelian.db")).expect("is read");
    assert_eq!(&file[68..72], b"CRNL");
}

#[tokio::test]
async fn the_log_restarts_at_its_beginning_under_sustained_writes() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = account(&store).await;
    let (first, mut written) = (log_restarts(directory.path()), 0);
    // Many times, so that a log that grows a little with every restart is found.
    while log_restarts(directory.path()) < first + 12 {
        let id = store.reserve_customer_ids(PartitionId::FIRST, 1).await.expect("is reserved").first;
        store.create_customer(customer(id, account, vec![0; 1 << 20]), &ORIGIN, None).await.expect("is created");
        assert!(exists(&store, id).await);
        written += 1;
        assert!(written < 2000, "the log has {written} MiB and still grows");
    }
    let log = fs::metadata(log_path(directory.path())).expect("exists").len();
    assert!(log < (written << 20) / 3, "{log} bytes for {written} MiB");
}

fn log_path(directory: &Path) -> PathBuf {
    directory.join("carnelian.db-wal")
}

/// How often the log has restarted: the checkpoint sequence number in its header.
fn log_restarts(directory: &Path) -> u32 {
    let log = fs::File::open(log_path(directory)).expect("exists");
    let mut turn = [0; 4];
    log.read_exact_at(&mut turn, 12).expect("has a header");
    u32::from_be_bytes(turn)
}
