//! Importing customers.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, audit_log, conflict, customer, draft, read};
use crate::{
    Conflict, ImportBatch, ImportProgress, ImportRow, ImportStep, Imported, NewCustomer, Replacement, Store, StoreError,
};
use carnelian_domain::AccountId;
use std::sync::Arc;

fn step(from: u64, to: u64) -> Option<ImportStep> {
    Some(ImportStep { import: b"import".to_vec(), from, to })
}

fn create(new: &NewCustomer) -> ImportRow {
    ImportRow::Customer { new: new.clone(), replace: None }
}

async fn progress(store: &dyn Store) -> Option<ImportProgress> {
    store.import_progress(b"import").await.expect("the store can be read")
}

async fn entries(store: &dyn Store) -> usize {
    audit_log(store).await.len()
}

pub async fn a_batch_is_stored_together_with_an_outcome_for_each_row(store: &dyn Store) {
    let account = account(store, "acme").await;
    let (one, two) = (draft(store, account, "One").await, draft(store, account, "Two").await);
    let before = entries(store).await;
    let rows = vec![(2, create(&one)), (3, create(&two))];
    let outcomes = store.import_customers(ImportBatch { rows, step: None }, &ORIGIN).await.expect("is stored");
    assert_eq!(outcomes, [Ok(Imported::Created(one.id)), Ok(Imported::Created(two.id))]);
    assert_eq!((read(store, one.id).await.name, read(store, two.id).await.name), ("One".into(), "Two".into()));
    assert_eq!(entries(store).await, before + 2);
    assert_eq!(progress(store).await, None);
}

pub async fn a_refused_row_does_not_undo_the_others(store: &dyn Store) {
    let account = account(store, "acme").await;
    customer(store, account, "Taken").await;
    let taken = draft(store, account, "Taken").await;
    let good = draft(store, account, "Good").await;
    let twice = draft(store, account, "Good").await;
    let nowhere = draft(store, AccountId(account.0 + 1), "Nowhere").await;
    let rows = vec![
        (1, create(&taken)),
        (2, create(&good)),
        (3, create(&twice)),
        (5, create(&nowhere)),
        (9, ImportRow::Refused(Conflict::ErasureInProgress)),
    ];
    let outcomes = store.import_customers(ImportBatch { rows, step: step(0, 9) }, &ORIGIN).await.expect("is stored");
    let refused = [
        (1, Conflict::NameTaken),
        (3, Conflict::NameTaken),
        (5, Conflict::NoSuchAccount),
        (9, Conflict::ErasureInProgress),
    ];
    let expected = [Err(refused[0].1), Ok(Imported::Created(good.id)), Err(refused[1].1), Err(refused[2].1)];
    assert_eq!(outcomes[..4], expected);
    assert_eq!(outcomes[4], Err(Conflict::ErasureInProgress));
    assert_eq!(read(store, good.id).await.name, "Good");
    assert_eq!(progress(store).await, Some(ImportProgress { rows: 9, refused: refused.to_vec() }));
}

pub async fn a_batch_that_is_not_the_next_one_is_refused_whole(store: &dyn Store) {
    let account = account(store, "acme").await;
    for (name, from, to) in [("One", 0, 2), ("Two", 2, 4)] {
        let rows = vec![(to, create(&draft(store, account, name).await))];
        store.import_customers(ImportBatch { rows, step: step(from, to) }, &ORIGIN).await.expect("is stored");
    }
    for from in [0, 2, 3, 5] {
        let late = draft(store, account, "Late").await;
        let batch = ImportBatch { rows: vec![(6, create(&late))], step: step(from, 6) };
        assert_eq!(conflict(store.import_customers(batch, &ORIGIN).await), Conflict::ImportMovedOn, "{from}");
        assert_eq!(store.customer(late.id).await.expect("the store can be read"), None);
    }
    assert_eq!(progress(store).await, Some(ImportProgress { rows: 4, refused: Vec::new() }));
}

pub async fn a_finished_import_is_forgotten(store: &dyn Store) {
    let account = account(store, "acme").await;
    let rows = vec![(1, create(&draft(store, account, "One").await)), (2, ImportRow::Refused(Conflict::NameTaken))];
    store.import_customers(ImportBatch { rows, step: step(0, 2) }, &ORIGIN).await.expect("is stored");
    store.finish_import(b"another").await.expect("is forgotten");
    assert!(progress(store).await.is_some());
    store.finish_import(b"import").await.expect("is forgotten");
    assert_eq!(progress(store).await, None);
}

pub async fn a_customer_that_has_the_name_is_replaced_if_the_row_allows_it(store: &dyn Store) {
    let account = account(store, "acme").await;
    let old = customer(store, account, "Same").await;
    let row = |new: &NewCustomer| {
        let replace = |id, current: &crate::StoredCustomer| Replacement {
            sealed: format!("{id} after {}", String::from_utf8_lossy(&current.sealed)).into_bytes(),
            changed_fields: vec!["contacts"],
        };
        ImportRow::Customer { new: new.clone(), replace: Some(Arc::new(replace)) }
    };
    let new = NewCustomer { ship_to_bill_address: true, ..draft(store, account, "Same").await };
    let other = draft(store, account, "Other").await;
    let batch = ImportBatch { rows: vec![(1, row(&new)), (2, row(&other))], step: step(0, 2) };
    let outcomes = store.import_customers(batch, &ORIGIN).await.expect("is stored");
    assert_eq!(outcomes, [Ok(Imported::Replaced(old.id)), Ok(Imported::Created(other.id))]);
    let replaced = read(store, old.id).await;
    assert_eq!(String::from_utf8_lossy(&replaced.sealed), format!("{} after sealed Same", old.id));
    assert_eq!((replaced.version, replaced.ship_to_bill_address), (2, true));
    assert_eq!(store.customer(new.id).await.expect("the store can be read"), None);
    let log = audit_log(store).await;
    assert!(log.iter().any(|entry| entry.entry.contains("edit_customer") && entry.entry.contains("contacts")));
}

pub async fn nothing_is_replaced_while_erasure_is_in_progress(store: &dyn Store) {
    let account = account(store, "acme").await;
    let old = customer(store, account, "Same").await;
    let new = draft(store, account, "Same").await;
    store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");
    let replace = |_, _: &crate::StoredCustomer| Replacement { sealed: Vec::new(), changed_fields: Vec::new() };
    let row = ImportRow::Customer { new, replace: Some(Arc::new(replace)) };
    let outcomes: Result<_, StoreError> =
        store.import_customers(ImportBatch { rows: vec![(1, row)], step: None }, &ORIGIN).await;
    assert_eq!(outcomes.expect("is answered"), [Err(Conflict::ErasureInProgress)]);
    assert_eq!(read(store, old.id).await.version, 1);
}
