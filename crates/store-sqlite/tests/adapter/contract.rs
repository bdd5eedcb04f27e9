//! The contract suite on a registry in a fresh directory.

use carnelian_store_sqlite::SqliteStore;
use tempfile::TempDir;

async fn open() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = crate::open(directory.path());
    (directory, store)
}

carnelian_store::contract_tests!(open);
