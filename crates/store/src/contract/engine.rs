//! What an engine says about itself.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{account, customer};
use crate::Store;

pub async fn an_engine_has_a_name_a_version_and_a_schema(store: &dyn Store) {
    let status = store.engine_status().await.expect("the store can be read");
    assert!(!status.name.is_empty(), "{status:?}");
    assert!(status.version.starts_with(|first: char| first.is_ascii_digit()), "{status:?}");
    assert!(status.schema >= 1 && status.data_bytes > 0, "{status:?}");
    assert!(status.writes_waiting <= status.writes_limit && status.writes_limit > 0, "{status:?}");
}

pub async fn a_write_shows_how_long_its_commit_took(store: &dyn Store) {
    let account = account(store, "Acme").await;
    customer(store, account, "First").await;
    let status = store.engine_status().await.expect("the store can be read");
    assert!(status.last_commit.is_some(), "{status:?}");
    assert_eq!(status.writes_waiting, 0, "every write has its reply");
}

pub async fn a_new_registry_is_undamaged(store: &dyn Store) {
    assert_eq!(store.find_damage().await.expect("the store can be read"), Vec::<String>::new());
}
