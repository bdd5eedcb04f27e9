//! What operators do with users and keys.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, conflict, erasure::erase, set_enabled, together};
use crate::{Conflict, IdOrName, KeyKind, KeyRecord, NewKey, NewUser, Store, UserChanges, UserRecord};
use carnelian_domain::{Actor, GroupId, Origin, Role, Timestamp, UserId};
use std::collections::HashMap;

async fn users(store: &dyn Store) -> Vec<UserRecord> {
    store.directory().await.expect("the directory is read").users
}

async fn keys(store: &dyn Store) -> Vec<KeyRecord> {
    store.directory().await.expect("the directory is read").keys
}

async fn user(store: &dyn Store, name: &str, role: Role) -> UserId {
    user_of(store, "acme", name, role).await
}

async fn user_of(store: &dyn Store, account: &str, name: &str, role: Role) -> UserId {
    let new = NewUser { name: name.into(), account: account.into(), group: None, role };
    store.create_user(new, &ORIGIN).await.expect("a user is created").id
}

fn demoted() -> UserChanges {
    UserChanges { role: Some(Role::AccountAdmin), ..UserChanges::default() }
}

fn new_key(key_id: &str, allowed: &[&str]) -> NewKey {
    NewKey {
        key_id: key_id.into(),
        user: "ann".into(),
        digest: key_id.as_bytes().to_vec(),
        kind: KeyKind::Issued,
        label: None,
        expires_at: None,
        allowed: allowed.iter().map(|range| range.parse().expect("a range")).collect(),
    }
}

pub async fn an_edit_changes_what_it_names_and_no_more(store: &dyn Store) {
    account(store, "acme").await;
    let west = store.create_group("west".into(), &ORIGIN).await.expect("a group is created").id;
    user(store, "ann", Role::AccountAdmin).await;
    user(store, "bob", Role::AccountAdmin).await;
    let edit = async |changes| {
        store.edit_user("ann".into(), changes, &ORIGIN).await.expect("is edited");
        let ann = users(store).await.remove(0);
        (ann.role, ann.group, ann.enabled)
    };
    let none = UserChanges::default;
    let reader = UserChanges { role: Some(Role::AccountReadOnly), ..none() };
    assert_eq!(edit(reader).await, (Role::AccountReadOnly, None, true));
    let member = UserChanges { group: Some(Some("west".into())), ..none() };
    assert_eq!(edit(member).await, (Role::AccountReadOnly, Some(west), true));
    let disabled = UserChanges { enabled: Some(false), ..none() };
    assert_eq!(edit(disabled).await, (Role::AccountReadOnly, Some(west), false));
    assert_eq!(edit(none()).await, (Role::AccountReadOnly, Some(west), false));
    let everything = UserChanges { role: Some(Role::Operator), group: Some(None), enabled: Some(true) };
    assert_eq!(edit(everything).await, (Role::Operator, None, true));
    let bob = users(store).await.remove(1);
    assert_eq!((bob.role, bob.group, bob.enabled), (Role::AccountAdmin, None, true));
    let nowhere = UserChanges { group: Some(Some("nowhere".into())), ..none() };
    assert_eq!(conflict(store.edit_user("ann".into(), nowhere, &ORIGIN).await), Conflict::NoSuchGroup);
}

pub async fn an_id_means_the_same_one_for_ever(store: &dyn Store) {
    let (old, old_ann) = (account(store, "acme").await, user(store, "ann", Role::AccountAdmin).await);
    let west = IdOrName::Id(store.create_group("west".into(), &ORIGIN).await.expect("a group is created").id);
    let erasure = store.request_erasure(IdOrName::Id(old), 0, &ORIGIN).await.expect("is requested").id;
    erase(store, erasure).await;
    let (new, new_ann) = (account(store, "acme").await, user(store, "ann", Role::AccountAdmin).await);

    let shown = async || format!("{:?}", store.directory().await.expect("the directory is read"));
    let before = shown().await;
    let (gone, gone_user) = (IdOrName::Id(old), IdOrName::Id(old_ann));
    let key = |user: &IdOrName<UserId>| NewKey { user: user.clone(), ..new_key("k1", &[]) };
    assert_eq!(conflict(store.request_erasure(gone.clone(), 0, &ORIGIN).await), Conflict::NoSuchAccount);
    assert_eq!(conflict(store.cancel_erasure(gone.clone(), &ORIGIN).await), Conflict::NoSuchAccount);
    assert_eq!(conflict(store.add_to_group(west.clone(), gone.clone(), &ORIGIN).await), Conflict::NoSuchAccount);
    assert_eq!(conflict(store.remove_from_group(west.clone(), gone, &ORIGIN).await), Conflict::NoSuchAccount);
    assert_eq!(conflict(store.edit_user(gone_user.clone(), demoted(), &ORIGIN).await), Conflict::NoSuchUser);
    assert_eq!(conflict(store.add_key(key(&gone_user), &ORIGIN).await), Conflict::NoSuchUser);
    let nowhere = IdOrName::Id(GroupId(1000));
    assert_eq!(conflict(store.add_to_group(nowhere, IdOrName::Id(new), &ORIGIN).await), Conflict::NoSuchGroup);
    assert_eq!(shown().await, before);

    store.add_to_group(west.clone(), IdOrName::Id(new), &ORIGIN).await.expect("is added");
    store.remove_from_group(west, IdOrName::Id(new), &ORIGIN).await.expect("is taken out");
    store.edit_user(IdOrName::Id(new_ann), demoted(), &ORIGIN).await.expect("is edited");
    store.add_key(key(&IdOrName::Id(new_ann)), &ORIGIN).await.expect("is added");
    store.request_erasure(IdOrName::Id(new), 0, &ORIGIN).await.expect("is requested");
    store.cancel_erasure(IdOrName::Id(new), &ORIGIN).await.expect("is taken back");
    assert_eq!(keys(store).await[0].user, new_ann);
}

pub async fn the_last_operator_with_access_remains(store: &dyn Store) {
    account(store, "acme").await;
    user(store, "olga", Role::Operator).await;
    user(store, "omar", Role::Operator).await;
    user(store, "ann", Role::AccountAdmin).await;
    set_enabled(store, "omar", false).await.expect("one is left");
    let before = format!("{:?}", users(store).await);
    assert_eq!(conflict(set_enabled(store, "olga", false).await), Conflict::LastOperator);
    assert_eq!(conflict(store.edit_user("olga".into(), demoted(), &ORIGIN).await), Conflict::LastOperator);
    assert_eq!(format!("{:?}", users(store).await), before);
    // A user who is no operator, or cannot sign in, may always leave.
    set_enabled(store, "ann", false).await.expect("is disabled");
    store.edit_user("omar".into(), demoted(), &ORIGIN).await.expect("is demoted");
    set_enabled(store, "olga", true).await.expect("stays what it is");
    user(store, "oda", Role::Operator).await;
    store.edit_user("olga".into(), demoted(), &ORIGIN).await.expect("another one is there");
}

pub async fn a_user_cannot_have_the_last_operator_erased_and_a_command_can(store: &dyn Store) {
    let (home, other) = (account(store, "acme").await, account(store, "rival").await);
    let by_olga = Origin { actor: Actor::User(user(store, "olga", Role::Operator).await), ..ORIGIN.clone() };
    let erase = async |account, origin: &Origin| store.request_erasure(IdOrName::Id(account), 60, origin).await;
    assert_eq!(conflict(erase(home, &by_olga).await), Conflict::LastOperator);
    erase(other, &by_olga).await.expect("no operator has this home account");
    user_of(store, "rival", "oda", Role::Operator).await;
    assert_eq!(conflict(erase(home, &by_olga).await), Conflict::LastOperator, "oda will be gone as well");
    assert_eq!(conflict(store.edit_user("olga".into(), demoted(), &ORIGIN).await), Conflict::LastOperator);
    store.cancel_erasure(IdOrName::Id(other), &ORIGIN).await.expect("is taken back");
    erase(home, &by_olga).await.expect("oda stays");
    assert_eq!(conflict(erase(other, &by_olga).await), Conflict::LastOperator, "olga will be gone");
    erase(other, &ORIGIN).await.expect("a command may");
    set_enabled(store, "olga", false).await.expect("oda is still there, though not for long");
    assert_eq!(conflict(set_enabled(store, "oda", false).await), Conflict::LastOperator);
}

pub async fn of_operators_that_leave_at_once_one_remains(store: &dyn Store) {
    account(store, "acme").await;
    let names: Vec<_> = (0..8).map(|turn| format!("operator {turn}")).collect();
    for name in &names {
        user(store, name, Role::Operator).await;
    }
    let leave = |(turn, name): (usize, &String)| match turn % 2 {
        0 => set_enabled(store, name, false),
        _ => store.edit_user(name.as_str().into(), demoted(), &ORIGIN),
    };
    let answers = together(names.iter().enumerate().map(leave)).await;
    let refused: Vec<_> = answers.into_iter().filter(Result::is_err).map(conflict).collect();
    assert_eq!(refused, [Conflict::LastOperator]);
    let left = users(store).await.into_iter().filter(|user| user.enabled && user.role == Role::Operator);
    assert_eq!(left.count(), 1);
}

pub async fn a_key_says_where_it_works(store: &dyn Store) {
    account(store, "acme").await;
    user(store, "ann", Role::AccountAdmin).await;
    let ranges: [&[&str]; 3] = [&[], &["10.0.0.0/8"], &["192.0.2.7/32", "2001:db8::/32"]];
    for (turn, allowed) in ranges.iter().enumerate() {
        store.add_key(new_key(&format!("k{turn}"), allowed), &ORIGIN).await.expect("is added");
    }
    for (key, allowed) in keys(store).await.iter().zip(ranges) {
        assert_eq!(key.allowed.iter().map(ToString::to_string).collect::<Vec<_>>(), allowed);
    }
}

pub async fn the_last_use_of_a_key_is_noted_and_changes_nothing_else(store: &dyn Store) {
    account(store, "acme").await;
    let ann = user(store, "ann", Role::AccountAdmin).await;
    let [bob, eve] = [user(store, "bob", Role::AccountAdmin).await, user(store, "eve", Role::AccountAdmin).await];
    for key_id in ["k1", "k2"] {
        store.add_key(new_key(key_id, &[]), &ORIGIN).await.expect("is added");
    }
    store.add_key(NewKey { user: "bob".into(), ..new_key("k3", &[]) }, &ORIGIN).await.expect("is added");
    let last_uses = async || keys(store).await.into_iter().map(|key| key.last_used_at).collect::<Vec<_>>();
    let sign_ins = async |users: &[UserId]| store.last_sign_ins(users.to_vec()).await.expect("are read");
    assert_eq!(last_uses().await, [None; 3]);
    assert_eq!(sign_ins(&[ann, bob]).await, HashMap::new());
    let version = store.directory_version().await.expect("is read");
    let end = store.audit_ends().await.expect("is read");
    let uses = vec![("k1".into(), Timestamp(2000)), ("unknown".into(), Timestamp(1))];
    store.note_key_uses(uses).await.expect("is noted");
    assert_eq!(last_uses().await, [Some(Timestamp(2000)), None, None]);
    let uses = vec![("k1".into(), Timestamp(1000)), ("k2".into(), Timestamp(3000)), ("k3".into(), Timestamp(1500))];
    store.note_key_uses(uses).await.expect("is noted");
    assert_eq!(last_uses().await, [2000, 3000, 1500].map(|at| Some(Timestamp(at))));
    let expected = HashMap::from([(ann, Timestamp(3000)), (bob, Timestamp(1500))]);
    assert_eq!(sign_ins(&[eve, bob, UserId(999), ann]).await, expected);
    assert_eq!(sign_ins(&[bob]).await, HashMap::from([(bob, Timestamp(1500))]));
    assert_eq!(sign_ins(&[]).await, HashMap::new());
    assert_eq!(store.directory_version().await.expect("is read"), version);
    assert_eq!(store.audit_ends().await.expect("is read"), end);
}
