//! Listing customers.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{Call, ORIGIN, account, customer, draft, edit, read, together};
use crate::{
    CustomerFilter, EditCustomer, ListCustomers, NewCustomer, PartitionId, Store, StoreError, StoredCustomer, Written,
};
use carnelian_domain::{AccountId, CustomerId, Timestamp};

/// The ids of the customers that match a filter.
pub(super) async fn ids(store: &dyn Store, filter: CustomerFilter) -> Vec<u64> {
    part(store, filter, 0, 0, usize::MAX).await
}

/// The ids of a part of them.
pub(super) async fn part(store: &dyn Store, filter: CustomerFilter, after: u64, skip: usize, limit: usize) -> Vec<u64> {
    listed(store, filter, after, skip, limit).await.into_iter().map(|(id, _)| id.0).collect()
}

async fn listed(
    store: &dyn Store,
    filter: CustomerFilter,
    after: u64,
    skip: usize,
    limit: usize,
) -> Vec<(CustomerId, StoredCustomer)> {
    let list = ListCustomers { filter, after: CustomerId(after), skip, limit };
    store.list_customers(&list).await.expect("the store can be read")
}

/// The customers of accounts.
pub(super) fn within(accounts: &[AccountId]) -> CustomerFilter {
    CustomerFilter { accounts: Some(accounts.to_vec()), ..CustomerFilter::default() }
}

fn named(name: &str) -> CustomerFilter {
    CustomerFilter { unique_name: Some(name.into()), ..CustomerFilter::default() }
}

fn beginning(prefix: &str) -> CustomerFilter {
    CustomerFilter { name_prefix: Some(prefix.into()), ..CustomerFilter::default() }
}

/// Customers of these accounts in turn, in the order of their ids, in which they are not created.
async fn many(store: &dyn Store, accounts: &[AccountId], count: usize) -> Vec<NewCustomer> {
    // Of one family, whatever the partitions of the accounts are, so that the accounts alternate in the order of the ids.
    let ids = store.reserve_customer_ids(PartitionId::FIRST, count as u64).await.expect("are reserved");
    let new = |(id, account): (CustomerId, &AccountId)| NewCustomer {
        id,
        account: *account,
        name: format!("Customer {id}"),
        unique_name: format!("Customer {id}"),
        ship_to_bill_address: false,
        sealed: Vec::new(),
    };
    let all: Vec<_> = ids.zip(accounts.iter().cycle()).map(new).collect();
    for answer in together(all.iter().rev().map(|new| store.create_customer(new.clone(), &ORIGIN, None))).await {
        answer.expect("is created");
    }
    all
}

pub async fn a_new_registry_lists_no_customers(store: &dyn Store) {
    assert!(ids(store, CustomerFilter::default()).await.is_empty());
    let acme = account(store, "acme").await;
    for filter in [within(&[acme]), within(&[]), named("Nobody"), beginning("N")] {
        assert!(ids(store, filter).await.is_empty());
    }
}

pub async fn a_listing_shows_what_a_read_shows(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let plain = customer(store, acme, "Plain").await;
    let other = NewCustomer { ship_to_bill_address: true, ..draft(store, acme, "Gr\u{f6}\u{df}e \u{1f600}").await };
    store.create_customer(other.clone(), &ORIGIN, None).await.expect("is created");
    store.edit_customer(edit(&plain), &ORIGIN, None).await.expect("is edited");
    for filter in [CustomerFilter::default(), within(&[acme])] {
        let expected = vec![(plain.id, read(store, plain.id).await), (other.id, read(store, other.id).await)];
        assert_eq!(listed(store, filter, 0, 0, 10).await, expected);
    }
}

pub async fn a_part_begins_after_a_customer_passes_some_over_and_ends_at_its_limit(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let all: Vec<_> = many(store, &[acme], 10).await.into_iter().map(|new| new.id.0).collect();
    for filter in [CustomerFilter::default(), within(&[acme]), beginning("Customer")] {
        let part = async |after, skip, limit| part(store, filter.clone(), after, skip, limit).await;
        assert_eq!(part(0, 0, 100).await, all);
        assert_eq!(part(0, 0, 4).await, all[..4]);
        assert_eq!(part(0, 4, 4).await, all[4..8]);
        assert_eq!(part(all[2], 0, 4).await, all[3..7]);
        assert_eq!(part(all[2], 2, 100).await, all[5..]);
        assert_eq!(part(0, 9, 5).await, all[9..]);
        assert!(part(0, 10, 5).await.is_empty());
        assert!(part(0, usize::MAX, 5).await.is_empty());
        assert!(part(all[9], 0, 5).await.is_empty());
        assert!(part(CustomerId::LIMIT, 0, 5).await.is_empty());
        assert!(part(0, 0, 0).await.is_empty());
    }
}

pub async fn a_listing_keeps_to_its_accounts(store: &dyn Store) {
    let (one, two, three) = (account(store, "one").await, account(store, "two").await, account(store, "three").await);
    let all = many(store, &[one, two, three], 120).await;
    let of = |accounts: &[AccountId]| {
        let of: Vec<_> = all.iter().filter(|new| accounts.contains(&new.account)).map(|new| new.id.0).collect();
        of
    };
    for accounts in [&[one][..], &[two, one], &[three, one, three], &[one, two, three], &[]] {
        assert_eq!(ids(store, within(accounts)).await, of(accounts), "{accounts:?}");
        let ninth = of(accounts).get(9).copied().unwrap_or_default();
        let expected: Vec<_> = of(accounts).into_iter().filter(|id| *id > ninth).skip(3).take(20).collect();
        assert_eq!(part(store, within(accounts), ninth, 3, 20).await, expected, "{accounts:?}");
    }
    assert!(ids(store, within(&[AccountId(999)])).await.is_empty());
    assert_eq!(ids(store, CustomerFilter::default()).await, of(&[one, two, three]));
}

pub async fn names_and_their_beginnings_are_compared_in_their_unique_form(store: &dyn Store) {
    let (acme, other) = (account(store, "acme").await, account(store, "other").await);
    let folded = NewCustomer { unique_name: "stra\u{df}e 100%".into(), ..draft(store, acme, "STRASSE 100%").await };
    store.create_customer(folded.clone(), &ORIGIN, None).await.expect("is created");
    let plain = customer(store, acme, "Plain_").await;
    let elsewhere = customer(store, other, "Plain_").await;

    for (name, expected) in [
        ("stra\u{df}e 100%", vec![folded.id.0]),
        ("STRASSE 100%", vec![]),
        ("Plain_", vec![plain.id.0, elsewhere.id.0]),
        ("Plain", vec![]),
        ("plain_", vec![]),
    ] {
        assert_eq!(ids(store, named(name)).await, expected, "{name}");
    }
    for (prefix, expected) in [
        ("stra\u{df}", vec![folded.id.0]),
        ("STRA", vec![]),
        ("Plain_", vec![plain.id.0, elsewhere.id.0]),
        ("P", vec![plain.id.0, elsewhere.id.0]),
        ("%", vec![]),
        ("Plain__", vec![]),
        ("_", vec![]),
        ("", vec![folded.id.0, plain.id.0, elsewhere.id.0]),
    ] {
        assert_eq!(ids(store, beginning(prefix)).await, expected, "{prefix}");
    }
    let within_acme = CustomerFilter { accounts: Some(vec![acme]), ..named("Plain_") };
    assert_eq!(ids(store, within_acme.clone()).await, [plain.id.0]);
    assert!(part(store, within_acme.clone(), plain.id.0, 0, 5).await.is_empty());
    assert!(part(store, within_acme, 0, 1, 5).await.is_empty());
    assert_eq!(part(store, named("Plain_"), 0, 1, 5).await, [elsewhere.id.0]);
}

pub async fn an_edited_customer_is_listed_as_it_is_now(store: &dyn Store) {
    let (acme, other) = (account(store, "acme").await, account(store, "other").await);
    let before = customer(store, acme, "Before").await;
    let after = NewCustomer { account: other, name: "After".into(), unique_name: "After".into(), ..before.clone() };
    let moved = EditCustomer { seen_in: acme, ..edit(&after) };
    store.edit_customer(moved, &ORIGIN, None).await.expect("is moved");
    for filter in [within(&[acme]), named("Before"), beginning("Bef")] {
        assert!(ids(store, filter).await.is_empty());
    }
    for filter in [within(&[other]), named("After"), beginning("Aft"), CustomerFilter::default()] {
        assert_eq!(ids(store, filter).await, [before.id.0]);
    }
    let next = customer(store, acme, "Before").await;
    assert_eq!(ids(store, named("Before")).await, [next.id.0]);
}

pub async fn a_refused_edit_leaves_the_name_where_it_is_found(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let (one, two) = (customer(store, acme, "One").await, customer(store, acme, "Two").await);
    let taken = NewCustomer { name: "Two".into(), unique_name: "Two".into(), ..one.clone() };
    store.edit_customer(edit(&taken), &ORIGIN, None).await.expect_err("the name is taken");
    assert_eq!(ids(store, named("One")).await, [one.id.0]);
    assert_eq!(ids(store, named("Two")).await, [two.id.0]);
}

pub async fn a_listing_is_of_what_was_written_since(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let first = draft(store, acme, "First").await;
    let second = draft(store, acme, "Second").await;
    let created = store.create_customer(first.clone(), &ORIGIN, None).await.expect("is created").at;
    store.create_customer(second.clone(), &ORIGIN, None).await.expect("is created");
    let edited = store.edit_customer(edit(&first), &ORIGIN, None).await.expect("is edited").at;
    for accounts in [None, Some(vec![acme])] {
        for unique_name in [None, Some("First".to_owned())] {
            let since = async |moment| {
                let (accounts, unique_name) = (accounts.clone(), unique_name.clone());
                let modified_since = Some(moment);
                ids(store, CustomerFilter { accounts, unique_name, modified_since, ..CustomerFilter::default() }).await
            };
            let both = if unique_name.is_none() { vec![first.id.0, second.id.0] } else { vec![first.id.0] };
            assert_eq!(since(created).await, both);
            assert_eq!(since(Timestamp(i64::MIN)).await, both);
            assert!(since(edited).await.contains(&first.id.0));
            assert!(since(Timestamp(edited.0 + 1)).await.is_empty());
            assert!(since(Timestamp(i64::MAX)).await.is_empty());
        }
    }
}

pub async fn a_long_walk_lists_everyone_once_while_others_are_created(store: &dyn Store) {
    let (one, two) = (account(store, "one").await, account(store, "two").await);
    let before = many(store, &[one, two, two], 2400).await;
    let mut calls: Vec<Call<'_, Result<Option<Written>, StoreError>>> = Vec::new();
    let later = store.reserve_customer_ids(PartitionId::FIRST, 200).await.expect("are reserved");
    for id in later {
        let name = format!("Later {id}");
        let new = NewCustomer { id, unique_name: name.clone(), name, ..before[0].clone() };
        calls.push(Box::pin(async move { store.create_customer(new, &ORIGIN, None).await.map(Some) }));
    }
    for filter in [CustomerFilter::default(), within(&[one, two]), within(&[two]), beginning("Customer")] {
        let meant = |new: &&NewCustomer| filter.accounts.as_ref().is_none_or(|only| only.contains(&new.account));
        let expected: Vec<_> = before.iter().filter(meant).map(|new| new.id.0).collect();
        calls.push(Box::pin(async move {
            let (mut walked, mut after) = (Vec::new(), 0);
            loop {
                let page = part(store, filter.clone(), after, 0, 700).await;
                let Some(last) = page.last() else { break };
                after = *last;
                walked.extend(page);
            }
            walked.retain(|id| *id <= expected[expected.len() - 1]);
            assert_eq!(walked, expected);
            Ok(None)
        }));
    }
    for answer in together(calls).await {
        answer.expect("is created");
    }
}

pub async fn one_listing_goes_as_far_as_it_must(store: &dyn Store) {
    let (one, two) = (account(store, "one").await, account(store, "two").await);
    let all: Vec<_> = many(store, &[one, two], 3000).await.into_iter().map(|new| new.id.0).collect();
    let last = all[all.len() - 1];
    for accounts in [None, Some(vec![one, two])] {
        let filter = CustomerFilter { accounts, ..CustomerFilter::default() };
        assert_eq!(ids(store, filter.clone()).await, all);
        assert_eq!(part(store, filter.clone(), 0, 2500, 3).await, all[2500..2503]);
        assert!(part(store, filter.clone(), 0, 3000, 3).await.is_empty());
        let rare = CustomerFilter { name_prefix: Some(format!("Customer {last}")), ..filter };
        assert_eq!(part(store, rare, 0, 0, 3).await, [last]);
    }
}

/// The numbers of customers around one and two steps of an adapter: a step is of 100 on SQLite and of 1,000 on PostgreSQL.
const AROUND_STEPS: [usize; 10] = [99, 100, 101, 200, 201, 999, 1000, 1001, 2000, 2001];

pub async fn a_listing_is_whole_wherever_its_steps_end(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let all: Vec<_> = many(store, &[acme], 2002).await.into_iter().map(|new| new.id.0).collect();
    for count in AROUND_STEPS {
        let (passed, left) = all.split_at(all.len() - count);
        let after = passed[passed.len() - 1];
        for filter in [CustomerFilter::default(), within(&[acme])] {
            assert_eq!(part(store, filter.clone(), after, 0, usize::MAX).await, left, "the last {count}, {filter:?}");
            assert_eq!(part(store, filter.clone(), 0, 0, count).await, all[..count], "the first {count}, {filter:?}");
            assert_eq!(part(store, filter.clone(), 0, count, 1).await, all[count..=count], "after {count}, {filter:?}");
            let last = CustomerFilter { name_prefix: Some(format!("Customer {}", all[2001])), ..filter.clone() };
            assert_eq!(part(store, last, after, 0, 2).await, all[2001..], "the last one of {count}, {filter:?}");
            let nobody = CustomerFilter { name_prefix: Some("Nobody".into()), ..filter };
            assert!(part(store, nobody, after, 0, 1).await.is_empty(), "none of {count}");
        }
    }
}

pub async fn a_listing_is_whole_however_many_accounts_it_is_of(store: &dyn Store) {
    let mut accounts = Vec::new();
    for number in 0..125 {
        accounts.push(account(store, &format!("account {number}")).await);
    }
    // 16 of each account, which is the smallest number that a step reads of one, and 17 of some.
    let all = many(store, &accounts, accounts.len() * 16 + 60).await;
    for count in [1, 2, 6, 7, 61, 62, 63, 124, 125] {
        for of in [&accounts[..count], &accounts[accounts.len() - count..]] {
            for after in [0, all[accounts.len() - 1].id.0] {
                let meant = all.iter().filter(|new| of.contains(&new.account) && new.id.0 > after);
                let expected: Vec<_> = meant.map(|new| new.id.0).collect();
                assert_eq!(part(store, within(of), after, 0, usize::MAX).await, expected, "{count} accounts");
                assert_eq!(part(store, within(of), after, 3, 10).await, expected[3..13], "{count} accounts");
            }
        }
    }
}
