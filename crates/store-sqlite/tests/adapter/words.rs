//! The index of words on disk: that full blocks are indexed, and what leaves it.

use crate::open;
use carnelian_domain::{AccountId, Actor, CustomerId, Origin, Search};
use carnelian_store::{
    CustomerFilter, Customers, Directory, EditCustomer, EraseCustomer, Erasures, ImportBatch, ImportRow, Imports,
    ListCustomers, NewCustomer,
};
use carnelian_store_sqlite::SqliteStore;
use rusqlite::Connection;
use std::{fs, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

static ORIGIN: Origin = Origin::new(Actor::Server);

/// More than a block, and the ids beyond it after which a block is indexed.
const CUSTOMERS: u64 = 9_400;

/// The ids of a block.
const BLOCK: u64 = 8192;

/// A word of one customer in a block that is indexed.
const SECRET: &str = "zyxwvutsrqponm";

/// The customer that has it.
const SECRETIVE: u64 = 4_711;

fn customer(id: u64, account: AccountId, name: String) -> NewCustomer {
    NewCustomer {
        id: CustomerId(id),
        account,
        unique_name: name.clone(),
        name,
        ship_to_bill_address: false,
        sealed: vec![],
    }
}

fn name(id: u64) -> String {
    if id == SECRETIVE { format!("Customer {SECRET}") } else { format!("Customer n{id}") }
}

fn database(directory: &Path) -> Connection {
    Connection::open(directory.join("carnelian.db")).expect("opens")
}

/// Waits until the first block is indexed.
async fn wait_for_index(directory: &Path) {
    let connection = database(directory);
    let indexed_to = || connection.query_row("SELECT indexed_to FROM registry", [], |row| row.get::<_, u64>(0));
    let is_indexed = async {
        while indexed_to().expect("is read") < BLOCK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_indexed).await.expect("the block is indexed in time");
}

/// A registry whose first block is indexed.
async fn indexed() -> (TempDir, SqliteStore, AccountId) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let account = store.create_account("acme".into(), Arc::new(|_| vec![1]), &ORIGIN).await.expect("is created").id;
    let row = |id| (id, ImportRow::Customer { new: customer(id, account, name(id)), replace: None });
    let batch = ImportBatch { step: None, rows: (1..=CUSTOMERS).map(row).collect() };
    for outcome in store.import_customers(batch, &ORIGIN).await.expect("are imported") {
        outcome.expect("is created");
    }
    wait_for_index(directory.path()).await;
    (directory, store, account)
}

async fn found(store: &SqliteStore, words: &str) -> Vec<u64> {
    let filter = CustomerFilter { search: Search::parse(words), ..CustomerFilter::default() };
    let list = ListCustomers { filter, after: CustomerId(0), skip: 0, limit: 10 };
    store.list_customers(&list).await.expect("the store can be read").into_iter().map(|(id, _)| id.0).collect()
}

/// How many rows of the index match a condition.
fn rows(directory: &Path, condition: &str) -> u64 {
    let count = format!("SELECT count(*) FROM customer_word WHERE {condition}");
    database(directory).query_row(&count, [], |row| row.get(0)).expect("is counted")
}

fn is_in_files(directory: &Path, text: &str) -> bool {
    let files = fs::read_dir(directory).expect("is there").map(|entry| entry.expect("can be listed").path());
    let mut contents = files.filter_map(|path| fs::read(path).ok());
    contents.any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[tokio::test]
async fn a_full_block_is_indexed_and_its_customers_are_found_also_after_reopening() {
    let (directory, store, _) = indexed().await;
    assert_eq!(rows(directory.path(), "block = 0"), 2 * (BLOCK - 1));
    assert_eq!(rows(directory.path(), "block > 0"), 0);
    assert_eq!(found(&store, "customer n8191").await, [8191]);
    drop(store);
    let store = open(directory.path());
    assert_eq!(found(&store, "customer n8191").await, [8191]);
    assert_eq!(found(&store, "customer n8192").await, [8192]);
    assert_eq!(found(&store, SECRET).await, [SECRETIVE]);
    assert_eq!(found(&store, "cust").await, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_erased_or_renamed_customer_leaves_no_word_in_the_files() {
    for is_renamed in [true, false] {
        let (directory, store, account) = indexed().await;
        assert!(is_in_files(directory.path(), SECRET));
        if is_renamed {
            let edit = EditCustomer {
                customer: customer(SECRETIVE, account, "Another".into()),
                seen_in: account,
                seen_version: 1,
                changed_fields: vec!["name"],
                expected_versions: None,
            };
            store.edit_customer(edit, &ORIGIN, None).await.expect("is renamed");
            assert_eq!(found(&store, "another").await, [SECRETIVE]);
        }
        let erase = EraseCustomer { id: CustomerId(SECRETIVE), seen_in: account, expected_versions: None };
        store.erase_customer(erase, &ORIGIN).await.expect("is erased");
        assert_eq!(rows(directory.path(), &format!("customer_id = {SECRETIVE}")), 0);
        store.purge().await.expect("is overwritten");
        assert!(!is_in_files(directory.path(), SECRET));
    }
}

#[tokio::test]
async fn words_of_a_block_that_was_not_finished_are_removed_when_the_registry_is_opened() {
    let (directory, store, _) = indexed().await;
    drop(store);
    let left = format!("INSERT INTO customer_word VALUES (1, 'left', {})", BLOCK + 1);
    database(directory.path()).execute(&left, []).expect("is written");
    let store = open(directory.path());
    assert_eq!(rows(directory.path(), "word = 'left'"), 0);
    assert!(found(&store, "left").await.is_empty());
}
