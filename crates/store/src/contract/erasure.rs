//! Erasing accounts.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, conflict, customer, draft, read, together};
use crate::{Conflict, ErasureRecord, ErasureState, IdempotencyKey, KeyKind, NewKey, NewUser, Store, WorkerId};
use carnelian_domain::{AccountState, ErasureId, Role};
use std::{
    future::{Future, poll_fn},
    iter,
    pin::pin,
    task::Poll,
    time::Duration,
};

const WORKER: WorkerId = WorkerId([1; 16]);
const OTHER_WORKER: WorkerId = WorkerId([2; 16]);

/// A lease that does not expire during a test.
const LEASE: Duration = Duration::from_secs(3600);

async fn request(store: &dyn Store, account: &str, grace_seconds: u64) -> ErasureId {
    store.request_erasure(account.into(), grace_seconds, &ORIGIN).await.expect("is requested").id
}

async fn claim(store: &dyn Store) -> Option<ErasureRecord> {
    store.claim_erasure(WORKER, LEASE).await.expect("the store works")
}

async fn run(store: &dyn Store, id: ErasureId) -> ErasureRecord {
    let run = store.run_erasure(id, WORKER, LEASE, &ORIGIN).await;
    run.expect("the store works").expect("the worker holds the lease")
}

/// Carries an erasure out, all but its receipt.
pub(super) async fn erase(store: &dyn Store, id: ErasureId) -> ErasureRecord {
    assert_eq!(claim(store).await.map(|claimed| (claimed.id, claimed.state)), Some((id, ErasureState::Running)));
    run(store, id).await
}

/// Runs an erasure of many customers until some of them are erased, and interrupts it.
async fn interrupt(store: &dyn Store, id: ErasureId) {
    let mut run = pin!(store.run_erasure(id, WORKER, LEASE, &ORIGIN));
    while store.erasures().await.expect("are listed")[0].customers == 0 {
        let running = poll_fn(|context| Poll::Ready(run.as_mut().poll(context).is_pending())).await;
        assert!(running, "the erasure has ended before it could be interrupted");
    }
}

pub async fn an_erasure_waits_until_it_is_due(store: &dyn Store) {
    account(store, "acme").await;
    let id = request(store, "acme", 3600).await;
    assert_eq!(claim(store).await, None);
    let [waiting] = &store.erasures().await.expect("are listed")[..] else { panic!("one erasure") };
    assert_eq!((waiting.id, waiting.state), (id, ErasureState::Waiting));
    assert_eq!(waiting.due_at, waiting.requested_at.plus_seconds(3600));
}

pub async fn an_account_is_erased_with_all_its_customers(store: &dyn Store) {
    let (acme, other) = (account(store, "acme").await, account(store, "other").await);
    let mut erased = Vec::new();
    for number in 0..23 {
        erased.push(customer(store, acme, &format!("Customer {number}")).await.id);
    }
    let kept = customer(store, other, "Kept").await;
    let id = request(store, "acme", 0).await;
    let claimed = claim(store).await.expect("it is due");
    assert_eq!((claimed.id, claimed.account, claimed.state, claimed.customers), (id, acme, ErasureState::Running, 0));
    let ended = run(store, id).await;
    assert_eq!((ended.state, ended.customers), (ErasureState::Erased, 23));
    assert!(ended.erased_at.is_some());
    for id in erased {
        assert_eq!(store.customer(id).await.expect("the store can be read"), None);
    }
    assert_eq!(read(store, kept.id).await.account, other);
    assert_eq!(run(store, id).await, ended, "nothing is left to do");
}

pub async fn an_account_is_erased_wherever_the_steps_end(store: &dyn Store) {
    let kept = account(store, "kept").await;
    let kept = customer(store, kept, "Kept").await;
    // Around one and two steps: a step is of 5 customers on SQLite and of 200 on PostgreSQL.
    for count in [0, 4, 5, 6, 10, 11, 199, 200, 201, 400] {
        let acme = account(store, "acme").await;
        let mut drafts = Vec::new();
        for number in 0..count {
            drafts.push(draft(store, acme, &format!("Customer {number}")).await);
        }
        for answer in together(drafts.iter().map(|new| store.create_customer(new.clone(), &ORIGIN, None))).await {
            answer.expect("is created");
        }
        let id = request(store, "acme", 0).await;
        let ended = erase(store, id).await;
        assert_eq!((ended.state, ended.customers), (ErasureState::Erased, count), "{count} customers");
        for new in drafts {
            assert_eq!(store.customer(new.id).await.expect("the store can be read"), None, "{count} customers");
        }
    }
    read(store, kept.id).await;
}

pub async fn a_claimed_erasure_is_not_given_to_another_worker(store: &dyn Store) {
    account(store, "acme").await;
    let id = request(store, "acme", 0).await;
    claim(store).await.expect("it is due");
    assert_eq!(store.claim_erasure(OTHER_WORKER, LEASE).await.expect("the store works"), None);
    assert_eq!(store.run_erasure(id, OTHER_WORKER, LEASE, &ORIGIN).await.expect("the store works"), None);
    assert_eq!(claim(store).await.map(|again| again.id), Some(id), "a worker can claim again what it holds");
    assert_eq!(run(store, id).await.state, ErasureState::Erased);
}

pub async fn another_worker_takes_over_once_the_lease_has_expired(store: &dyn Store) {
    let acme = account(store, "acme").await;
    for number in 0..12 {
        customer(store, acme, &format!("Customer {number}")).await;
    }
    let id = request(store, "acme", 0).await;
    store.claim_erasure(WORKER, Duration::ZERO).await.expect("the store works").expect("it is due");
    let taken = store.claim_erasure(OTHER_WORKER, LEASE).await.expect("the store works");
    assert_eq!(taken.map(|taken| taken.id), Some(id));
    assert_eq!(store.run_erasure(id, WORKER, LEASE, &ORIGIN).await.expect("the store works"), None);
    let ended = store.run_erasure(id, OTHER_WORKER, LEASE, &ORIGIN).await.expect("the store works");
    assert_eq!(ended.map(|ended| (ended.state, ended.customers)), Some((ErasureState::Erased, 12)));
}

pub async fn a_running_erasure_renews_its_lease(store: &dyn Store) {
    let acme = account(store, "acme").await;
    for number in 0..23 {
        customer(store, acme, &format!("Customer {number}")).await;
    }
    let id = request(store, "acme", 0).await;
    store.claim_erasure(WORKER, Duration::ZERO).await.expect("the store works").expect("it is due");
    interrupt(store, id).await;
    let taken = store.claim_erasure(OTHER_WORKER, LEASE).await.expect("the store works");
    assert_eq!(taken, None);
}

pub async fn an_erased_account_s_name_and_its_users_names_are_free(store: &dyn Store) {
    let acme = account(store, "acme").await;
    store.create_group("west".into(), &ORIGIN).await.expect("is created");
    store.add_to_group("west".into(), "acme".into(), &ORIGIN).await.expect("is added");
    let (group, role) = (Some("west".into()), Role::AccountAdmin);
    let ann = NewUser { name: "ann".into(), account: "acme".into(), group, role };
    store.create_user(ann.clone(), &ORIGIN).await.expect("is created");
    for key_id in ["k1", "k2"] {
        let (digest, kind) = (key_id.as_bytes().to_vec(), KeyKind::Issued);
        let (key_id, label) = (key_id.into(), Some("laptop of ann".into()));
        let (user, allowed) = ("ann".into(), Vec::new());
        let key = NewKey { key_id, user, digest, kind, label, expires_at: None, allowed };
        store.add_key(key, &ORIGIN).await.expect("is added");
    }
    let before = store.directory_version().await.expect("is read");
    let id = request(store, "acme", 0).await;
    let erased = erase(store, id).await;
    assert_eq!((erased.users, erased.keys, erased.customers), (1, 2, 0));

    let directory = store.directory().await.expect("is read");
    assert!(directory.version > before + 1, "every process must read the directory again");
    let erased = &directory.accounts[0];
    assert_eq!(
        (erased.id, erased.state, &*erased.name, erased.wrapped_key.is_empty()),
        (acme, AccountState::Erased, "", true)
    );
    assert!(directory.groups[0].accounts.is_empty() && directory.keys.is_empty());
    let user = &directory.users[0];
    assert!(!user.enabled && user.name.is_none() && user.group.is_none());
    let again = account(store, "acme").await;
    assert!(again > acme, "an id is never given again");
    store.create_user(NewUser { group: None, ..ann }, &ORIGIN).await.expect("the user name is free");
}

pub async fn an_interrupted_erasure_is_continued_until_it_has_a_receipt(store: &dyn Store) {
    let acme = account(store, "acme").await;
    for number in 0..23 {
        customer(store, acme, &format!("Customer {number}")).await;
    }
    let id = request(store, "acme", 0).await;
    claim(store).await.expect("it is due");
    interrupt(store, id).await;
    assert_eq!(conflict(store.keep_receipt(id, "early".into()).await), Conflict::NoSuchErasure);
    assert_eq!(claim(store).await.map(|again| again.id), Some(id));
    let ended = run(store, id).await;
    assert_eq!((ended.state, ended.customers), (ErasureState::Erased, 23));
    assert_eq!(claim(store).await, None);
    let purged = store.purge().await.expect("the store works");
    assert_eq!(purged.erasures, 1);
    assert!(purged.overwritten_at.is_none_or(|at| Some(at) >= ended.erased_at), "{purged:?}, {ended:?}");
    store.keep_receipt(id, "receipt".into()).await.expect("is kept");
    let [ended] = &store.erasures().await.expect("are listed")[..] else { panic!("one erasure") };
    assert_eq!((ended.state, ended.receipt.as_deref()), (ErasureState::Receipted, Some("receipt")));
}

pub async fn an_erasure_can_be_cancelled_until_it_is_claimed(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let first = request(store, "acme", 0).await;
    store.cancel_erasure("acme".into(), &ORIGIN).await.expect("it is not claimed");
    assert_eq!(claim(store).await, None);
    let kept = customer(store, acme, "Kept").await;
    let second = request(store, "acme", 0).await;
    claim(store).await.expect("it is due");
    assert_eq!(conflict(store.cancel_erasure("acme".into(), &ORIGIN).await), Conflict::ErasureRunning);
    let late = draft(store, acme, "Late").await;
    assert_eq!(
        conflict(store.create_customer(late, &ORIGIN, None).await),
        Conflict::ErasureInProgress,
        "the erasure continues"
    );
    run(store, second).await;
    assert_eq!(store.customer(kept.id).await.expect("the store can be read"), None);
    let states = store.erasures().await.expect("are listed");
    let states: Vec<_> = states.iter().map(|erasure| (erasure.id, erasure.state)).collect();
    assert_eq!(states, [(first, ErasureState::Cancelled), (second, ErasureState::Erased)]);
}

pub async fn an_account_can_be_erased_once_at_a_time(store: &dyn Store) {
    account(store, "acme").await;
    let id = request(store, "acme", 0).await;
    let again = store.request_erasure("acme".into(), 0, &ORIGIN).await;
    assert_eq!(conflict(again), Conflict::ErasureInProgress);
    erase(store, id).await;
    assert_eq!(conflict(store.request_erasure("acme".into(), 0, &ORIGIN).await), Conflict::NoSuchAccount);
    let unknown = store.run_erasure(ErasureId(id.0 + 1), WORKER, LEASE, &ORIGIN).await;
    assert_eq!(conflict(unknown), Conflict::NoSuchErasure);
}

pub async fn idempotent_writes_of_erased_users_are_forgotten(store: &dyn Store) {
    account(store, "acme").await;
    let other = account(store, "other").await;
    let user = async |name: &str, account: &str| {
        let new = NewUser { name: name.into(), account: account.into(), group: None, role: Role::Operator };
        store.create_user(new, &ORIGIN).await.expect("is created").id
    };
    let (ann, bob) = (user("ann", "acme").await, user("bob", "other").await);
    let mut keys = Vec::new();
    for (number, user) in iter::once(bob).chain(iter::repeat_n(ann, 600)).enumerate() {
        let key = IdempotencyKey { user, key: format!("key {number}"), fingerprint: vec![7; 32] };
        let draft = draft(store, other, &format!("Customer {number}")).await;
        store.create_customer(draft, &ORIGIN, Some(key.clone())).await.expect("is created");
        keys.push(key);
    }
    let id = request(store, "acme", 0).await;
    erase(store, id).await;
    for key in keys {
        let before = store.find_idempotent_write(&key).await.expect("the store can be read");
        assert_eq!(before.is_some(), key.user == bob, "{key:?}");
    }
}
