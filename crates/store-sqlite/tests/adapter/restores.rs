//! A restored registry replaces another one wholly or not at all, wherever it is interrupted.

use crate::{open, open_beside, options};
use carnelian_domain::{AccountState, Actor, CustomerId, Origin};
use carnelian_store::{Customers, Directory, PartitionId};
use carnelian_store_sqlite::{OpenError, Restore, SqliteStore};
use rusqlite::Connection;
use std::{fs, path::Path};
use tempfile::TempDir;

static ORIGIN: Origin = Origin::new(Actor::Server);

const DATABASE: &str = "carnelian.db";
const REPLACED: &str = "carnelian.db.replaced";
const STAGING: &str = "restore.tmp";

/// Makes a registry with one account, which has given so many ids to customers.
async fn make(directory: &Path, account: &str, ids: u64) {
    let store = open(directory);
    store
        .create_account(account.into(), std::sync::Arc::new(|_| vec![1]), &ORIGIN)
        .await
        .expect("an account is created");
    store.reserve_customer_ids(PartitionId::FIRST, ids).await.expect("are reserved");
}

/// A registry with the account `old`.
async fn old() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path(), "old", 500).await;
    directory
}

/// A restore of a registry with the account `restored`, up to its last step.
async fn built(directory: &Path) -> Restore {
    let elsewhere = tempfile::tempdir().expect("a directory");
    make(elsewhere.path(), "restored", 10).await;
    let restore = Restore::begin(directory, true).expect("begins");
    fs::copy(elsewhere.path().join(DATABASE), restore.staging().join(DATABASE)).expect("can be copied");
    restore
}

async fn accounts(store: &SqliteStore) -> Vec<String> {
    store.directory().await.expect("is read").accounts.into_iter().map(|account| account.name).collect()
}

/// Asserts which registry is opened, and that nothing of a restore is left then.
async fn must_be(directory: &Path, account: &str) {
    assert_eq!(accounts(&open(directory)).await, [account]);
    for name in [REPLACED, "carnelian.db.replaced-wal", STAGING] {
        assert!(!directory.join(name).exists(), "{name} is left");
    }
}

/// Leaves the last change of a registry in its log alone, as a killed process does.
fn leave_in_log(directory: &Path, statements: &str) {
    let path = |name: &str| directory.join(name);
    let database = Connection::open(path(DATABASE)).expect("opens");
    database.execute_batch(statements).expect("is written");
    let files = [(DATABASE, "copy"), ("carnelian.db-wal", "copy of the log")];
    for (name, copy) in files {
        fs::copy(path(name), path(copy)).expect("is there");
    }
    drop(database);
    for (name, copy) in files {
        fs::rename(path(copy), path(name)).expect("can be renamed");
    }
}

#[tokio::test]
async fn the_restored_registry_is_opened_and_what_the_old_one_knew_is_told() {
    let directory = old().await;
    let last_change = "UPDATE registry SET next_customer_id = 9000; UPDATE account SET state = 2;
        INSERT INTO erased_customer (id) VALUES (7)";
    leave_in_log(directory.path(), last_change);
    let restore = built(directory.path()).await;
    let known = restore.replaced().expect("it can be read");
    assert_eq!((known.ids.next_customer, known.ids.last_account), (9000, 1));
    assert_eq!(known.directory.accounts[0].state, AccountState::Erased);
    assert_eq!(known.erased_customers, [CustomerId(7)]);
    restore.finish().expect("is restored");
    assert!(!directory.path().join("carnelian.db-wal").exists(), "a log of the old one stands beside the restored one");
    must_be(directory.path(), "restored").await;
}

#[tokio::test]
async fn a_restore_is_refused_while_any_process_has_the_registry_open() {
    let directory = old().await;
    for store in [open(directory.path()), open_beside(directory.path())] {
        let refused = Restore::begin(directory.path(), true).err();
        assert!(matches!(refused, Some(OpenError::Open(_))), "{refused:?}");
        drop(store);
    }
    must_be(directory.path(), "old").await;
}

#[tokio::test]
async fn the_registry_is_not_opened_while_a_restore_runs_and_stays_if_that_is_given_up() {
    let directory = old().await;
    let restore = built(directory.path()).await;
    for serves in [true, false] {
        let refused = SqliteStore::open(options(directory.path(), serves)).err();
        assert!(matches!(refused, Some(OpenError::RestoreRuns(_))), "{refused:?}");
    }
    assert!(matches!(Restore::begin(directory.path(), true).err(), Some(OpenError::Open(_))));
    drop(restore);
    must_be(directory.path(), "old").await;
}

#[tokio::test]
async fn a_registry_that_is_there_is_replaced_only_if_that_is_asked_for() {
    let directory = old().await;
    let refused = Restore::begin(directory.path(), false).err();
    assert!(matches!(refused, Some(OpenError::Exists(_))), "{refused:?}");
    must_be(directory.path(), "old").await;
}

#[tokio::test]
async fn what_a_killed_restore_leaves_is_removed_and_it_can_be_repeated() {
    let directory = old().await;
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path(STAGING)).expect("can be made");
    fs::write(path(STAGING).join(DATABASE), "half a database").expect("can be written");
    fs::hard_link(path(DATABASE), path(REPLACED)).expect("can be linked");
    built(directory.path()).await.finish().expect("is restored");
    must_be(directory.path(), "restored").await;

    fs::create_dir(path(STAGING)).expect("can be made");
    fs::hard_link(path(DATABASE), path(REPLACED)).expect("can be linked");
    must_be(directory.path(), "restored").await;
}

#[tokio::test]
async fn the_old_registry_is_kept_until_the_restored_one_has_been_opened() {
    let directory = old().await;
    built(directory.path()).await.finish().expect("is restored");
    fs::write(directory.path().join(DATABASE), "damaged since").expect("can be written");
    let error = SqliteStore::open(options(directory.path(), true)).err().expect("it is damaged");
    assert!(error.to_string().contains(REPLACED), "{error}");
    let restore = built(directory.path()).await;
    assert_eq!(restore.replaced().expect("the one that was kept").ids.next_customer, 501);
    restore.finish().expect("is restored");
    must_be(directory.path(), "restored").await;
}

#[tokio::test]
async fn a_damaged_registry_can_be_replaced_and_while_it_is_none_is_opened() {
    let directory = old().await;
    fs::write(directory.path().join(DATABASE), vec![7; 8192]).expect("can be written");
    fs::write(directory.path().join("carnelian.db-wal"), vec![7; 100]).expect("can be written");
    built(directory.path()).await.finish().expect("is restored");
    must_be(directory.path(), "restored").await;

    fs::rename(directory.path().join(DATABASE), directory.path().join(REPLACED)).expect("can be renamed");
    let refused = SqliteStore::open(options(directory.path(), true)).err();
    assert!(matches!(refused, Some(OpenError::RestoreInterrupted { .. })), "{refused:?}");
    built(directory.path()).await.finish().expect("is restored");
    must_be(directory.path(), "restored").await;
}

#[tokio::test]
async fn a_registry_of_another_master_key_is_not_replaced() {
    let directory = old().await;
    let prove = |path: &Path, proof: &[u8]| {
        let database = Connection::open(path.join(DATABASE)).expect("opens");
        database.execute("UPDATE registry SET key_proof = ?1", [proof]).expect("is written");
    };
    prove(directory.path(), b"one");
    for (proof, is_same) in [(b"other".as_slice(), false), (b"one", true)] {
        let restore = built(directory.path()).await;
        prove(restore.staging(), proof);
        let finished = restore.finish();
        assert_eq!(matches!(finished, Err(OpenError::OtherRegistry(_))), !is_same, "{finished:?}");
        assert_eq!(finished.is_ok(), is_same);
    }
}
