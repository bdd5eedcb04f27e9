//! Erasing customers.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, conflict, customer, draft, edit, read};
use crate::{Conflict, CustomerFilter, EraseCustomer, ListCustomers, NewCustomer, Store};
use carnelian_domain::{AccountId, CustomerId};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// An erasure by a caller who read the customer in its account and expects no version.
fn erase(customer: &NewCustomer) -> EraseCustomer {
    EraseCustomer { id: customer.id, seen_in: customer.account, expected_versions: None }
}

async fn listed(store: &dyn Store) -> Vec<CustomerId> {
    let list = ListCustomers { filter: CustomerFilter::default(), after: CustomerId(0), skip: 0, limit: 10 };
    store.list_customers(&list).await.expect("are listed").into_iter().map(|(id, _)| id).collect()
}

pub async fn an_erased_customer_is_gone_and_its_name_is_free(store: &dyn Store) {
    let account = account(store, "acme").await;
    let (erased, bystander) = (customer(store, account, "Gone").await, customer(store, account, "Bystander").await);
    let written = store.erase_customer(erase(&erased), &ORIGIN).await.expect("is erased");
    assert_eq!((written.id, written.account), (erased.id, account));
    assert_eq!(store.customer(erased.id).await.expect("the store can be read"), None);
    assert_eq!(listed(store).await, [bystander.id]);
    let again = customer(store, account, "Gone").await;
    assert_eq!(read(store, again.id).await.version, 1);
    let taken = draft(store, account, "Gone").await;
    assert_eq!(conflict(store.create_customer(taken, &ORIGIN, None).await), Conflict::NameTaken);
}

pub async fn an_erased_customer_cannot_be_erased_or_edited_again(store: &dyn Store) {
    let account = account(store, "acme").await;
    let erased = customer(store, account, "Gone").await;
    store.erase_customer(erase(&erased), &ORIGIN).await.expect("is erased");
    assert_eq!(conflict(store.erase_customer(erase(&erased), &ORIGIN).await), Conflict::NoSuchCustomer);
    assert_eq!(conflict(store.edit_customer(edit(&erased), &ORIGIN, None).await), Conflict::NoSuchCustomer);
}

pub async fn an_erasure_reports_the_first_conflict_in_order(store: &dyn Store) {
    let account = account(store, "acme").await;
    let kept = customer(store, account, "Kept").await;
    let elsewhere =
        EraseCustomer { seen_in: AccountId(account.0 + 1), expected_versions: Some(vec![2]), ..erase(&kept) };
    let unknown = EraseCustomer { id: CustomerId(kept.id.0 + 1), ..elsewhere.clone() };
    assert_eq!(conflict(store.erase_customer(unknown, &ORIGIN).await), Conflict::NoSuchCustomer);
    assert_eq!(conflict(store.erase_customer(elsewhere, &ORIGIN).await), Conflict::CustomerMoved);
    let stale = EraseCustomer { expected_versions: Some(vec![2, 3]), ..erase(&kept) };
    assert_eq!(conflict(store.erase_customer(stale, &ORIGIN).await), Conflict::StaleVersion);
    assert_eq!(read(store, kept.id).await.version, 1);
    let seen = EraseCustomer { expected_versions: Some(vec![1]), ..erase(&kept) };
    store.erase_customer(seen, &ORIGIN).await.expect("is erased");
}

pub async fn a_customer_can_be_erased_while_the_erasure_of_its_account_waits(store: &dyn Store) {
    let account = account(store, "acme").await;
    let erased = customer(store, account, "Gone").await;
    store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");
    store.erase_customer(erase(&erased), &ORIGIN).await.expect("is erased");
    assert_eq!(store.customer(erased.id).await.expect("the store can be read"), None);
}

pub async fn a_purge_covers_the_erasures_since_the_last_one(store: &dyn Store) {
    let account = account(store, "acme").await;
    let purge = async || store.purge().await.expect("the store works");
    assert_eq!(purge().await.erasures, 0);
    for name in ["First", "Second"] {
        let erased = customer(store, account, name).await;
        store.erase_customer(erase(&erased), &ORIGIN).await.expect("is erased");
    }
    let (first, again) = (purge().await, purge().await);
    assert_eq!((first.erasures, again.erasures), (2, 0));
    assert!(first.overwritten_at <= again.overwritten_at, "{first:?}, {again:?}");
}

pub async fn an_erasure_during_a_purge_is_covered_by_this_one_or_the_next(store: &dyn Store) {
    let account = account(store, "acme").await;
    let (before, during) = (customer(store, account, "Before").await, customer(store, account, "During").await);
    store.erase_customer(erase(&before), &ORIGIN).await.expect("is erased");
    let mut purge = pin!(store.purge());
    let begun = poll_fn(|context| Poll::Ready(purge.as_mut().poll(context))).await;
    store.erase_customer(erase(&during), &ORIGIN).await.expect("is erased");
    let purged = match begun {
        Poll::Ready(purged) => purged,
        Poll::Pending => purge.await,
    };
    let next = store.purge().await.expect("the store works");
    assert_eq!(purged.expect("the store works").erasures + next.erasures, 2);
}
