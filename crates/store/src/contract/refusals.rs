//! Changes of the directory that are refused.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{
    Call, ORIGIN, account, audit_log, conflict, customer,
    directory::{new_key, new_user, populate, snapshot, user},
    draft, edit, outcome, read, set_enabled, together,
};
use crate::{
    Conflict, EraseCustomer, IdempotencyKey, NewCustomer, NewKey, NewUser, Store, StoreError, UserChanges, Written,
};
use carnelian_domain::{Actor, Origin, UserId};
use std::sync::Arc;

pub async fn a_refused_change_changes_nothing(store: &dyn Store) {
    populate(store).await;
    store.revoke_key("k1".into(), &ORIGIN).await.expect("is revoked");
    let before = format!("{:?}", snapshot(store).await);
    let (acme, europe) = (|| "acme".to_owned(), || "europe".to_owned());
    let refused: [Call<'_, Result<(), StoreError>>; 10] = [
        outcome(store.create_account(acme(), Arc::new(|_| vec![1]), &ORIGIN)),
        outcome(store.create_group(europe(), &ORIGIN)),
        outcome(store.create_user(new_user("alice", "acme"), &ORIGIN)),
        outcome(store.add_to_group(europe().into(), acme().into(), &ORIGIN)),
        outcome(store.remove_from_group(europe().into(), "nobody".into(), &ORIGIN)),
        outcome(store.add_key(new_key("k1", "alice"), &ORIGIN)),
        outcome(store.revoke_key("k1".into(), &ORIGIN)),
        outcome(store.request_erasure("nobody".into(), 0, &ORIGIN)),
        outcome(set_enabled(store, "nobody", false)),
        outcome(store.cancel_erasure(acme().into(), &ORIGIN)),
    ];
    for change in refused {
        conflict(change.await);
        assert_eq!(format!("{:?}", snapshot(store).await), before);
    }
}

pub async fn accounts_are_refused(store: &dyn Store) {
    account(store, "acme").await;
    let create = || store.create_account("acme".into(), Arc::new(|_| vec![1]), &ORIGIN);
    let (request, cancel) = (
        |name: &str| store.request_erasure(name.into(), 0, &ORIGIN),
        |name: &str| store.cancel_erasure(name.into(), &ORIGIN),
    );
    assert_eq!(conflict(create().await), Conflict::NameTaken);
    assert_eq!(conflict(request("nobody").await), Conflict::NoSuchAccount);
    assert_eq!(conflict(cancel("nobody").await), Conflict::NoSuchAccount);
    assert_eq!(conflict(cancel("acme").await), Conflict::NoErasureInProgress);
    request("acme").await.expect("is requested");
    assert_eq!(conflict(request("acme").await), Conflict::ErasureInProgress);
    assert_eq!(conflict(create().await), Conflict::NameTaken, "it may still be cancelled");
    cancel("acme").await.expect("is cancelled");
    assert_eq!(conflict(cancel("acme").await), Conflict::NoErasureInProgress);
}

pub async fn groups_are_refused(store: &dyn Store) {
    populate(store).await;
    account(store, "other").await;
    let add = |group: &str, account: &str| store.add_to_group(group.into(), account.into(), &ORIGIN);
    let remove = |group: &str, account: &str| store.remove_from_group(group.into(), account.into(), &ORIGIN);
    assert_eq!(conflict(store.create_group("europe".into(), &ORIGIN).await), Conflict::NameTaken);
    assert_eq!(conflict(add("nowhere", "acme").await), Conflict::NoSuchGroup);
    assert_eq!(conflict(add("europe", "nobody").await), Conflict::NoSuchAccount);
    assert_eq!(conflict(add("europe", "acme").await), Conflict::AlreadyInGroup);
    assert_eq!(conflict(remove("nowhere", "acme").await), Conflict::NoSuchGroup);
    assert_eq!(conflict(remove("europe", "nobody").await), Conflict::NoSuchAccount);
    assert_eq!(conflict(remove("europe", "other").await), Conflict::NotInGroup);
    remove("europe", "acme").await.expect("is removed");
    assert_eq!(conflict(remove("europe", "acme").await), Conflict::NotInGroup);
}

pub async fn users_are_refused(store: &dyn Store) {
    populate(store).await;
    let taken = new_user("alice", "acme");
    let homeless = new_user("bob", "nobody");
    let groupless = NewUser { group: Some("nowhere".into()), ..new_user("bob", "acme") };
    assert_eq!(conflict(store.create_user(taken, &ORIGIN).await), Conflict::NameTaken);
    assert_eq!(conflict(store.create_user(homeless, &ORIGIN).await), Conflict::NoSuchAccount);
    assert_eq!(conflict(store.create_user(groupless, &ORIGIN).await), Conflict::NoSuchGroup);
    for enabled in [true, false] {
        assert_eq!(conflict(set_enabled(store, "bob", enabled).await), Conflict::NoSuchUser);
    }
    user(store, "bob", "acme").await;
}

pub async fn keys_are_refused(store: &dyn Store) {
    populate(store).await;
    let same_digest = NewKey { digest: new_key("k1", "alice").digest, ..new_key("k2", "alice") };
    let same_id = NewKey { digest: b"another".to_vec(), ..new_key("k1", "alice") };
    assert_eq!(conflict(store.add_key(new_key("k2", "nobody"), &ORIGIN).await), Conflict::NoSuchUser);
    assert_eq!(conflict(store.add_key(same_digest, &ORIGIN).await), Conflict::KeyKnown);
    assert_eq!(conflict(store.add_key(same_id, &ORIGIN).await), Conflict::KeyKnown);
    assert_eq!(conflict(store.revoke_key("k2".into(), &ORIGIN).await), Conflict::NoSuchKey);
    store.revoke_key("k1".into(), &ORIGIN).await.expect("is revoked");
    let revoked_at = snapshot(store).await.keys[0].revoked_at;
    assert_eq!(conflict(store.revoke_key("k1".into(), &ORIGIN).await), Conflict::AlreadyRevoked);
    assert_eq!(snapshot(store).await.keys[0].revoked_at, revoked_at);
    assert_eq!(
        conflict(store.add_key(new_key("k1", "alice"), &ORIGIN).await),
        Conflict::KeyKnown,
        "even a revoked one"
    );
}

pub async fn a_write_whose_rights_were_confirmed_with_another_directory_changes_nothing(store: &dyn Store) {
    populate(store).await;
    let home = snapshot(store).await.accounts[0].id;
    let before = customer(store, home, "before").await;
    let version = store.directory_version().await.expect("is read");
    let confirmed = |version| Origin::new(Actor::User(UserId(1))).confirmed_with(Some(version));
    let (newest, older) = (confirmed(version), confirmed(version - 1));
    let (acme, europe) = (|| "acme".to_owned(), || "europe".to_owned());
    let log = audit_log(store).await;
    let directory = format!("{:?}", snapshot(store).await);
    let disabled = UserChanges { enabled: Some(false), ..UserChanges::default() };
    let renamed = NewCustomer { name: "after".into(), unique_name: "after".into(), ..before.clone() };
    let erase = EraseCustomer { id: before.id, seen_in: home, expected_versions: None };
    let refused: [Call<'_, Result<(), StoreError>>; 12] = [
        outcome(store.create_customer(draft(store, home, "new").await, &older, None)),
        outcome(store.edit_customer(edit(&renamed), &older, None)),
        outcome(store.erase_customer(erase, &older)),
        outcome(store.create_account("other".into(), Arc::new(|_| vec![1]), &older)),
        outcome(store.create_group("asia".into(), &older)),
        outcome(store.create_user(new_user("bob", "acme"), &older)),
        outcome(store.remove_from_group(europe().into(), acme().into(), &older)),
        outcome(store.add_to_group(europe().into(), acme().into(), &older)),
        outcome(store.add_key(new_key("k2", "alice"), &older)),
        outcome(store.revoke_key("k1".into(), &older)),
        outcome(store.request_erasure(acme().into(), 0, &older)),
        outcome(store.edit_user("alice".into(), disabled, &older)),
    ];
    for write in refused {
        assert_eq!(conflict(write.await), Conflict::DirectoryChanged);
    }
    assert_eq!((audit_log(store).await, format!("{:?}", snapshot(store).await)), (log, directory));
    assert_eq!(read(store, before.id).await.version, 1);

    // Among others that are written at once, and again under the same idempotency key.
    let key = IdempotencyKey { user: UserId(1), key: "once".into(), fingerprint: vec![1] };
    let again = draft(store, home, "again").await;
    let create = |new, origin, key| -> Call<'_, Result<Written, StoreError>> {
        Box::pin(async move { store.create_customer(new, origin, key).await })
    };
    let outcomes = together([
        create(draft(store, home, "one").await, &newest, None),
        create(again.clone(), &older, Some(key.clone())),
        create(draft(store, home, "two").await, &ORIGIN, None),
    ])
    .await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert_eq!(conflict(outcomes[1].clone()), Conflict::DirectoryChanged);
    store.create_customer(again, &newest, Some(key)).await.expect("has the rights that were confirmed");
    store.edit_customer(edit(&renamed), &newest, None).await.expect("has the rights that were confirmed");
    store.revoke_key("k1".into(), &newest).await.expect("has the rights that were confirmed");
    let late = draft(store, home, "late").await;
    assert_eq!(conflict(store.create_customer(late, &newest, None).await), Conflict::DirectoryChanged);
}
