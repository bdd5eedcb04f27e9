//! The contract suite: what every adapter must do, said through the port alone.
//!
//! * [`customers`]: creating and reading customers, and their ids
//! * [`listing`]: listing customers
//! * [`searching`]: finding customers by the words of their names
//! * [`edits`]: replacing and moving customers
//! * [`erasing`]: erasing customers
//! * [`idempotency`]: writes that happen once
//! * [`import`]: many customers at once
//! * [`audit`]: the log of all changes
//! * [`audit_search`]: finding its entries
//! * [`engine`]: what an engine says about itself
//! * [`settings`]: which settings have changed
//! * [`backups`]: everything out of one registry and into another
//! * [`erasure`]: erasing accounts
//! * [`directory`]: accounts, groups, users and keys
//! * [`refusals`]: changes of those that are refused
//! * [`administration`]: what operators do with users and keys
//!
//! Each case gets an empty registry of its own. [`contract_tests!`](crate::contract_tests) makes a test of each.

pub mod administration;
pub mod audit;
pub mod audit_search;
pub mod backups;
pub mod customers;
pub mod directory;
pub mod edits;
pub mod engine;
pub mod erasing;
pub mod erasure;
pub mod idempotency;
pub mod import;
pub mod listing;
pub mod refusals;
pub mod searching;
pub mod settings;

use crate::{
    AuditChain, AuditHead, Conflict, DirectoryKey, EditCustomer, Link, NewCustomer, RegistryId, RegistryKeys, Seal,
    Store, StoreError, StoredCustomer, StoredEntry, UserChanges, UserRecord,
};
use carnelian_domain::{AccountId, Actor, CustomerId, Origin, Timestamp};
use std::{
    fmt::Debug,
    future::{Future, poll_fn},
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

/// Makes one `#[tokio::test]` of every case.
///
/// `open` is an asynchronous function that returns an empty registry as `(place, store)`; the store is dropped before
/// the place that it lives in.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::backup_contract_tests! { $open, $open:
            a_restored_registry_shows_what_the_first_one_shows
            a_restored_registry_has_the_id_and_the_keys_of_the_first_one
            a_restored_registry_takes_writes_and_gives_no_id_twice
            ids_that_were_given_elsewhere_are_not_given_again
            entries_of_a_restore_continue_the_audit_log
            a_registry_that_was_used_is_not_restored_into
            a_backup_is_of_one_moment_while_others_write
            a_backup_ends_with_the_error_of_its_receiver
            a_backup_and_a_restore_are_whole_wherever_their_pages_end
        }
        $crate::contract_tests! { $open:
            customers {
                a_customer_reads_back_as_it_was_created
                a_customer_that_was_never_created_is_absent
                a_name_is_taken_by_its_unique_form
                a_name_is_taken_in_its_own_account_only
                names_that_differ_in_a_single_byte_are_different
                nothing_is_created_in_an_unknown_account
                nothing_is_created_under_an_id_that_is_taken
                nothing_is_created_while_erasure_is_in_progress
                a_create_finds_the_erasure_before_the_taken_name
                a_refused_create_stores_nothing
                reserved_ids_are_positive_and_safe_in_json
                reserved_ids_never_overlap
                one_of_many_concurrent_creates_of_a_name_succeeds
                concurrent_writes_of_every_kind_are_all_answered
                an_open_store_is_ready
            }
            edits {
                an_edit_replaces_everything_and_counts_the_version_up
                an_edited_customer_keeps_its_own_name
                an_edit_frees_the_old_name_and_takes_the_new_one
                a_customer_moves_between_accounts
                a_name_taken_where_a_customer_moves_to_is_refused
                an_edit_needs_an_expected_version_only_if_there_is_one
                nothing_moves_out_of_or_into_an_account_being_erased
                edit_conflicts_are_found_in_their_order
                a_refused_edit_changes_nothing
                one_of_many_concurrent_edits_of_a_version_succeeds
            }
            erasing {
                an_erased_customer_is_gone_and_its_name_is_free
                an_erased_customer_cannot_be_erased_or_edited_again
                an_erasure_reports_the_first_conflict_in_order
                a_customer_can_be_erased_while_the_erasure_of_its_account_waits
                a_purge_covers_the_erasures_since_the_last_one
                an_erasure_during_a_purge_is_covered_by_this_one_or_the_next
            }
            erasure {
                an_erasure_waits_until_it_is_due
                an_account_is_erased_with_all_its_customers
                an_account_is_erased_wherever_the_steps_end
                a_claimed_erasure_is_not_given_to_another_worker
                another_worker_takes_over_once_the_lease_has_expired
                a_running_erasure_renews_its_lease
                an_erased_account_s_name_and_its_users_names_are_free
                an_interrupted_erasure_is_continued_until_it_has_a_receipt
                an_erasure_can_be_cancelled_until_it_is_claimed
                an_account_can_be_erased_once_at_a_time
                idempotent_writes_of_erased_users_are_forgotten
            }
            idempotency {
                a_create_under_a_key_happens_once
                an_edit_under_a_key_happens_once
                a_key_belongs_to_one_request_of_one_user
                what_was_refused_is_not_remembered
                of_many_creates_under_one_key_one_happens
            }
            import {
                a_batch_is_stored_together_with_an_outcome_for_each_row
                a_refused_row_does_not_undo_the_others
                a_batch_that_is_not_the_next_one_is_refused_whole
                a_finished_import_is_forgotten
                a_customer_that_has_the_name_is_replaced_if_the_row_allows_it
                nothing_is_replaced_while_erasure_is_in_progress
            }
            audit {
                a_new_registry_has_an_empty_log
                every_change_of_a_customer_is_in_the_audit_log
                every_change_of_the_directory_is_in_the_audit_log
                an_entry_has_actor_address_request_and_reason
                a_refused_change_has_no_entry
                each_entry_is_linked_to_the_one_before
            }
            audit_search {
                entries_are_found_by_every_condition_before_and_after_they_are_indexed
                a_search_keeps_between_two_entries_and_what_is_appended_later_is_found_next
                a_block_is_indexed_once_by_servers_that_index_at_once
            }
            settings {
                changed_settings_are_in_the_audit_log
                a_setting_that_was_never_noted_had_its_default
                a_setting_is_read_as_it_was_noted_last
                noting_settings_leaves_the_directory_alone
            }
            engine {
                an_engine_has_a_name_a_version_and_a_schema
                a_write_shows_how_long_its_commit_took
                a_new_registry_is_undamaged
            }
            listing {
                a_new_registry_lists_no_customers
                a_listing_shows_what_a_read_shows
                a_part_begins_after_a_customer_passes_some_over_and_ends_at_its_limit
                a_listing_keeps_to_its_accounts
                names_and_their_beginnings_are_compared_in_their_unique_form
                an_edited_customer_is_listed_as_it_is_now
                a_refused_edit_leaves_the_name_where_it_is_found
                a_listing_is_of_what_was_written_since
                a_long_walk_lists_everyone_once_while_others_are_created
                one_listing_goes_as_far_as_it_must
                a_listing_is_whole_wherever_its_steps_end
                a_listing_is_whole_however_many_accounts_it_is_of
            }
            searching {
                a_search_finds_names_with_all_words_whatever_their_order_case_and_accents
                what_was_written_is_found_by_the_next_call_and_what_was_erased_is_not
                names_are_found_by_beginnings_without_words
                a_search_of_many_customers_is_whole_and_in_the_order_of_the_ids
                a_customer_whose_id_was_reserved_long_ago_is_found
            }
            administration {
                an_edit_changes_what_it_names_and_no_more
                an_id_means_the_same_one_for_ever
                the_last_operator_with_access_remains
                a_user_cannot_have_the_last_operator_erased_and_a_command_can
                of_operators_that_leave_at_once_one_remains
                a_key_says_where_it_works
                the_last_use_of_a_key_is_noted_and_changes_nothing_else
            }
            refusals {
                a_refused_change_changes_nothing
                accounts_are_refused
                groups_are_refused
                users_are_refused
                keys_are_refused
                a_write_whose_rights_were_confirmed_with_another_directory_changes_nothing
            }
            directory {
                a_new_registry_has_an_empty_directory
                the_snapshot_shows_accounts_and_their_states
                names_are_unique_and_looked_up_in_one_form
                the_snapshot_shows_groups_and_their_accounts_in_order
                the_snapshot_shows_users
                the_snapshot_shows_keys_in_the_order_of_creation
                a_key_is_wrapped_for_the_account_that_is_created
                the_version_grows_with_every_change
                a_change_returns_the_record_that_it_wrote
                customer_writes_leave_the_version_alone
                names_are_unique_among_their_kind_and_with_their_case
                the_first_key_proof_stays
                a_registry_keeps_its_id
                every_change_of_the_directory_is_sealed
                an_edit_of_a_user_that_changes_nothing_leaves_version_and_log_alone
                a_directory_can_be_sealed_again
                one_of_many_concurrent_creates_of_an_account_succeeds
            }
        }
    };
    ($open:path: $($module:ident { $($case:ident)+ })+) => { $($(
        #[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            let (_place, store) = $open().await;
            $crate::contract::$module::$case(&store).await;
        }
    )+)+ };
}

/// Makes one `#[tokio::test]` of every case about backups; the registries that are backed up and those that are restored
/// into may be of different engines.
#[macro_export]
macro_rules! backup_contract_tests {
    ($source:path, $target:path: $($case:ident)+) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            let ((_place, source), (_other_place, target)) = ($source().await, $target().await);
            $crate::contract::backups::$case(&source, &target).await;
        }
    )+ };
}

/// Keys that are no secret, so that a test can compute what a registry stores.
pub struct TestKeys;

impl RegistryKeys for TestKeys {
    fn audit_chain(&self, registry: RegistryId) -> Arc<dyn AuditChain> {
        Arc::new(TestChain(registry))
    }

    fn directory_key(&self, registry: RegistryId) -> Arc<dyn DirectoryKey> {
        Arc::new(TestSeal(registry))
    }
}

/// Seals the directory of a registry without a secret.
struct TestSeal(RegistryId);

impl DirectoryKey for TestSeal {
    fn seal(&self, content: &[u8]) -> Seal {
        let mut hash = DefaultHasher::new();
        (self.0, content).hash(&mut hash);
        let mut seal = [0; 32];
        seal[..8].copy_from_slice(&hash.finish().to_be_bytes());
        seal
    }
}

/// Links entries of the audit log of a registry without a secret.
pub struct TestChain(pub RegistryId);

impl AuditChain for TestChain {
    fn link(&self, previous: &Link, sequence: u64, at: Timestamp, entry: &str) -> Link {
        let mut hash = DefaultHasher::new();
        (self.0, previous, sequence, at.0, entry).hash(&mut hash);
        let mut link = [0; 32];
        link[..8].copy_from_slice(&hash.finish().to_be_bytes());
        link
    }

    fn seal(&self, head: &AuditHead, directory: &Seal) -> [u8; 32] {
        let mut seal = head.link.map(|byte| !byte);
        seal.iter_mut().zip(self.0.0).for_each(|(byte, id)| *byte ^= id);
        seal.iter_mut().zip(directory).for_each(|(byte, of_directory)| *byte ^= of_directory.rotate_left(1));
        seal
    }
}

/// The origin of changes whose origin does not matter.
static ORIGIN: Origin = Origin::new(Actor::Server);

/// What links the audit log of a registry.
async fn test_chain(store: &dyn Store) -> TestChain {
    TestChain(store.registry_id().await.expect("a registry has an id"))
}

/// Creates an account.
async fn account(store: &dyn Store, name: &str) -> AccountId {
    store
        .create_account(name.into(), Arc::new(|_| b"wrapped".to_vec()), &ORIGIN)
        .await
        .expect("an account is created")
        .id
}

/// Enables or disables a user.
fn set_enabled<'a>(store: &'a dyn Store, user: &str, enabled: bool) -> Call<'a, Result<UserRecord, StoreError>> {
    store.edit_user(user.into(), UserChanges { enabled: Some(enabled), ..UserChanges::default() }, &ORIGIN)
}

/// The outcome of a change without what it returns.
fn outcome<'a, T: 'a>(change: Call<'a, Result<T, StoreError>>) -> Call<'a, Result<(), StoreError>> {
    Box::pin(async move { change.await.map(drop) })
}

/// A customer that could be created, with an id of its own.
async fn draft(store: &dyn Store, account: AccountId, name: &str) -> NewCustomer {
    let mut ids = store.reserve_customer_ids(store.partition_of(account), 1).await.expect("an id is reserved");
    NewCustomer {
        id: ids.next().expect("one was reserved"),
        account,
        name: name.into(),
        unique_name: name.into(),
        ship_to_bill_address: false,
        sealed: format!("sealed {name}").into_bytes(),
    }
}

/// Creates a customer.
async fn customer(store: &dyn Store, account: AccountId, name: &str) -> NewCustomer {
    let new = draft(store, account, name).await;
    store.create_customer(new.clone(), &ORIGIN, None).await.expect("a customer is created");
    new
}

/// Every entry of the audit log, one partition after the other.
async fn audit_log(store: &dyn Store) -> Vec<StoredEntry> {
    let mut log = Vec::new();
    for partition in store.partitions() {
        log.extend(store.audit_entries(partition, 0, 1000).await.expect("the log can be read"));
    }
    log
}

/// Reads a customer that must be there.
async fn read(store: &dyn Store, id: CustomerId) -> StoredCustomer {
    store.customer(id).await.expect("the store can be read").expect("the customer is there")
}

/// An edit that makes a customer this, by a caller who saw it in the account that it is to stay in.
fn edit(customer: &NewCustomer) -> EditCustomer {
    EditCustomer {
        customer: customer.clone(),
        seen_in: customer.account,
        seen_version: 1,
        changed_fields: Vec::new(),
        expected_versions: None,
    }
}

/// The conflict that a write must have met.
#[track_caller]
fn conflict<T: Debug>(answer: Result<T, StoreError>) -> Conflict {
    match answer {
        Err(StoreError::Conflict(conflict)) => conflict,
        other => panic!("not a conflict: {other:?}"),
    }
}

/// A call of the store that runs concurrently with others.
type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Asks for everything at once and returns the answers in the order of the questions.
async fn together<T>(calls: impl IntoIterator<Item = Call<'_, T>>) -> Vec<T> {
    let mut calls: Vec<_> = calls.into_iter().map(|future| (future, None)).collect();
    poll_fn(move |context| {
        for (future, answer) in calls.iter_mut().filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(now) = future.as_mut().poll(context) {
                *answer = Some(now);
            }
        }
        if calls.iter().any(|(_, answer)| answer.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(calls.iter_mut().filter_map(|(_, answer)| answer.take()).collect())
    })
    .await
}

/// Asserts that exactly one succeeded, and that all others met this conflict.
#[track_caller]
fn assert_one_succeeded<T: Debug>(answers: Vec<Result<T, StoreError>>, otherwise: Conflict) {
    let (succeeded, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(succeeded.len(), 1);
    assert!(refused.into_iter().all(|answer| conflict(answer) == otherwise));
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_becomes_a_test() {
        let listed: Vec<_> = include_str!("contract.rs").lines().map(str::trim).collect();
        let sources = [
            include_str!("contract/administration.rs"),
            include_str!("contract/audit.rs"),
            include_str!("contract/audit_search.rs"),
            include_str!("contract/backups.rs"),
            include_str!("contract/customers.rs"),
            include_str!("contract/edits.rs"),
            include_str!("contract/engine.rs"),
            include_str!("contract/erasing.rs"),
            include_str!("contract/erasure.rs"),
            include_str!("contract/idempotency.rs"),
            include_str!("contract/import.rs"),
            include_str!("contract/listing.rs"),
            include_str!("contract/refusals.rs"),
            include_str!("contract/searching.rs"),
            include_str!("contract/settings.rs"),
            include_str!("contract/directory.rs"),
        ];
        let cases = sources.iter().flat_map(|source| source.lines()).filter_map(|line| {
            let (name, _) = line.strip_prefix("pub async fn ")?.split_once('(')?;
            Some(name)
        });
        let forgotten: Vec<_> = cases.filter(|case| !listed.contains(case)).collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
    }
}
