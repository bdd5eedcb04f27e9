//! A restored registry takes its place, whoever has the old one open and wherever it is cut short.

use crate::{open, open_beside, options};
use carnelian_domain::{Actor, CustomerId, Origin};
use carnelian_store::{Customers, Directory, StoreError};
use carnelian_store_sqlite::{Claim, OpenError, SqliteStore, Staging, decide, take_back};
use rusqlite::Connection;
use std::{fs, path::Path};
use tempfile::TempDir;

const ORIGIN: Origin = Origin { actor: Actor::Server, address: None, request_id: None, reason: None };

/// What the files are called in whose names the state of a restore shows.
const DATABASE: &str = "carnelian.db";
const RESTORED: &str = "carnelian.db.restored";
const REPLACED: &str = "carnelian.db.replaced";

/// Makes a registry with one account, which has given so many ids to customers.
async fn make(directory: &Path, account: &str, ids: u64) {
    let store = open(directory);
    store.create_account(account.into(), Box::new(|_| vec![1]), &ORIGIN).await.expect("an account is created");
    store.reserve_customer_ids(ids).await.expect("are reserved");
}

/// A registry to restore, made elsewhere, as the database in a folder for that.
async fn staged(directory: &Path) -> Staging {
    let elsewhere = tempfile::tempdir().expect("a directory");
    make(elsewhere.path(), "restored", 10).await;
    let staging = Staging::make(directory).expect("a folder is made");
    fs::copy(elsewhere.path().join(DATABASE), staging.path().join(DATABASE)).expect("can be copied");
    staging
}

/// A registry, and the decision for another one in its place.
async fn decided() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path(), "old", 500).await;
    decide(staged(directory.path()).await, directory.path(), true).expect("is decided");
    directory
}

async fn accounts(store: &SqliteStore) -> Vec<String> {
    store.directory().await.expect("is read").accounts.into_iter().map(|account| account.name).collect()
}

/// Asserts that the next to open the registry opens the restored one, and that nothing of the way there is left.
async fn must_be_restored(directory: &Path) {
    let store = open(directory);
    assert_eq!(accounts(&store).await, ["restored"]);
    for name in [RESTORED, REPLACED, "carnelian.db.replaced-wal", "restore.1"] {
        assert!(!directory.join(name).exists(), "{name} is left");
    }
}

fn is_waiting<T>(opened: Result<T, OpenError>) -> bool {
    matches!(opened, Err(OpenError::RestoreWaits(_)))
}

#[tokio::test]
async fn whoever_opens_next_opens_the_restored_one_and_no_id_is_given_again() {
    let directory = decided().await;
    must_be_restored(directory.path()).await;
    let next = open(directory.path()).reserve_customer_ids(1).await.expect("is reserved").start;
    assert!(next > 500, "{next} was given before");
}

#[tokio::test]
async fn a_restore_waits_for_whoever_has_the_old_one_open() {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path(), "old", 1).await;
    let staging = staged(directory.path()).await;
    let command = open_beside(directory.path());
    decide(staging, directory.path(), true).expect("is decided");
    assert!(is_waiting(SqliteStore::open(options(directory.path(), true))));
    assert!(is_waiting(SqliteStore::open(options(directory.path(), false))));
    command.create_group("late".into(), &ORIGIN).await.expect("whoever has it open goes on");
    drop(command);
    must_be_restored(directory.path()).await;
}

#[tokio::test]
async fn a_restored_one_follows_one_that_is_open_once_nobody_else_has_it_open() {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path(), "old", 1).await;
    let staging = staged(directory.path()).await;
    let (server, command) = (open(directory.path()), open_beside(directory.path()));
    decide(staging, directory.path(), true).expect("is decided");
    assert!(server.succession().expect("can be asked").is_none(), "a command has it open");
    assert!(is_waiting(Claim::take(directory.path(), false)), "nobody opens the old one any more");
    drop(command);
    let succession = server.succession().expect("can be asked").expect("nobody has it open");
    let claim = server.close(succession).expect("it was open");
    for refused in [server.customer(CustomerId(1)).await.err(), server.reserve_customer_ids(1).await.err()] {
        assert!(matches!(refused, Some(StoreError::Unavailable(_))), "the old one goes on: {refused:?}");
    }
    let next = SqliteStore::open_claimed(options(directory.path(), true), claim).expect("opens");
    assert_eq!(accounts(&next).await, ["restored"]);
    assert_eq!(accounts(&open_beside(directory.path())).await, ["restored"]);
    assert!(matches!(Claim::take(directory.path(), true), Err(OpenError::InUse(_))), "it is not served any more");
    drop(next);
    must_be_restored(directory.path()).await;
}

#[tokio::test]
async fn a_restore_that_was_cut_short_anywhere_goes_on() {
    // Everything that may have been done of it: moving the database aside, and its log before or after.
    let states: [&[&str]; 4] = [&[], &["-wal"], &[""], &["-wal", ""]];
    for moved in states {
        let directory = decided().await;
        let path = |name: &str| directory.path().join(name);
        // What the old one has done last is in its log alone, as after a kill.
        let old = Connection::open(path(DATABASE)).expect("opens");
        old.execute_batch("UPDATE registry SET next_customer_id = 9000; UPDATE account SET name = 'changed'")
            .expect("is written");
        for (name, copy) in [(DATABASE, "copy"), ("carnelian.db-wal", "copy of the log")] {
            fs::copy(path(name), path(copy)).expect("is there");
        }
        drop(old);
        for (name, copy) in [(DATABASE, "copy"), ("carnelian.db-wal", "copy of the log")] {
            fs::rename(path(copy), path(name)).expect("can be renamed");
        }
        for end in moved {
            let path = |name: &str| path(&format!("{name}{end}"));
            fs::rename(path(DATABASE), path(REPLACED)).expect("can be renamed");
        }
        must_be_restored(directory.path()).await;
        let next = open(directory.path()).reserve_customer_ids(1).await.expect("is reserved").start;
        assert!(next >= 9000, "moved {moved:?}: {next} was given before");
    }
}

#[tokio::test]
async fn one_that_was_put_in_its_place_and_never_opened_is_opened_or_replaced_and_the_one_before_is_kept() {
    let directory = decided().await;
    fs::rename(directory.path().join(DATABASE), directory.path().join(REPLACED)).expect("can be renamed");
    fs::write(directory.path().join(DATABASE), "no database at all, for once").expect("can be written");
    decide_again_after_damage(directory.path()).await;
    must_be_restored(directory.path()).await;
    assert!(open(directory.path()).reserve_customer_ids(1).await.expect("is reserved").start > 500);
}

/// Asserts that what cannot be opened takes nothing with it, and decides for a registry that can.
async fn decide_again_after_damage(directory: &Path) {
    fs::remove_file(directory.join(RESTORED)).expect("is there");
    let error = SqliteStore::open(options(directory, true)).err().expect("it is damaged");
    assert!(error.to_string().contains(REPLACED), "{error}");
    assert!(directory.join(REPLACED).exists());
    decide(staged(directory).await, directory, true).expect("is decided");
}

#[tokio::test]
async fn a_damaged_registry_can_be_replaced() {
    let directory = decided().await;
    fs::write(directory.path().join(DATABASE), vec![7; 8192]).expect("can be written");
    must_be_restored(directory.path()).await;
}

#[tokio::test]
async fn a_decision_can_be_taken_back_until_it_is_carried_out_and_there_is_one_at_a_time() {
    let directory = decided().await;
    assert!(is_waiting(decide(staged(directory.path()).await, directory.path(), true)));
    assert!(take_back(directory.path()).expect("works"));
    assert!(!take_back(directory.path()).expect("works"));
    let unasked = decide(staged(directory.path()).await, directory.path(), false);
    assert!(matches!(unasked, Err(OpenError::Exists(_))), "{unasked:?}");
    assert_eq!(accounts(&open(directory.path())).await, ["old"]);
    decide(staged(directory.path()).await, directory.path(), true).expect("is decided");
    fs::rename(directory.path().join(DATABASE), directory.path().join(REPLACED)).expect("can be renamed");
    assert!(!take_back(directory.path()).expect("works"), "it has begun");
    must_be_restored(directory.path()).await;
}

#[tokio::test]
async fn a_registry_of_another_master_key_takes_no_place() {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path(), "old", 1).await;
    let prove = |path: &Path, proof: &[u8]| {
        let database = Connection::open(path.join(DATABASE)).expect("opens");
        database.execute("UPDATE registry SET key_proof = ?1", [proof]).expect("is written");
    };
    prove(directory.path(), b"one");
    for (proof, is_same) in [(b"other".as_slice(), false), (b"one", true)] {
        let staging = staged(directory.path()).await;
        prove(staging.path(), proof);
        let decided = decide(staging, directory.path(), true);
        assert_eq!(matches!(decided, Err(OpenError::OtherKey(_))), !is_same, "{decided:?}");
        assert_eq!(decided.is_ok(), is_same);
    }
}

#[tokio::test]
async fn nobody_comes_back_who_was_erased_in_the_registry_that_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path(), "old", 1).await;
    let erase = |path: &Path| {
        let database = Connection::open(path.join(DATABASE)).expect("opens");
        database.execute("UPDATE account SET state = 2", []).expect("is written");
    };
    erase(directory.path());
    let refused = decide(staged(directory.path()).await, directory.path(), true);
    assert!(matches!(refused, Err(OpenError::ErasedSince { accounts: 1, customers: 0, .. })), "{refused:?}");
    let staging = staged(directory.path()).await;
    erase(staging.path());
    decide(staging, directory.path(), true).expect("the account is erased in what is restored as well");

    // Too late to be refused: it is logged, and stands in nobody's way.
    let directory = decided().await;
    erase(directory.path());
    must_be_restored(directory.path()).await;
}

#[test]
fn folders_that_nobody_works_in_any_more_are_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let one = Staging::make(directory.path()).expect("is made");
    fs::create_dir(directory.path().join("restore.7")).expect("as a killed restore leaves one");
    let other = Staging::make(directory.path()).expect("is made");
    assert!(!directory.path().join("restore.7").exists());
    assert!(one.path().is_dir() && other.path().is_dir() && one.path() != other.path());
}
