//! Tests of the adapter on real files: the contract suite, files and other processes, restores.

mod contract;
mod files;
mod restores;
mod words;

use carnelian_domain::Timestamp;
use carnelian_store::{Clock, contract::TestKeys};
use carnelian_store_sqlite::{Options, SqliteStore};
use std::{path::Path, sync::Arc, time::Duration};

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

/// Opens a registry as a server does.
fn open(directory: &Path) -> SqliteStore {
    open_for(directory, true)
}

/// Opens a registry as the command line does, also while a server runs.
fn open_beside(directory: &Path) -> SqliteStore {
    open_for(directory, false)
}

fn open_for(directory: &Path, writes_customers: bool) -> SqliteStore {
    SqliteStore::open(options(directory, writes_customers)).expect("the registry opens")
}

fn options(directory: &Path, writes_customers: bool) -> Options {
    Options {
        directory: directory.to_owned(),
        readers: 2,
        writes_customers,
        clock: Arc::new(StoppedClock),
        keys: Arc::new(TestKeys),
        on_wait: |_| {},
        on_failure: Box::new(|detail| panic!("the store failed: {detail}")),
    }
}
