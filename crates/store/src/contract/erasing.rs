//! Erasing customers.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, conflict, customer, draft, edit, read};
use crate::{Conflict, CustomerFilter, EraseCustomer, ListCustomers, NewCustomer, Store};
use carnelian_domain::{AccountId, CustomerId};

/// An erasure by a caller who saw the customer where it is, and expects nothing.
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

pub async fn erasure_conflicts_are_found_in_their_order(store: &dyn Store) {
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

pub async fn a_customer_is_erased_also_while_its_account_is(store: &dyn Store) {
    let account = account(store, "acme").await;
    let erased = customer(store, account, "Gone").await;
    store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");
    store.erase_customer(erase(&erased), &ORIGIN).await.expect("is erased");
    assert_eq!(store.customer(erased.id).await.expect("the store can be read"), None);
}

pub async fn what_erasures_may_have_left_is_counted_until_it_is_overwritten(store: &dyn Store) {
    let account = account(store, "acme").await;
    let (first, second) = (customer(store, account, "First").await, customer(store, account, "Second").await);
    assert_eq!(store.leftovers().await.expect("is counted"), 0);
    store.erase_customer(erase(&first), &ORIGIN).await.expect("is erased");
    let leftovers = store.leftovers().await.expect("is counted");
    assert_eq!(leftovers, 1);
    store.erase_customer(erase(&second), &ORIGIN).await.expect("is erased meanwhile");
    let mut next = Some(1);
    while let Some(from) = next {
        next = store.overwrite_leftovers(from, leftovers).await.expect("is overwritten");
    }
    assert_eq!(store.leftovers().await.expect("is counted"), 1, "what came meanwhile still counts");
}
