//! Accounts, groups, users and keys.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{
    Call, ORIGIN, TestKeys, account, assert_one_succeeded, conflict, customer, edit, outcome, set_enabled, together,
};
use crate::{
    Conflict, DirectorySnapshot, ErasureState, KeyKind, NewKey, NewUser, RegistryKeys, Store, StoreError, UserChanges,
};
use carnelian_domain::{AccountId, AccountState, GroupId, Role, Timestamp, UserId};
use std::sync::{Arc, mpsc};

pub(super) async fn snapshot(store: &dyn Store) -> DirectorySnapshot {
    store.directory().await.expect("the directory is read")
}

async fn group(store: &dyn Store, name: &str) -> GroupId {
    store.create_group(name.into(), &ORIGIN).await.expect("a group is created").id
}

pub(super) fn new_user(name: &str, account: &str) -> NewUser {
    NewUser { name: name.into(), account: account.into(), group: None, role: Role::AccountAdmin }
}

pub(super) async fn user(store: &dyn Store, name: &str, account: &str) -> UserId {
    store.create_user(new_user(name, account), &ORIGIN).await.expect("a user is created").id
}

pub(super) fn new_key(key_id: &str, user: &str) -> NewKey {
    NewKey {
        key_id: key_id.into(),
        user: user.into(),
        digest: format!("digest of {key_id}").into_bytes(),
        kind: KeyKind::Issued,
        label: None,
        expires_at: None,
        allowed: Vec::new(),
    }
}

async fn key(store: &dyn Store, key_id: &str, user: &str) {
    store.add_key(new_key(key_id, user), &ORIGIN).await.expect("a key is added");
}

/// An account `acme`, alone in a group `europe`, with a user `alice`, who has a key `k1`.
pub(super) async fn populate(store: &dyn Store) {
    account(store, "acme").await;
    group(store, "europe").await;
    store.add_to_group("europe".into(), "acme".into(), &ORIGIN).await.expect("is added");
    user(store, "alice", "acme").await;
    key(store, "k1", "alice").await;
}

pub async fn a_new_registry_has_an_empty_directory(store: &dyn Store) {
    let empty = snapshot(store).await;
    assert!(empty.accounts.is_empty() && empty.groups.is_empty() && empty.users.is_empty() && empty.keys.is_empty());
    assert_eq!(store.directory_version().await.expect("is read"), empty.version);
}

pub async fn the_snapshot_shows_accounts_and_their_states(store: &dyn Store) {
    let wrap = |bytes: &'static [u8]| Arc::new(move |_| bytes.to_vec());
    let first = store.create_account("first".into(), wrap(b"\x00\xff"), &ORIGIN).await.expect("is created").id;
    let second = store.create_account("zweiter Ä".into(), wrap(b"other"), &ORIGIN).await.expect("is created").id;
    store.request_erasure("first".into(), 0, &ORIGIN).await.expect("is requested");

    let shown = |snapshot: DirectorySnapshot| -> Vec<_> {
        let accounts = snapshot.accounts.into_iter();
        accounts.map(|account| (account.id, account.name, account.state, account.wrapped_key)).collect()
    };
    let expected = |state| {
        vec![
            (first, "first".to_owned(), state, b"\x00\xff".to_vec()),
            (second, "zweiter Ä".to_owned(), AccountState::Active, b"other".to_vec()),
        ]
    };
    assert!(first < second);
    assert_eq!(shown(snapshot(store).await), expected(AccountState::ErasureInProgress));
    store.cancel_erasure("first".into(), &ORIGIN).await.expect("is cancelled");
    assert_eq!(shown(snapshot(store).await), expected(AccountState::Active));
}

pub async fn names_are_unique_and_looked_up_in_one_form(store: &dyn Store) {
    let (composed, decomposed) = ("Caf\u{e9}", "Cafe\u{301}");
    let home = account(store, decomposed).await;
    let west = group(store, decomposed).await;
    let ann = user(store, decomposed, composed).await;
    for name in [composed, decomposed, " Caf\u{e9} "] {
        let wrap = Arc::new(|_| Vec::new());
        assert_eq!(conflict(store.create_account(name.into(), wrap, &ORIGIN).await), Conflict::NameTaken, "{name:?}");
        assert_eq!(conflict(store.create_group(name.into(), &ORIGIN).await), Conflict::NameTaken, "{name:?}");
        let again = store.create_user(new_user(name, name), &ORIGIN).await;
        assert_eq!(conflict(again), Conflict::NameTaken, "{name:?}");
    }
    store.add_to_group(composed.into(), composed.into(), &ORIGIN).await.expect("is added");
    let changes = UserChanges { group: Some(Some(composed.into())), ..UserChanges::default() };
    store.edit_user(composed.into(), changes, &ORIGIN).await.expect("is changed");
    key(store, "k1", composed).await;
    let shown = snapshot(store).await;
    assert_eq!((shown.accounts[0].id, &*shown.accounts[0].name), (home, decomposed), "the name as received");
    assert_eq!((shown.groups[0].id, &*shown.groups[0].name), (west, decomposed));
    assert_eq!(shown.groups[0].accounts, [home]);
    let user = &shown.users[0];
    assert_eq!((user.id, user.name.as_deref(), user.account, user.group), (ann, Some(decomposed), home, Some(west)));
    // Case counts.
    account(store, "CAF\u{c9}").await;
    store.request_erasure(composed.into(), 0, &ORIGIN).await.expect("is requested");
    store.cancel_erasure(" Caf\u{e9}".into(), &ORIGIN).await.expect("is cancelled");
}

pub async fn the_snapshot_shows_groups_and_their_accounts_in_order(store: &dyn Store) {
    let (a, b) = (account(store, "a").await, account(store, "b").await);
    let (empty, both) = (group(store, "empty").await, group(store, "both").await);
    for account in ["b", "a"] {
        store.add_to_group("both".into(), account.into(), &ORIGIN).await.expect("is added");
    }
    let shown = |snapshot: DirectorySnapshot| -> Vec<_> {
        snapshot.groups.into_iter().map(|group| (group.id, group.name, group.accounts)).collect()
    };
    let expected = |accounts| vec![(empty, "empty".to_owned(), vec![]), (both, "both".to_owned(), accounts)];
    assert_eq!(shown(snapshot(store).await), expected(vec![a, b]));
    store.remove_from_group("both".into(), "a".into(), &ORIGIN).await.expect("is removed");
    assert_eq!(shown(snapshot(store).await), expected(vec![b]));
    store.add_to_group("both".into(), "a".into(), &ORIGIN).await.expect("can be added again");
    assert_eq!(shown(snapshot(store).await), expected(vec![a, b]));
}

pub async fn the_snapshot_shows_users(store: &dyn Store) {
    let (home, team) = (account(store, "home").await, group(store, "team").await);
    let mut ids = Vec::new();
    for role in Role::ALL {
        ids.push(
            store.create_user(NewUser { role, ..new_user(role.name(), "home") }, &ORIGIN).await.expect("is created").id,
        );
    }
    let member = NewUser { group: Some("team".into()), ..new_user("member", "home") };
    ids.push(store.create_user(member, &ORIGIN).await.expect("is created").id);
    set_enabled(store, "member", false).await.expect("is disabled");

    let shown = snapshot(store).await.users;
    assert_eq!(shown.iter().map(|user| user.id).collect::<Vec<_>>(), ids);
    for (user, role) in shown.iter().zip(Role::ALL) {
        assert_eq!((user.name.as_deref(), user.account, user.group), (Some(role.name()), home, None));
        assert!(user.role == role && user.enabled);
    }
    assert_eq!((shown[3].group, shown[3].role, shown[3].enabled), (Some(team), Role::AccountAdmin, false));
    set_enabled(store, "member", true).await.expect("is enabled");
    assert!(snapshot(store).await.users[3].enabled);
}

pub async fn the_snapshot_shows_keys_in_the_order_of_creation(store: &dyn Store) {
    account(store, "acme").await;
    let (alice, bob) = (user(store, "alice", "acme").await, user(store, "bob", "acme").await);
    let imported = NewKey {
        kind: KeyKind::Imported,
        label: Some("the old one".into()),
        expires_at: Some(Timestamp(4_102_444_800_123)),
        digest: (0..=255).collect(),
        ..new_key("z", "bob")
    };
    store.add_key(imported, &ORIGIN).await.expect("is added");
    key(store, "a", "alice").await;
    store.revoke_key("a".into(), &ORIGIN).await.expect("is revoked");

    let keys = snapshot(store).await.keys;
    let [old, new] = keys.as_slice() else { panic!("not two keys: {keys:?}") };
    assert_eq!((old.key_id.as_str(), old.user, old.kind), ("z", bob, KeyKind::Imported));
    assert_eq!(old.digest, (0..=255).collect::<Vec<u8>>());
    assert_eq!(old.label.as_deref(), Some("the old one"));
    assert_eq!((old.expires_at, old.revoked_at), (Some(Timestamp(4_102_444_800_123)), None));
    assert_eq!((new.key_id.as_str(), new.user, new.kind), ("a", alice, KeyKind::Issued));
    assert_eq!((&new.digest, &new.label, new.expires_at), (&b"digest of a".to_vec(), &None, None));
    assert!(new.revoked_at.is_some_and(|revoked_at| revoked_at >= new.created_at));
}

pub async fn a_key_is_wrapped_for_the_account_that_is_created(store: &dyn Store) {
    account(store, "earlier").await;
    let (sender, ids) = mpsc::channel();
    let wrap = move |id: AccountId| {
        sender.send(id).expect("the case listens");
        format!("key of {id}").into_bytes()
    };
    let id = store.create_account("acme".into(), Arc::new(wrap), &ORIGIN).await.expect("is created").id;
    assert_eq!(ids.iter().last(), Some(id));
    assert_eq!(snapshot(store).await.accounts[1].wrapped_key, format!("key of {id}").into_bytes());
}

pub async fn the_version_grows_with_every_change(store: &dyn Store) {
    let (acme, europe) = (|| "acme".to_owned(), || "europe".to_owned());
    let changes: [Call<'_, Result<(), StoreError>>; 12] = [
        outcome(store.create_account(acme(), Arc::new(|_| vec![1]), &ORIGIN)),
        outcome(store.create_group(europe(), &ORIGIN)),
        outcome(store.add_to_group(europe().into(), acme().into(), &ORIGIN)),
        outcome(store.create_user(new_user("alice", "acme"), &ORIGIN)),
        outcome(store.add_key(new_key("k1", "alice"), &ORIGIN)),
        outcome(store.revoke_key("k1".into(), &ORIGIN)),
        outcome(set_enabled(store, "alice", false)),
        outcome(set_enabled(store, "alice", true)),
        outcome(store.request_erasure(acme().into(), 0, &ORIGIN)),
        outcome(store.cancel_erasure(acme().into(), &ORIGIN)),
        outcome(store.remove_from_group(europe().into(), acme().into(), &ORIGIN)),
        outcome(store.add_to_group(europe().into(), acme().into(), &ORIGIN)),
    ];
    let mut last = snapshot(store).await.version;
    for (turn, change) in changes.into_iter().enumerate() {
        change.await.expect("is changed");
        let version = store.directory_version().await.expect("is read");
        assert!(version > last, "change {turn}");
        assert_eq!(snapshot(store).await.version, version);
        last = version;
    }
}

pub async fn customer_writes_leave_the_version_alone(store: &dyn Store) {
    let account = account(store, "acme").await;
    let before = store.directory_version().await.expect("is read");
    let created = customer(store, account, "Created").await;
    store.edit_customer(edit(&created), &ORIGIN, None).await.expect("is edited");
    assert_eq!(store.directory_version().await.expect("is read"), before);
}

pub async fn names_are_unique_among_their_kind_and_with_their_case(store: &dyn Store) {
    for name in ["acme", "Acme", "äcme", "acmé", "'acme'"] {
        account(store, name).await;
        group(store, name).await;
        user(store, name, name).await;
        key(store, name, name).await;
    }
    let shown = snapshot(store).await;
    assert_eq!((shown.accounts.len(), shown.groups.len(), shown.users.len(), shown.keys.len()), (5, 5, 5, 5));
    assert!(shown.users.iter().zip(&shown.accounts).all(|(user, account)| user.account == account.id));
}

pub async fn a_registry_keeps_its_id(store: &dyn Store) {
    let id = store.registry_id().await.expect("a registry has an id");
    assert_ne!(id.0, [0; 16]);
    account(store, "acme").await;
    assert_eq!(store.registry_id().await.expect("a registry has an id"), id);
}

/// The directory, which must be what was sealed.
async fn sealed(store: &dyn Store) -> DirectorySnapshot {
    let key = TestKeys.directory_key(store.registry_id().await.expect("a registry has an id"));
    let directory = snapshot(store).await;
    assert_eq!(directory.check(&*key), Ok(()), "{directory:?}");
    directory
}

pub async fn every_change_of_the_directory_is_sealed(store: &dyn Store) {
    let mut version = sealed(store).await.version;
    let mut is_newer = async || {
        let before = std::mem::replace(&mut version, sealed(store).await.version);
        assert!(version > before);
    };
    let acme = account(store, "acme").await;
    is_newer().await;
    group(store, "west").await;
    is_newer().await;
    store.add_to_group("west".into(), "acme".into(), &ORIGIN).await.expect("is added");
    is_newer().await;
    user(store, "ann", "acme").await;
    is_newer().await;
    key(store, "k1", "ann").await;
    is_newer().await;
    let changes = UserChanges { role: Some(Role::Operator), group: Some(Some("west".into())), enabled: Some(false) };
    store.edit_user("ann".into(), changes, &ORIGIN).await.expect("is edited");
    is_newer().await;
    store.revoke_key("k1".into(), &ORIGIN).await.expect("is revoked");
    is_newer().await;
    store.remove_from_group("west".into(), "acme".into(), &ORIGIN).await.expect("is removed");
    is_newer().await;
    store.request_erasure("acme".into(), 1000, &ORIGIN).await.expect("is requested");
    is_newer().await;
    store.cancel_erasure("acme".into(), &ORIGIN).await.expect("is cancelled");
    is_newer().await;
    let erasure = store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested").id;
    is_newer().await;
    super::erasure::erase(store, erasure).await;
    is_newer().await;
    assert_eq!(snapshot(store).await.accounts[0].id, acme);
    store.note_key_uses(vec![("k1".into(), Timestamp(1))]).await.expect("are noted");
    assert_eq!(sealed(store).await.version, version, "no change of the directory");
}

pub async fn an_edit_of_a_user_that_changes_nothing_leaves_version_and_log_alone(store: &dyn Store) {
    account(store, "acme").await;
    group(store, "west").await;
    user(store, "ann", "acme").await;
    let joins = UserChanges { role: None, group: Some(Some("west".into())), enabled: Some(true) };
    let edited = store.edit_user("ann".into(), joins.clone(), &ORIGIN).await.expect("is edited");
    let (before, log) = (sealed(store).await.version, super::audit_log(store).await);
    for changes in [UserChanges::default(), joins] {
        let same = store.edit_user("ann".into(), changes, &ORIGIN).await.expect("nothing differs");
        assert_eq!((same.id, same.group, same.enabled), (edited.id, edited.group, edited.enabled));
    }
    assert_eq!(sealed(store).await.version, before);
    assert_eq!(super::audit_log(store).await, log);
}

pub async fn a_directory_can_be_sealed_again(store: &dyn Store) {
    account(store, "acme").await;
    let before = sealed(store).await;
    let resealed = store.reseal_directory(&ORIGIN).await.expect("is sealed");
    let after = sealed(store).await;
    assert!(after.version > before.version);
    assert_eq!((resealed.version, resealed.seal), (after.version, after.seal));
    let log = super::audit_log(store).await;
    assert!(log.last().expect("there is an entry").entry.contains("reseal_directory"));
}

pub async fn the_first_key_proof_stays(store: &dyn Store) {
    for offered in [b"first".to_vec(), b"second".to_vec(), Vec::new()] {
        assert_eq!(store.key_proof(offered).await.expect("is settled"), b"first");
    }
}

pub async fn one_of_many_concurrent_creates_of_an_account_succeeds(store: &dyn Store) {
    let answers =
        together((0..20).map(|_| store.create_account("wanted".into(), Arc::new(|_| vec![1]), &ORIGIN))).await;
    assert_one_succeeded(answers, Conflict::NameTaken);
    let others =
        together((0..20).map(|turn| store.create_account(format!("{turn}"), Arc::new(|_| vec![1]), &ORIGIN))).await;
    let mut ids: Vec<_> = others.into_iter().map(|answer| answer.expect("is created").id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

pub async fn a_change_returns_the_record_that_it_wrote(store: &dyn Store) {
    let account = store.create_account("acme".into(), Arc::new(|_| vec![7]), &ORIGIN).await.expect("is created");
    let created = (account.name.as_str(), account.state, account.wrapped_key.as_slice());
    assert_eq!(created, ("acme", AccountState::Active, [7].as_slice()));
    let group = store.create_group("team".into(), &ORIGIN).await.expect("is created");
    assert_eq!((group.name.as_str(), group.accounts), ("team", vec![]));
    let joined = store.add_to_group("team".into(), "acme".into(), &ORIGIN).await.expect("is added");
    assert_eq!((joined.id, joined.accounts), (group.id, vec![account.id]));
    let left = store.remove_from_group("team".into(), "acme".into(), &ORIGIN).await.expect("is removed");
    assert_eq!(left.accounts, vec![]);
    let user = store.create_user(new_user("ann", "acme"), &ORIGIN).await.expect("is created");
    assert_eq!((user.name.as_deref(), user.account, user.enabled), (Some("ann"), account.id, true));
    assert!(user.created_at > Timestamp(0), "{user:?}");
    let disabled = set_enabled(store, "ann", false).await.expect("is disabled");
    assert_eq!((disabled.id, disabled.enabled, disabled.created_at), (user.id, false, user.created_at));
    assert_eq!(store.directory().await.expect("is read").users[0].created_at, user.created_at);
    let key = store.add_key(new_key("k1", "ann"), &ORIGIN).await.expect("is added");
    assert_eq!((key.key_id.as_str(), key.user, key.revoked_at), ("k1", user.id, None));
    let revoked = store.revoke_key("k1".into(), &ORIGIN).await.expect("is revoked");
    assert!(revoked.revoked_at.is_some());
    let keys = store.user_keys(user.id).await.expect("are read");
    assert_eq!(keys.iter().map(|key| &key.key_id).collect::<Vec<_>>(), ["k1"]);
    let erasure = store.request_erasure("acme".into(), 60, &ORIGIN).await.expect("is requested");
    assert_eq!((erasure.account, erasure.state), (account.id, ErasureState::Waiting));
    let cancelled = store.cancel_erasure("acme".into(), &ORIGIN).await.expect("is cancelled");
    assert_eq!((cancelled.id, cancelled.state), (erasure.id, ErasureState::Cancelled));
}
