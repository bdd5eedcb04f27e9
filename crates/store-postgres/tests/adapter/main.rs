//! Tests of the adapter on a real server: the contract suite, what a database must be like, and failures.

mod contract;
mod failures;
mod statements;

use carnelian_domain::Timestamp;
use carnelian_store::{Clock, contract::TestKeys};
use carnelian_store_postgres::{Database, Durability, OpenError, Options, PostgresStore, migrate};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A clock whose time of day stands still.
struct StoppedClock;

impl StoppedClock {
    const NOW: Timestamp = Timestamp(1_700_000_000_000);
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        StoppedClock::NOW
    }

    /// Later with each call.
    fn monotonic(&self) -> Duration {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        Duration::from_micros(CALLS.fetch_add(1, Ordering::Relaxed))
    }
}

fn database(url: &str) -> Database {
    Database { url: url.to_owned(), password: None, ca_file: None, durability: Durability::Local }
}

/// Opens the registry in a database that was prepared.
async fn open_in(url: &str) -> Result<PostgresStore, OpenError> {
    let (clock, keys) = (Arc::new(StoppedClock), Arc::new(TestKeys));
    let on_failure = Box::new(|_| {});
    PostgresStore::open(Options { database: database(url), clock, keys, on_failure }).await
}

/// An empty registry in a database of its own.
async fn open() -> (String, PostgresStore) {
    let url = test_postgres::new_database();
    migrate(&database(&url), &TestKeys).await.expect("is prepared");
    let store = open_in(&url).await.expect("the registry opens");
    (url, store)
}
