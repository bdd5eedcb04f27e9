//! The settings that a registry was served with last.

#![expect(missing_docs, reason = "the name of a case says what it asserts")]

use super::{ORIGIN, account, audit_log};
use crate::{AuditEntry, SettingRecord, Store};

/// A setting whose value is not its default unless it says so.
fn setting(name: &str, digest: &str) -> SettingRecord {
    SettingRecord { name: name.into(), digest: digest.into(), default: b"default".to_vec() }
}

/// Notes settings, and returns what the audit log says of it: the names in each entry that is new.
async fn noted(store: &dyn Store, settings: &[(&str, &str)]) -> Vec<Vec<String>> {
    let before = audit_log(store).await.len();
    let settings = settings.iter().map(|(name, digest)| setting(name, digest)).collect();
    store.note_settings(settings, &ORIGIN).await.expect("are noted");
    let new = audit_log(store).await.split_off(before);
    let names = new.iter().map(|stored| {
        let entry: AuditEntry<'_> = serde_json::from_str(&stored.entry).expect("is JSON");
        assert_eq!((&*entry.action, entry.object.as_deref()), ("change_settings", Some("registry")));
        entry.fields.iter().map(ToString::to_string).collect()
    });
    names.collect()
}

pub async fn changed_settings_are_in_the_audit_log(store: &dyn Store) {
    assert_eq!(noted(store, &[("a", "1"), ("b", "1"), ("c", "1")]).await, [["a", "b", "c"]]);
    assert!(noted(store, &[("a", "1"), ("b", "1"), ("c", "1")]).await.is_empty());
    assert_eq!(noted(store, &[("a", "2"), ("b", "1"), ("c", "default")]).await, [["a", "c"]]);
    assert!(noted(store, &[("a", "2"), ("b", "1"), ("c", "default")]).await.is_empty());
    assert_eq!(noted(store, &[("a", "1"), ("b", "1"), ("c", "default")]).await, [["a"]], "back to what it was");
}

pub async fn a_setting_that_was_never_noted_had_its_default(store: &dyn Store) {
    assert!(noted(store, &[("a", "default"), ("b", "default")]).await.is_empty());
    assert_eq!(
        noted(store, &[("a", "default"), ("b", "1"), ("new", "default"), ("newer", "1")]).await,
        [["b", "newer"]]
    );
    assert_eq!(noted(store, &[("a", "1"), ("new", "1")]).await, [["a", "new"]]);
    assert!(noted(store, &[("b", "1"), ("newer", "1")]).await.is_empty(), "what is not named stays remembered");
}

pub async fn a_setting_is_read_as_it_was_noted_last(store: &dyn Store) {
    let read = async |name: &str| store.setting(name).await.expect("is read");
    assert_eq!(read("a").await, None);
    for value in ["1", "2"] {
        noted(store, &[("a", value), ("b", "3")]).await;
        assert_eq!((read("a").await, read("b").await), (Some(value.into()), Some("3".into())));
    }
    assert_eq!(read("c").await, None);
}

pub async fn noting_settings_leaves_the_directory_alone(store: &dyn Store) {
    account(store, "acme").await;
    let version = store.directory_version().await.expect("is read");
    assert_eq!(noted(store, &[("a", "1")]).await, [["a"]]);
    assert_eq!(store.directory_version().await.expect("is read"), version);
}
