//! Tests of the adapter on a real server: the contract suite, what a database must be like, and failures.

mod contract;

use carnelian_domain::Timestamp;
use carnelian_store::{Clock, contract::TestKeys};
use carnelian_store_postgres::{Durability, Options, PostgresStore, migrate};
use std::{sync::Arc, time::Duration};

/// A clock that stands still.
struct StoppedClock;

impl StoppedClock {
    const NOW: Timestamp = Timestamp(1_700_000_000_000);
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        StoppedClock::NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn options(url: &str) -> Options {
    Options {
        url: url.to_owned(),
        password: None,
        ca_file: None,
        durability: Durability::Local,
        readers: 2,
        clock: Arc::new(StoppedClock),
        keys: Arc::new(TestKeys),
    }
}

/// An empty registry in a database of its own.
async fn open() -> (String, PostgresStore) {
    let url = test_postgres::new_database();
    let options = options(&url);
    migrate(&options).await.expect("is prepared");
    (url, PostgresStore::open(options).await.expect("the registry opens"))
}
