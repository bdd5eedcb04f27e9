//! Replacing and moving customers.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, assert_one_succeeded, conflict, customer, draft, edit, read, together};
use crate::{Conflict, EditCustomer, NewCustomer, Store, StoredCustomer};
use carnelian_domain::AccountId;

pub async fn an_edit_replaces_everything_and_counts_the_version_up(store: &dyn Store) {
    let account = account(store, "acme").await;
    let bystander = customer(store, account, "Bystander").await;
    let before = customer(store, account, "Before").await;
    for (version, name, ship_to_bill_address) in [(2, "After", true), (3, "Later", false), (4, "Later", true)] {
        let customer = NewCustomer {
            name: name.into(),
            unique_name: name.to_lowercase(),
            ship_to_bill_address,
            sealed: vec![version as u8; 9],
            ..before.clone()
        };
        let written = store.edit_customer(edit(&customer), &ORIGIN, None).await.expect("is edited");
        assert_eq!(written.version, version);
        let NewCustomer { account, name, ship_to_bill_address, sealed, .. } = customer;
        let expected = StoredCustomer { account, name, ship_to_bill_address, sealed, version };
        assert_eq!(read(store, before.id).await, expected);
    }
    assert_eq!(read(store, bystander.id).await.version, 1);
}

pub async fn an_edited_customer_keeps_its_own_name(store: &dyn Store) {
    let account = account(store, "acme").await;
    let before = customer(store, account, "same").await;
    store.edit_customer(edit(&before), &ORIGIN, None).await.expect("nobody else has the name");
    let respelled = NewCustomer { name: "SAME".into(), ..before };
    store.edit_customer(edit(&respelled), &ORIGIN, None).await.expect("nobody else has the unique form");
    assert_eq!(read(store, respelled.id).await.name, "SAME");
    let again = draft(store, account, "same").await;
    assert_eq!(conflict(store.create_customer(again, &ORIGIN, None).await), Conflict::NameTaken);
}

pub async fn an_edit_frees_the_old_name_and_takes_the_new_one(store: &dyn Store) {
    let account = account(store, "acme").await;
    let before = customer(store, account, "Old").await;
    let renamed = NewCustomer { name: "New".into(), unique_name: "new".into(), ..before };
    store.edit_customer(edit(&renamed), &ORIGIN, None).await.expect("is edited");

    let again = NewCustomer { unique_name: "new".into(), ..draft(store, account, "NEW").await };
    assert_eq!(conflict(store.create_customer(again, &ORIGIN, None).await), Conflict::NameTaken);
    let old = customer(store, account, "Old").await;
    let respelled = NewCustomer { unique_name: "new".into(), ..old };
    assert_eq!(conflict(store.edit_customer(edit(&respelled), &ORIGIN, None).await), Conflict::NameTaken);
}

pub async fn a_customer_moves_between_accounts(store: &dyn Store) {
    let (from, to) = (account(store, "from").await, account(store, "to").await);
    let before = customer(store, from, "Mover").await;
    let moved = NewCustomer { account: to, ..before };
    let written =
        store.edit_customer(EditCustomer { seen_in: from, ..edit(&moved) }, &ORIGIN, None).await.expect("moves");
    assert_eq!(written.version, 2);
    assert_eq!(read(store, moved.id).await.account, to);

    customer(store, from, "Mover").await;
    let again = draft(store, to, "Mover").await;
    assert_eq!(conflict(store.create_customer(again, &ORIGIN, None).await), Conflict::NameTaken);
}

pub async fn a_name_taken_where_a_customer_moves_to_is_refused(store: &dyn Store) {
    let (from, to) = (account(store, "from").await, account(store, "to").await);
    customer(store, to, "Same").await;
    let before = customer(store, from, "Same").await;
    let moved = EditCustomer { seen_in: from, ..edit(&NewCustomer { account: to, ..before }) };
    assert_eq!(conflict(store.edit_customer(moved, &ORIGIN, None).await), Conflict::NameTaken);
}

pub async fn an_edit_needs_an_expected_version_only_if_there_is_one(store: &dyn Store) {
    let account = account(store, "acme").await;
    let before = customer(store, account, "Edited").await;
    let expecting = |versions: Option<&[u64]>| {
        let expected_versions = versions.map(<[u64]>::to_vec);
        EditCustomer { expected_versions, ..edit(&before) }
    };
    for stale in [&[] as &[u64], &[0], &[2, 3]] {
        assert_eq!(conflict(store.edit_customer(expecting(Some(stale)), &ORIGIN, None).await), Conflict::StaleVersion);
    }
    store.edit_customer(expecting(Some(&[1])), &ORIGIN, None).await.expect("it has version 1");
    assert_eq!(conflict(store.edit_customer(expecting(Some(&[1])), &ORIGIN, None).await), Conflict::StaleVersion);
    store.edit_customer(expecting(None), &ORIGIN, None).await.expect("any version will do");
    store.edit_customer(expecting(Some(&[9, 3, 1])), &ORIGIN, None).await.expect("it has one of the versions");
}

pub async fn nothing_moves_out_of_or_into_an_account_being_erased(store: &dyn Store) {
    let (here, erased) = (account(store, "here").await, account(store, "erased").await);
    let (inside, outside) = (customer(store, erased, "Inside").await, customer(store, here, "Outside").await);
    let moved = |customer: &NewCustomer, to| edit(&NewCustomer { account: to, ..customer.clone() });
    let edits = [
        edit(&inside),
        EditCustomer { seen_in: erased, ..moved(&inside, here) },
        EditCustomer { seen_in: here, ..moved(&outside, erased) },
    ];
    store.request_erasure("erased".into(), 0, &ORIGIN).await.expect("is requested");
    for edit in &edits {
        assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::ErasureInProgress);
    }
    store.edit_customer(edit(&outside), &ORIGIN, None).await.expect("the other account is not being erased");
    store.cancel_erasure("erased".into(), &ORIGIN).await.expect("is cancelled");
    store.edit_customer(edits[0].clone(), &ORIGIN, None).await.expect("is edited");
    store.edit_customer(edits[2].clone(), &ORIGIN, None).await.expect("moves");
}

pub async fn edit_conflicts_are_found_in_their_order(store: &dyn Store) {
    let (here, there) = (account(store, "here").await, account(store, "there").await);
    customer(store, there, "Taken").await;
    let existing = customer(store, here, "Existing").await;
    let nowhere = AccountId(there.0 + 1);
    let unknown = draft(store, nowhere, "Taken").await;
    store.request_erasure("here".into(), 0, &ORIGIN).await.expect("is requested");
    store.request_erasure("there".into(), 0, &ORIGIN).await.expect("is requested");

    // Everything is wrong with it at first; each step puts the reason of the refusal right.
    let mut edit = EditCustomer { expected_versions: Some(vec![9]), ..edit(&unknown) };
    assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::NoSuchCustomer);
    edit.customer.id = existing.id;
    assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::CustomerMoved);
    edit.seen_in = here;
    assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::NoSuchAccount);
    edit.customer.account = there;
    assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::ErasureInProgress);
    store.cancel_erasure("there".into(), &ORIGIN).await.expect("is cancelled");
    assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::ErasureInProgress);
    store.cancel_erasure("here".into(), &ORIGIN).await.expect("is cancelled");
    assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::StaleVersion);
    edit.expected_versions = Some(vec![1]);
    assert_eq!(conflict(store.edit_customer(edit.clone(), &ORIGIN, None).await), Conflict::NameTaken);
    edit.customer.unique_name = "Free".into();
    store.edit_customer(edit, &ORIGIN, None).await.expect("nothing is wrong any more");
}

pub async fn a_refused_edit_changes_nothing(store: &dyn Store) {
    let (here, erased) = (account(store, "here").await, account(store, "erased").await);
    customer(store, here, "Taken").await;
    let existing = customer(store, here, "Existing").await;
    store.request_erasure("erased".into(), 0, &ORIGIN).await.expect("is requested");
    let before = read(store, existing.id).await;

    let changed = NewCustomer { name: "Changed".into(), ship_to_bill_address: true, sealed: vec![1], ..existing };
    let with_name = |name: &str| edit(&NewCustomer { unique_name: name.into(), ..changed.clone() });
    let to = |account| {
        let moved = NewCustomer { account, ..changed.clone() };
        EditCustomer { seen_in: here, ..edit(&moved) }
    };
    let refused = [
        (EditCustomer { seen_in: erased, ..with_name("free") }, Conflict::CustomerMoved),
        (to(AccountId(erased.0 + 1)), Conflict::NoSuchAccount),
        (to(erased), Conflict::ErasureInProgress),
        (EditCustomer { expected_versions: Some(vec![2]), ..with_name("free") }, Conflict::StaleVersion),
        (with_name("Taken"), Conflict::NameTaken),
    ];
    for (edit, expected) in refused {
        assert_eq!(conflict(store.edit_customer(edit, &ORIGIN, None).await), expected);
        assert_eq!(read(store, changed.id).await, before, "{expected}");
    }
    let again = draft(store, here, "Existing").await;
    assert_eq!(conflict(store.create_customer(again, &ORIGIN, None).await), Conflict::NameTaken);
    customer(store, here, "free").await;
}

pub async fn one_of_many_concurrent_edits_of_a_version_succeeds(store: &dyn Store) {
    let account = account(store, "acme").await;
    let before = customer(store, account, "Edited").await;
    let edits = (0..50).map(|_| EditCustomer { expected_versions: Some(vec![1]), ..edit(&before) });
    let answers = together(edits.map(|edit| store.edit_customer(edit, &ORIGIN, None))).await;
    assert_one_succeeded(answers, Conflict::StaleVersion);
    assert_eq!(read(store, before.id).await.version, 2);
}
