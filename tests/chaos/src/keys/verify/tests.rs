use super::*;

/// A key of ada was issued and then revoked; each change ended before the next one began.
fn changes() -> Vec<KeyChange> {
    let kinds = [("make", ChangeKind::Issue), ("take", ChangeKind::Revoke), ("shut", ChangeKind::Disable)];
    let change = |(position, (name, kind)): (usize, (&str, ChangeKind))| {
        let known = (kind != ChangeKind::Disable).then(|| "k1".to_owned());
        let (began, ended) = (2 * position, 2 * position + 1);
        KeyChange {
            key_id: known,
            outcome: Outcome::Done,
            began,
            ended,
            ..KeyChange::new(name.to_owned(), kind, "ada")
        }
    };
    kinds.into_iter().enumerate().map(change).collect()
}

fn entry(sequence: u64, action: &str, object: &str, reason: &str) -> Entry {
    Entry { sequence, action: action.to_owned(), object: object.to_owned(), reason: Some(reason.to_owned()) }
}

fn stored_keys() -> StoredKeys {
    let key = Key { user: "ada".to_owned(), label: "make".to_owned(), revoked: true };
    let disabled = BTreeSet::from(["ada".to_owned()]);
    let entries = vec![
        entry(1, "create_account", "account:1", "before"),
        entry(2, "issue_key", "key:k1", "make"),
        entry(3, "revoke_key", "key:k1", "take"),
        entry(4, "disable_user", "user:1", "shut"),
    ];
    StoredKeys { state: State { keys: BTreeMap::from([("k1".to_owned(), key)]), disabled }, operators: 1, entries }
}

fn faults(changes: &[KeyChange], stored_keys: &StoredKeys) -> usize {
    compare(changes, 1, stored_keys, |change| change.outcome == Outcome::Done).1.len()
}

#[test]
fn changes_that_are_stored_and_logged_are_accepted() {
    assert_eq!(faults(&changes(), &stored_keys()), 0);
}

#[test]
fn a_change_without_an_answer_is_made_completely_or_not_at_all() {
    let (mut changes, mut stored_keys) = (changes(), stored_keys());
    (changes[2].outcome, changes[2].ended) = (Outcome::Unknown, usize::MAX);
    assert_eq!(faults(&changes, &stored_keys), 0);
    stored_keys.entries.pop();
    assert_eq!(faults(&changes, &stored_keys), 1, "done, and not in the log");
    stored_keys.state.disabled.clear();
    assert_eq!(faults(&changes, &stored_keys), 0);
}

#[test]
fn a_revoked_key_that_works_again_is_reported() {
    let (changes, mut stored_keys) = (changes(), stored_keys());
    stored_keys.state.keys.get_mut("k1").expect("there is one").revoked = false;
    assert_eq!(faults(&changes, &stored_keys), 1);
    stored_keys.entries.remove(2);
    assert_eq!(faults(&changes, &stored_keys), 1, "also without its entry in the log");
}

#[test]
fn refused_unknown_and_repeated_changes_are_reported() {
    let (mut refused, stored_keys) = (changes(), stored_keys());
    refused[2].outcome = Outcome::Refused;
    assert!(faults(&refused, &stored_keys) > 0);
    assert!(faults(&changes()[..2], &stored_keys) > 0);
    let mut twice = stored_keys;
    twice.entries.push(entry(5, "disable_user", "user:1", "shut"));
    assert!(faults(&changes(), &twice) > 0);
}

#[test]
fn an_impossible_order_and_a_missing_last_operator_are_reported() {
    let (mut changes, mut stored_keys) = (changes(), stored_keys());
    stored_keys.operators = 0;
    assert_eq!(faults(&changes, &stored_keys), 1);
    stored_keys.operators = 1;
    // The user was disabled before the key was revoked, but its entry follows.
    (changes[2].began, changes[2].ended) = (0, 1);
    assert_eq!(faults(&changes, &stored_keys), 1);
}
