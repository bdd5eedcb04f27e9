//! The audit log.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, audit_log, customer, draft, edit, set_enabled, test_chain};
use crate::{
    AuditEntry, AuditHead, EditCustomer, EraseCustomer, KeyKind, NewCustomer, NewKey, NewUser, Seal, Store, UserChanges,
};
use carnelian_domain::{Action, Actor, Origin, Role, UserId};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// The seal of the directory.
async fn newest_directory(store: &dyn Store) -> Seal {
    let directory = store.directory().await.expect("can be read");
    directory.seal.try_into().expect("a seal has a length")
}

/// What the entries say, without the actor, who is always the same here.
async fn logged(store: &dyn Store) -> Vec<String> {
    let entries = audit_log(store).await;
    entries.iter().map(|stored| stored.entry.replace(r#","actor":"server""#, "")).collect()
}

pub async fn a_new_registry_has_an_empty_log(store: &dyn Store) {
    assert_eq!(audit_log(store).await, []);
    let (chain, newest) = (test_chain(store).await, newest_directory(store).await);
    let empty = store.partitions().into_iter().map(|partition| AuditHead::empty(partition).end(&chain, &newest));
    assert_eq!(store.audit_ends().await.expect("can be read"), empty.collect::<Vec<_>>());
}

pub async fn every_change_of_a_customer_is_in_the_audit_log(store: &dyn Store) {
    let home = account(store, "acme").await;
    let created = customer(store, home, "A").await;
    let id = created.id;
    let renamed = NewCustomer { name: "B".into(), unique_name: "B".into(), ..created };
    let changed = EditCustomer { changed_fields: vec!["name"], ..edit(&renamed) };
    store.edit_customer(changed.clone(), &ORIGIN, None).await.expect("is edited");
    // The editor has not seen the version that is stored.
    store.edit_customer(changed, &ORIGIN, None).await.expect("is edited");
    let other = account(store, "other").await;
    let moved = NewCustomer { account: other, ..renamed };
    let move_it = EditCustomer { seen_in: home, seen_version: 3, changed_fields: vec!["accountName"], ..edit(&moved) };
    store.edit_customer(move_it, &ORIGIN, None).await.expect("moves");
    let erase = EraseCustomer { id, seen_in: other, expected_versions: None };
    store.erase_customer(erase, &ORIGIN).await.expect("is erased");
    let expected = [
        format!(r#"{{"action":"create_account","object":"account:{home}","accountId":{home}}}"#),
        format!(r#"{{"action":"create_customer","object":"customer:{id}","accountId":{home}}}"#),
        format!(r#"{{"action":"edit_customer","object":"customer:{id}","accountId":{home},"fields":["name"]}}"#),
        format!(r#"{{"action":"edit_customer","object":"customer:{id}","accountId":{home},"fields":["*"]}}"#),
        format!(r#"{{"action":"create_account","object":"account:{other}","accountId":{other}}}"#),
        format!(r#"{{"action":"edit_customer","object":"customer:{id}","accountId":{home},"fields":["accountName"]}}"#),
        format!(
            r#"{{"action":"edit_customer","object":"customer:{id}","accountId":{other},"fields":["accountName"]}}"#
        ),
        format!(r#"{{"action":"erase_customer","object":"customer:{id}","accountId":{other}}}"#),
    ];
    assert_eq!(logged(store).await, expected);
}

pub async fn every_change_of_the_directory_is_in_the_audit_log(store: &dyn Store) {
    let home = account(store, "acme").await;
    let group = store.create_group("west".into(), &ORIGIN).await.expect("is created").id;
    store.add_to_group("west".into(), "acme".into(), &ORIGIN).await.expect("is added");
    store.remove_from_group("west".into(), "acme".into(), &ORIGIN).await.expect("is taken out");
    let new = NewUser { name: "ann".into(), account: "acme".into(), group: None, role: Role::AccountAdmin };
    let user = store.create_user(new, &ORIGIN).await.expect("is created").id;
    set_enabled(store, "ann", false).await.expect("is disabled");
    set_enabled(store, "ann", true).await.expect("is enabled");
    for (key_id, kind) in [("k1", KeyKind::Issued), ("k2", KeyKind::Imported)] {
        let digest = key_id.as_bytes().to_vec();
        let (key_id, user) = (key_id.into(), "ann".into());
        let new = NewKey { key_id, user, digest, kind, label: None, expires_at: None, allowed: Vec::new() };
        store.add_key(new, &ORIGIN).await.expect("is added");
    }
    store.revoke_key("k1".into(), &ORIGIN).await.expect("is revoked");
    let promoted = UserChanges { role: Some(Role::Operator), group: Some(None), enabled: None };
    store.edit_user("ann".into(), promoted, &ORIGIN).await.expect("is edited");
    store.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");
    store.cancel_erasure("acme".into(), &ORIGIN).await.expect("is cancelled");
    let expected = [
        ("create_account", format!("account:{home}"), true),
        ("create_group", format!("group:{group}"), false),
        ("add_to_group", format!("group:{group}"), true),
        ("remove_from_group", format!("group:{group}"), true),
        ("create_user", format!("user:{user}"), true),
        ("disable_user", format!("user:{user}"), true),
        ("enable_user", format!("user:{user}"), true),
        ("issue_key", "key:k1".into(), true),
        ("import_key", "key:k2".into(), true),
        ("revoke_key", "key:k1".into(), true),
        ("edit_user", format!("user:{user}"), true),
        ("request_erasure", format!("account:{home}"), true),
        ("cancel_erasure", format!("account:{home}"), true),
    ];
    let expected = expected.map(|(action, object, of_account)| {
        let account = if of_account { format!(r#","accountId":{home}"#) } else { String::new() };
        let fields = if action == "edit_user" { r#","fields":["roleName"]"# } else { "" };
        format!(r#"{{"action":"{action}","object":"{object}"{account}{fields}}}"#)
    });
    assert_eq!(logged(store).await, expected);
}

pub async fn an_entry_has_actor_address_request_and_reason(store: &dyn Store) {
    let home = account(store, "acme").await;
    let origin = Origin {
        actor: Actor::User(UserId(7)),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        request_id: Some("r-1".into()),
        reason: Some("they asked".into()),
        directory_version: None,
    };
    let new = draft(store, home, "A").await;
    let written = store.create_customer(new, &origin, None).await.expect("is created");
    let stored = audit_log(store).await.pop().expect("there are entries");
    assert_eq!((stored.sequence, stored.at), (2, written.at));
    let entry: AuditEntry<'_> = serde_json::from_str(&stored.entry).expect("is JSON");
    assert_eq!((&*entry.action, &*entry.actor), (Action::CreateCustomer.name(), "user:7"));
    assert_eq!((entry.address, entry.request_id.as_deref()), (origin.address, Some("r-1")));
    assert_eq!(entry.reason.as_deref(), Some("they asked"));
}

pub async fn a_refused_change_has_no_entry(store: &dyn Store) {
    let home = account(store, "acme").await;
    let created = customer(store, home, "A").await;
    let before = audit_log(store).await;
    let taken = NewCustomer { id: draft(store, home, "x").await.id, ..created };
    assert!(store.create_customer(taken, &ORIGIN, None).await.is_err());
    assert!(store.create_account("acme".into(), Arc::new(|_| Vec::new()), &ORIGIN).await.is_err());
    assert_eq!(audit_log(store).await, before);
}

pub async fn each_entry_is_linked_to_the_one_before(store: &dyn Store) {
    let home = account(store, "acme").await;
    for name in ["A", "B", "C"] {
        customer(store, home, name).await;
    }
    store.append_audit(store.partition_of(home), vec!["{}".into()]).await.expect("is appended");
    let (log, chain, newest) = (audit_log(store).await, test_chain(store).await, newest_directory(store).await);
    let mut ends = Vec::new();
    for partition in store.partitions() {
        let mut head = AuditHead::empty(partition);
        for stored in log.iter().filter(|stored| stored.partition == partition) {
            head.append(&chain, stored.at, &stored.entry);
            assert_eq!((stored.sequence, &stored.link[..]), (head.sequence, &head.link[..]));
        }
        ends.push(head.end(&chain, &newest));
    }
    assert_eq!(store.audit_ends().await.expect("can be read"), ends);
    let of_home: Vec<_> = log.into_iter().filter(|stored| stored.partition == store.partition_of(home)).collect();
    assert_eq!(of_home.iter().filter(|stored| stored.entry.contains("create_customer")).count(), 3);
    assert_eq!(of_home.last().expect("there are entries").entry, "{}");
    let part = store.audit_entries(store.partition_of(home), 2, 2).await.expect("can be read");
    assert_eq!(part, of_home[2..of_home.len().min(4)]);
}
