//! Erasing accounts.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, conflict, customer, draft, read};
use crate::{Conflict, ErasureRecord, ErasureState, IdempotencyKey, KeyKind, NewKey, NewUser, Store};
use carnelian_domain::{AccountState, ErasureId, Role};
use std::iter;

async fn request(store: &dyn Store, account: &str, grace_seconds: u64) -> ErasureId {
    store.request_erasure(account.into(), grace_seconds, &ORIGIN).await.expect("is requested")
}

async fn begin(store: &dyn Store) -> Option<ErasureRecord> {
    store.begin_erasure().await.expect("the store works")
}

async fn go_on(store: &dyn Store, id: ErasureId, limit: usize) -> ErasureRecord {
    store.continue_erasure(id, limit, &ORIGIN).await.expect("the store works")
}

/// Carries an erasure out, all but its receipt.
async fn erase(store: &dyn Store, id: ErasureId) -> ErasureRecord {
    assert_eq!(begin(store).await.map(|begun| (begun.id, begun.state)), Some((id, ErasureState::Running)));
    go_on(store, id, 1000).await
}

pub async fn an_erasure_waits_until_it_is_due(store: &dyn Store) {
    account(store, "acme").await;
    let id = request(store, "acme", 3600).await;
    assert_eq!(begin(store).await, None);
    let [waiting] = &store.erasures().await.expect("are listed")[..] else { panic!("one erasure") };
    assert_eq!((waiting.id, waiting.state), (id, ErasureState::Waiting));
    assert_eq!(waiting.due_at, waiting.requested_at.plus_seconds(3600));
}

pub async fn an_account_is_erased_step_by_step_and_whole(store: &dyn Store) {
    let (acme, other) = (account(store, "acme").await, account(store, "other").await);
    let mut erased = Vec::new();
    for number in 0..5 {
        erased.push(customer(store, acme, &format!("Customer {number}")).await.id);
    }
    let kept = customer(store, other, "Kept").await;
    let id = request(store, "acme", 0).await;
    let begun = begin(store).await.expect("it is due");
    assert_eq!((begun.id, begun.account, begun.state, begun.customers), (id, acme, ErasureState::Running, 0));
    let steps = [(ErasureState::Running, 2), (ErasureState::Running, 4), (ErasureState::Erased, 5)];
    for (state, customers) in steps {
        let now = go_on(store, id, 2).await;
        assert_eq!((now.state, now.customers), (state, customers));
    }
    for id in erased {
        assert_eq!(store.customer(id).await.expect("the store can be read"), None);
    }
    assert_eq!(read(store, kept.id).await.account, other);
    let again = go_on(store, id, 2).await;
    assert_eq!((again.state, again.customers), (ErasureState::Erased, 5));
    assert!(again.erased_at.is_some());
}

pub async fn an_erased_account_s_name_is_free_and_its_users_are_nobody(store: &dyn Store) {
    let acme = account(store, "acme").await;
    store.create_group("west".into(), &ORIGIN).await.expect("is created");
    store.add_to_group("west".into(), "acme".into(), &ORIGIN).await.expect("is added");
    let (group, role) = (Some("west".into()), Role::AccountAdmin);
    let ann = NewUser { name: "ann".into(), account: "acme".into(), group, role };
    store.create_user(ann.clone(), &ORIGIN).await.expect("is created");
    for key_id in ["k1", "k2"] {
        let (digest, kind) = (key_id.as_bytes().to_vec(), KeyKind::Issued);
        let (key_id, label) = (key_id.into(), Some("of ann".into()));
        let (user, allowed) = ("ann".into(), Vec::new());
        let key = NewKey { key_id, user, digest, kind, label, expires_at: None, allowed };
        store.add_key(key, &ORIGIN).await.expect("is added");
    }
    let before = store.directory_version().await.expect("is read");
    let id = request(store, "acme", 0).await;
    let erased = erase(store, id).await;
    assert_eq!((erased.users, erased.keys, erased.customers), (1, 2, 0));

    let directory = store.directory().await.expect("is read");
    assert!(directory.version > before + 1, "everybody must read it again");
    let left = &directory.accounts[0];
    assert_eq!((left.id, left.state, &*left.name, left.wrapped_key.is_empty()), (acme, AccountState::Erased, "", true));
    assert!(directory.groups[0].accounts.is_empty() && directory.keys.is_empty());
    let user = &directory.users[0];
    assert!(!user.enabled && user.name != "ann" && user.group.is_none());
    let again = account(store, "acme").await;
    assert!(again > acme, "an id is never given again");
    store.create_user(NewUser { group: None, ..ann }, &ORIGIN).await.expect("the user name is free");
}

pub async fn an_erasure_goes_on_where_it_was_until_it_has_a_receipt(store: &dyn Store) {
    let acme = account(store, "acme").await;
    for number in 0..3 {
        customer(store, acme, &format!("Customer {number}")).await;
    }
    let id = request(store, "acme", 0).await;
    begin(store).await.expect("it is due");
    go_on(store, id, 2).await;
    assert_eq!(begin(store).await.map(|again| (again.id, again.customers)), Some((id, 2)));
    assert_eq!(conflict(store.keep_receipt(id, "early".into()).await), Conflict::NoSuchErasure);
    assert_eq!(go_on(store, id, 2).await.state, ErasureState::Erased);
    assert_eq!(begin(store).await, None);
    store.overwrite_erased().await.expect("the store works");
    store.keep_receipt(id, "receipt".into()).await.expect("is kept");
    let [ended] = &store.erasures().await.expect("are listed")[..] else { panic!("one erasure") };
    assert_eq!((ended.state, ended.receipt.as_deref()), (ErasureState::Receipted, Some("receipt")));
}

pub async fn an_erasure_can_be_taken_back_until_it_begins(store: &dyn Store) {
    let acme = account(store, "acme").await;
    let first = request(store, "acme", 0).await;
    store.cancel_erasure("acme".into(), &ORIGIN).await.expect("it has not begun");
    assert_eq!(begin(store).await, None);
    let kept = customer(store, acme, "Kept").await;
    let second = request(store, "acme", 0).await;
    begin(store).await.expect("it is due");
    assert_eq!(conflict(store.cancel_erasure("acme".into(), &ORIGIN).await), Conflict::ErasureRunning);
    let late = draft(store, acme, "Late").await;
    assert_eq!(conflict(store.create_customer(late, &ORIGIN, None).await), Conflict::ErasureInProgress, "it goes on");
    go_on(store, second, 10).await;
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
    let unknown = store.continue_erasure(ErasureId(id.0 + 1), 1, &ORIGIN).await;
    assert_eq!(conflict(unknown), Conflict::NoSuchErasure);
}

pub async fn what_erased_users_wrote_under_keys_is_forgotten_step_by_step(store: &dyn Store) {
    account(store, "acme").await;
    let other = account(store, "other").await;
    let user = async |name: &str, account: &str| {
        let new = NewUser { name: name.into(), account: account.into(), group: None, role: Role::Operator };
        store.create_user(new, &ORIGIN).await.expect("is created")
    };
    let (ann, bob) = (user("ann", "acme").await, user("bob", "other").await);
    let mut asked = Vec::new();
    for (number, user) in iter::once(bob).chain(iter::repeat_n(ann, 150)).enumerate() {
        let key = IdempotencyKey { user, key: format!("key {number}"), fingerprint: vec![7; 32] };
        let draft = draft(store, other, &format!("Customer {number}")).await;
        let written = store.create_customer(draft, &ORIGIN, Some(key.clone())).await.expect("is created");
        asked.push((key, written));
    }
    let id = request(store, "acme", 0).await;
    begin(store).await.expect("it is due");
    for state in [ErasureState::Running, ErasureState::Erased] {
        assert_eq!(go_on(store, id, 1).await.state, state);
    }
    for (key, written) in asked {
        let before = store.written_before(&key, written.at).await.expect("the store can be read");
        assert_eq!(before.is_some(), key.user == bob, "{key:?}");
    }
}
