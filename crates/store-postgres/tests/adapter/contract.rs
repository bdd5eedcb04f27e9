//! The contract suite on a database of its own for each case, and backups of one engine that are restored into another.

use crate::open;

carnelian_store::contract_tests!(open);

/// Registries of the embedded engine, so that backups of one engine are restored into the other.
mod between_engines {
    use crate::{StoppedClock, open};
    use carnelian_store::contract::TestKeys;
    use carnelian_store_sqlite::{Options, SqliteStore};
    use std::sync::Arc;
    use tempfile::TempDir;

    async fn open_sqlite() -> (TempDir, SqliteStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let options = Options {
            directory: directory.path().to_owned(),
            readers: 2,
            writes_customers: true,
            clock: Arc::new(StoppedClock),
            keys: Arc::new(TestKeys),
            on_wait: |_| {},
            on_failure: Box::new(|detail| panic!("the store failed: {detail}")),
        };
        (directory, SqliteStore::open(options).expect("the registry opens"))
    }

    mod from_sqlite {
        use super::{open, open_sqlite};
        carnelian_store::backup_contract_tests! { open_sqlite, open:
            a_restored_registry_has_the_id_and_the_keys_of_the_first_one
            a_restored_registry_shows_what_the_first_one_shows
            a_restored_registry_takes_writes_and_gives_no_id_twice
            ids_that_were_given_elsewhere_are_not_given_again
            entries_of_a_restore_continue_the_audit_log
        }
    }

    mod to_sqlite {
        use super::{open, open_sqlite};
        carnelian_store::backup_contract_tests! { open, open_sqlite:
            a_restored_registry_has_the_id_and_the_keys_of_the_first_one
            a_restored_registry_shows_what_the_first_one_shows
            a_restored_registry_takes_writes_and_gives_no_id_twice
            ids_that_were_given_elsewhere_are_not_given_again
            entries_of_a_restore_continue_the_audit_log
        }
    }
}
