//! Creating and reading customers, and their ids.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{Call, ORIGIN, account, assert_one_succeeded, conflict, customer, draft, edit, read, together};
use crate::{Conflict, NewCustomer, PartitionId, Store, StoreError, StoredCustomer, Written};
use carnelian_domain::{AccountId, CustomerId};

pub async fn a_customer_reads_back_as_it_was_created(store: &dyn Store) {
    let account = account(store, "acme").await;
    let samples: [(&str, &str, bool, Vec<u8>); 4] = [
        ("Plain", "Plain", false, b"opaque".to_vec()),
        ("Größe 😀 'quoted' \"twice\" %_\\", "gro\u{308}sse", true, (0..=255).collect()),
        ("Unsealed", "unsealed", true, Vec::new()),
        ("Large", "Large", false, vec![7; 100_000]),
    ];
    for (name, unique_name, ship_to_bill_address, sealed) in samples {
        let unique_name = unique_name.into();
        let new = NewCustomer { unique_name, ship_to_bill_address, sealed, ..draft(store, account, name).await };
        let written = store.create_customer(new.clone(), &ORIGIN, None).await.expect("is created");
        assert_eq!(written.version, 1);
        let NewCustomer { account, name, ship_to_bill_address, sealed, .. } = new;
        let expected = StoredCustomer { account, name, ship_to_bill_address, sealed, version: 1 };
        assert_eq!(read(store, new.id).await, expected);
    }
}

pub async fn a_customer_that_was_never_created_is_absent(store: &dyn Store) {
    let account = account(store, "acme").await;
    let never_created = draft(store, account, "Never").await;
    for id in [never_created.id, CustomerId(0), CustomerId(CustomerId::LIMIT)] {
        assert_eq!(store.customer(id).await.expect("the store can be read"), None);
    }
}

pub async fn a_name_is_taken_by_its_unique_form(store: &dyn Store) {
    let account = account(store, "acme").await;
    let folded = NewCustomer { unique_name: "straße".into(), ..draft(store, account, "Straße").await };
    store.create_customer(folded.clone(), &ORIGIN, None).await.expect("is created");
    customer(store, account, "plain").await;

    for (name, unique_name) in
        [("STRASSE", "straße"), ("straße", "straße"), ("Straße", "straße"), ("PLAIN", "plain"), ("plain", "plain")]
    {
        let again = NewCustomer { unique_name: unique_name.into(), ..draft(store, account, name).await };
        assert_eq!(conflict(store.create_customer(again, &ORIGIN, None).await), Conflict::NameTaken, "{name}");
    }
    let same_name = NewCustomer { unique_name: "another form".into(), ..draft(store, account, "Straße").await };
    store.create_customer(same_name, &ORIGIN, None).await.expect("only the unique form counts");
}

pub async fn a_name_is_taken_in_its_own_account_only(store: &dyn Store) {
    let (first, second) = (account(store, "first").await, account(store, "second").await);
    let (in_first, in_second) = (customer(store, first, "Same").await, customer(store, second, "Same").await);
    assert_eq!(read(store, in_first.id).await.account, first);
    assert_eq!(read(store, in_second.id).await.account, second);
}

pub async fn names_that_differ_in_a_single_byte_are_different(store: &dyn Store) {
    let account = account(store, "acme").await;
    for name in ["name", "Name", "name ", "na-me", "n\u{e4}me", "na\u{308}me", "ｎame", "naｍe"] {
        customer(store, account, name).await;
    }
}

pub async fn nothing_is_created_in_an_unknown_account(store: &dyn Store) {
    let account = account(store, "acme").await;
    customer(store, account, "Taken").await;
    let nowhere = draft(store, AccountId(account.0 + 1), "Taken").await;
    assert_eq!(conflict(store.create_customer(nowhere.clone(), &ORIGIN, None).await), Conflict::NoSuchAccount);
    assert_eq!(store.customer(nowhere.id).await.expect("the store can be read"), None);
}

pub async fn nothing_is_created_under_an_id_that_is_taken(store: &dyn Store) {
    let account = account(store, "acme").await;
    let first = customer(store, account, "First").await;
    let stored = read(store, first.id).await;
    let second = NewCustomer { id: first.id, ..draft(store, account, "Second").await };
    store.create_customer(second, &ORIGIN, None).await.expect_err("the id is taken");
    assert_eq!(read(store, first.id).await, stored);
    customer(store, account, "Second").await;
}

pub async fn nothing_is_created_while_erasure_is_in_progress(store: &dyn Store) {
    let account = account(store, "acme").await;
    let before = customer(store, account, "Before").await;
    store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");

    let new = draft(store, account, "New").await;
    assert_eq!(conflict(store.create_customer(new.clone(), &ORIGIN, None).await), Conflict::ErasureInProgress);
    assert_eq!(read(store, before.id).await.name, "Before");

    store.cancel_erasure("acme".into(), &ORIGIN).await.expect("is cancelled");
    store.create_customer(new, &ORIGIN, None).await.expect("is created");
}

pub async fn a_create_finds_the_erasure_before_the_taken_name(store: &dyn Store) {
    let account = account(store, "acme").await;
    customer(store, account, "Taken").await;
    let again = draft(store, account, "Taken").await;
    store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");
    assert_eq!(conflict(store.create_customer(again.clone(), &ORIGIN, None).await), Conflict::ErasureInProgress);
    store.cancel_erasure("acme".into(), &ORIGIN).await.expect("is cancelled");
    assert_eq!(conflict(store.create_customer(again, &ORIGIN, None).await), Conflict::NameTaken);
}

pub async fn a_refused_create_stores_nothing(store: &dyn Store) {
    let (account, other) = (account(store, "acme").await, account(store, "other").await);
    customer(store, account, "Taken").await;
    let refused = draft(store, account, "Taken").await;
    assert_eq!(conflict(store.create_customer(refused.clone(), &ORIGIN, None).await), Conflict::NameTaken);
    assert_eq!(store.customer(refused.id).await.expect("the store can be read"), None);
    let elsewhere = NewCustomer { account: other, ..refused };
    store.create_customer(elsewhere, &ORIGIN, None).await.expect("the id is still free");
}

pub async fn reserved_ids_are_positive_and_safe_in_json(store: &dyn Store) {
    for partition in store.partitions() {
        for count in [1, 1000, 1, 0, 7] {
            let ids = store.reserve_customer_ids(partition, count).await.expect("are reserved");
            let partitions = u64::from(store.partition_count());
            assert_eq!((ids.step, ids.count), (partitions, count));
            assert_eq!(ids.first % partitions, u64::from(partition.0));
            assert!(ids.first >= 1 && ids.last_id().is_none_or(|id| id.0 < CustomerId::LIMIT));
        }
    }
}

pub async fn reserved_ids_never_overlap(store: &dyn Store) {
    let counts = (0..60).map(|turn| 1 + turn % 7);
    let reservations = counts.flat_map(|count| store.partitions().into_iter().map(move |partition| (partition, count)));
    let blocks = together(reservations.map(|(partition, count)| store.reserve_customer_ids(partition, count))).await;
    let mut ids: Vec<_> = blocks.into_iter().flat_map(|block| block.expect("are reserved")).collect();
    ids.extend(store.reserve_customer_ids(PartitionId::FIRST, 5).await.expect("are reserved"));
    let reserved = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), reserved);
}

pub async fn one_of_many_concurrent_creates_of_a_name_succeeds(store: &dyn Store) {
    let account = account(store, "acme").await;
    let mut drafts = Vec::new();
    for _ in 0..50 {
        drafts.push(draft(store, account, "Wanted").await);
    }
    let answers = together(drafts.iter().map(|draft| store.create_customer(draft.clone(), &ORIGIN, None))).await;
    for (draft, answer) in drafts.iter().zip(&answers) {
        let stored = store.customer(draft.id).await.expect("the store can be read");
        assert_eq!(stored.is_some(), answer.is_ok());
    }
    assert_one_succeeded(answers, Conflict::NameTaken);
}

pub async fn concurrent_writes_of_every_kind_are_all_answered(store: &dyn Store) {
    let account = account(store, "acme").await;
    let mut calls: Vec<Call<'_, Result<Option<Written>, StoreError>>> = Vec::new();
    let (mut created, mut edited, mut refused) = (Vec::new(), Vec::new(), 0);
    for turn in 0..40 {
        let existing = customer(store, account, &format!("Existing {turn}")).await;
        let new = draft(store, account, &format!("New {turn}")).await;
        let taken = draft(store, account, &format!("Existing {turn}")).await;
        let change = edit(&NewCustomer { name: format!("Edited {turn}"), ..existing.clone() });
        created.push(new.id);
        edited.push(existing.id);
        refused += 1;
        calls.push(Box::pin(async { store.create_customer(new, &ORIGIN, None).await.map(Some) }));
        calls.push(Box::pin(async { store.edit_customer(change, &ORIGIN, None).await.map(Some) }));
        calls.push(Box::pin(async { store.create_customer(taken, &ORIGIN, None).await.map(Some) }));
        calls.push(Box::pin(async { store.reserve_customer_ids(PartitionId::FIRST, 3).await.map(|_| None) }));
        calls.push(Box::pin(async move { store.create_group(format!("group {turn}"), &ORIGIN).await.map(|_| None) }));
    }
    let answers = together(calls).await;

    let conflicts: Vec<_> = answers.into_iter().filter(Result::is_err).map(conflict).collect();
    assert_eq!(conflicts, vec![Conflict::NameTaken; refused]);
    for id in created {
        assert_eq!(read(store, id).await.version, 1);
    }
    for id in edited {
        assert_eq!(read(store, id).await.version, 2);
    }
    assert_eq!(store.directory().await.expect("is read").groups.len(), 40);
}

pub async fn an_open_store_is_ready(store: &dyn Store) {
    store.ready().await.expect("is ready");
}
