//! Searching the audit log.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{account, together};
use crate::{
    AuditEntry, AuditFilter, AuditOrder, AuditQuery, ImportBatch, ImportRow, NewCustomer, PartitionId, Store,
    StoredEntry, audit_search::BLOCK,
};
use carnelian_domain::{Action, Actor, Object, Origin, Timestamp, UserId};

/// The number of customers of a batch.
const BATCH: u64 = 250;

fn origin(number: u64) -> Origin {
    Origin { request_id: Some(format!("request-{number}").into()), ..Origin::new(Actor::User(UserId(number % 3 + 1))) }
}

/// Creates customers in two accounts, each batch in a request of its own, and records an export after each.
async fn fill(store: &dyn Store, batches: u64) {
    let accounts = [account(store, "acme").await, account(store, "other").await];
    for number in 0..batches {
        let account = accounts[number as usize % 2];
        let ids = store.reserve_customer_ids(store.partition_of(account), BATCH).await.expect("ids are reserved");
        let row = |id| {
            let name = format!("Customer {id}");
            let (unique_name, sealed) = (name.clone(), Vec::new());
            let new = NewCustomer { id, account, name, unique_name, ship_to_bill_address: false, sealed };
            ImportRow::Customer { new, replace: None }
        };
        let rows = ids.zip(1..).map(|(id, number)| (number, row(id))).collect();
        store.import_customers(ImportBatch { rows, step: None }, &origin(number)).await.expect("is stored");
        let action = Action::ExportCustomers;
        let entry = AuditEntry::record(&origin(number), action, Object::Account(account), Some(account), &[]);
        store.append_audit(PartitionId::FIRST, vec![entry]).await.expect("is appended");
    }
}

async fn whole_log(store: &dyn Store) -> Vec<StoredEntry> {
    store.audit_entries(PartitionId::FIRST, 0, 100_000).await.expect("the log can be read")
}

/// Everything that a query finds, page by page.
async fn walk(store: &dyn Store, mut query: AuditQuery) -> Vec<StoredEntry> {
    let mut found = Vec::new();
    loop {
        let page = store.search_audit(&query).await.expect("the log can be searched");
        assert!(page.entries.len() <= query.limit);
        found.extend(page.entries);
        let Some(next) = page.next else { return found };
        query.continue_from(next);
    }
}

async fn index_all(store: &dyn Store) {
    while store.index_audit(PartitionId::FIRST).await.expect("is indexed") {}
}

/// Asserts that pages of any size, in both orders, hold the entries of the log that match.
async fn assert_found(store: &dyn Store, log: &[StoredEntry], filter: &AuditFilter, count: usize) {
    let mut expected: Vec<_> = log.iter().filter(|stored| filter.matches(stored)).cloned().collect();
    assert_eq!(expected.len(), count, "{filter:?}");
    for order in AuditOrder::ALL {
        for limit in [50, 10_000] {
            let query = AuditQuery { filter: filter.clone(), order, limit, ..AuditQuery::default() };
            assert_eq!(walk(store, query).await, expected, "{filter:?}, {order:?}, {limit}");
        }
        expected.reverse();
    }
}

pub async fn entries_are_found_by_every_condition_before_and_after_they_are_indexed(store: &dyn Store) {
    fill(store, 9).await;
    let log = whole_log(store).await;
    assert_eq!(log.len() as u64, 2 + 9 * (BATCH + 1));
    let (first, last) = (log[0].at, log[log.len() - 1].at);
    let of_customer = log[1500].entry.split('"').find(|text| text.starts_with("customer:")).expect("a customer");
    let none = AuditFilter::default;
    let cases = [
        (none(), log.len()),
        (AuditFilter { object: Some(of_customer.into()), ..none() }, 1),
        (
            AuditFilter {
                object: Some(of_customer.into()),
                related: vec![("account:1".into(), &[Action::ExportCustomers])],
                ..none()
            },
            6,
        ),
        (AuditFilter { object: Some("customer:999999".into()), ..none() }, 0),
        (AuditFilter { actor: Some(Actor::User(UserId(2))), ..none() }, 3 * 251),
        (AuditFilter { actor: Some(Actor::CommandLine), ..none() }, 0),
        (AuditFilter { action: Some(Action::ExportCustomers), ..none() }, 9),
        (AuditFilter { account: Some(carnelian_domain::AccountId(2)), ..none() }, 1 + 4 * 251),
        (AuditFilter { request_id: Some("request-7".into()), ..none() }, 251),
        (AuditFilter { request_id: Some("request-9".into()), ..none() }, 0),
        (AuditFilter { since: Some(first), until: Some(Timestamp(last.0 + 1)), ..none() }, log.len()),
        (AuditFilter { since: Some(Timestamp(last.0 + 1)), ..none() }, 0),
        (AuditFilter { until: Some(first), ..none() }, 0),
        (
            AuditFilter {
                actor: Some(Actor::User(UserId(1))),
                action: Some(Action::ExportCustomers),
                account: Some(carnelian_domain::AccountId(1)),
                since: Some(first),
                ..none()
            },
            2,
        ),
    ];
    for (filter, count) in &cases {
        assert_found(store, &log, filter, *count).await;
    }
    index_all(store).await;
    let blocks = store.indexed_blocks(PartitionId::FIRST, 0, 10).await.expect("are read");
    assert_eq!(blocks.iter().map(|block| block.number).collect::<Vec<_>>(), [0, 1], "the third block is not full");
    assert_eq!(blocks[1].latest, log[2 * BLOCK as usize - 1].at);
    for (filter, count) in &cases {
        assert_found(store, &log, filter, *count).await;
    }
}

pub async fn a_search_keeps_between_two_entries_and_what_is_appended_later_is_found_next(store: &dyn Store) {
    fill(store, 5).await;
    index_all(store).await;
    let log = whole_log(store).await;
    for (after, before) in [(0, 2), (1023, 1025), (1020, 1030), (1024, 1026), (5, 5), (2000, 1), (0, 1)] {
        for order in AuditOrder::ALL {
            let query = AuditQuery { after, before: Some(before), order, limit: 3, ..AuditQuery::default() };
            let mut found: Vec<_> = walk(store, query).await.iter().map(|stored| stored.sequence).collect();
            found.sort_unstable();
            assert_eq!(found, (after + 1..before).collect::<Vec<_>>(), "{after} to {before}, {order:?}");
        }
    }
    let filter = AuditFilter { action: Some(Action::ExportCustomers), ..AuditFilter::default() };
    let mut query = AuditQuery { filter, limit: 1000, after: log.len() as u64, ..AuditQuery::default() };
    assert_eq!(store.search_audit(&query).await.expect("is read").entries, []);
    let entry = || AuditEntry::record(&origin(1), Action::ExportCustomers, Object::Registry, None, &[]);
    store.append_audit(PartitionId::FIRST, vec![entry()]).await.expect("is appended");
    let found = store.search_audit(&query).await.expect("is read").entries;
    assert_eq!(found.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), [log.len() as u64 + 1]);
    query.after += 1;
    assert_eq!(store.search_audit(&query).await.expect("is read").entries, []);
}

pub async fn a_block_is_indexed_once_by_servers_that_index_at_once(store: &dyn Store) {
    fill(store, 5).await;
    let indexing = together((0..4).map(|_| store.index_audit(PartitionId::FIRST))).await;
    assert!(indexing.into_iter().all(|indexed| indexed.is_ok()));
    index_all(store).await;
    let blocks = store.indexed_blocks(PartitionId::FIRST, 0, 10).await.expect("are read");
    assert_eq!(blocks.len(), 1);
    assert!(!store.index_audit(PartitionId::FIRST).await.expect("is indexed"), "no further block is full");
}
