//! Writes that happen once.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{Call, ORIGIN, account, conflict, customer, draft, edit, read, together};
use crate::{Conflict, IdempotencyKey, NewCustomer, Store, StoreError, Written};
use carnelian_domain::{CustomerId, UserId};

fn key(user: u64, key: &str, fingerprint: u8) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { user: UserId(user), key: key.into(), fingerprint: vec![fingerprint; 32] })
}

async fn found(store: &dyn Store, key: Option<IdempotencyKey>) -> Option<Written> {
    store.find_idempotent_write(&key.expect("a key")).await.expect("the store can be read")
}

pub async fn a_create_under_a_key_happens_once(store: &dyn Store) {
    let account = account(store, "acme").await;
    let (first, second) = (draft(store, account, "Once").await, draft(store, account, "Once").await);
    let written = store.create_customer(first.clone(), &ORIGIN, key(1, "k", 7)).await.expect("is created");
    assert_eq!(found(store, key(1, "k", 7)).await, Some(written));
    let again = store.create_customer(second.clone(), &ORIGIN, key(1, "k", 7)).await.expect("was created");
    assert_eq!((again, again.id), (written, first.id));
    assert_eq!(store.customer(second.id).await.expect("the store can be read"), None);
}

pub async fn an_edit_under_a_key_happens_once(store: &dyn Store) {
    let account = account(store, "acme").await;
    let edited = customer(store, account, "Before").await;
    let after = NewCustomer { name: "After".into(), unique_name: "After".into(), ..edited };
    let written = store.edit_customer(edit(&after), &ORIGIN, key(1, "k", 7)).await.expect("is edited");
    let again = store.edit_customer(edit(&after), &ORIGIN, key(1, "k", 7)).await.expect("was edited");
    assert_eq!((again, again.version), (written, 2));
    assert_eq!(read(store, after.id).await.version, 2);
}

pub async fn a_key_belongs_to_one_request_of_one_user(store: &dyn Store) {
    let account = account(store, "acme").await;
    let first = draft(store, account, "First").await;
    store.create_customer(first, &ORIGIN, key(1, "k", 7)).await.expect("is created");
    let second = draft(store, account, "Second").await;
    let other = store.create_customer(second.clone(), &ORIGIN, key(1, "k", 8)).await;
    assert_eq!(conflict(other), Conflict::IdempotencyKeyReused);
    let reused = store.find_idempotent_write(&key(1, "k", 8).expect("a key")).await;
    assert_eq!(conflict(reused), Conflict::IdempotencyKeyReused);
    store.create_customer(second, &ORIGIN, key(2, "k", 8)).await.expect("another user's key is another one");
}

pub async fn what_was_refused_is_not_remembered(store: &dyn Store) {
    let account = account(store, "acme").await;
    let taken = customer(store, account, "Taken").await;
    let refused = NewCustomer { id: CustomerId(taken.id.0 + 1), ..taken.clone() };
    assert_eq!(conflict(store.create_customer(refused, &ORIGIN, key(1, "k", 7)).await), Conflict::NameTaken);
    assert_eq!(found(store, key(1, "k", 7)).await, None);
    let free = draft(store, account, "Free").await;
    store.create_customer(free, &ORIGIN, key(1, "k", 8)).await.expect("the key is free");
}

pub async fn of_many_creates_under_one_key_one_happens(store: &dyn Store) {
    let account = account(store, "acme").await;
    let mut drafts = Vec::new();
    for _ in 0..8 {
        drafts.push(draft(store, account, "Once").await);
    }
    let calls = drafts.iter().map(|draft| -> Call<'_, Result<Written, StoreError>> {
        Box::pin(store.create_customer(draft.clone(), &ORIGIN, key(1, "k", 7)))
    });
    let written: Vec<_> = together(calls).await.into_iter().map(|answer| answer.expect("one answer")).collect();
    assert!(written.iter().all(|answer| *answer == written[0]), "{written:?}");
    for draft in drafts {
        let found = store.customer(draft.id).await.expect("the store can be read");
        assert_eq!(found.is_some(), draft.id == written[0].id);
    }
}
