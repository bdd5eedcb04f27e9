use super::*;

/// A key of ada's was made and then revoked; each deed ended before the next one began.
fn deeds() -> Vec<Deed> {
    let works = [("make", Work::Issue), ("take", Work::Revoke), ("shut", Work::Disable)];
    let deed = |(place, (name, work)): (usize, (&str, Work))| {
        let known = (work != Work::Disable).then(|| "k1".to_owned());
        let (began, ended) = (2 * place, 2 * place + 1);
        Deed { key_id: known, told: Told::Done, began, ended, ..Deed::new(name.to_owned(), work, "ada") }
    };
    works.into_iter().enumerate().map(deed).collect()
}

fn entry(sequence: u64, action: &str, object: &str, reason: &str) -> Entry {
    Entry { sequence, action: action.to_owned(), object: object.to_owned(), reason: Some(reason.to_owned()) }
}

fn kept() -> Kept {
    let key = Key { user: "ada".to_owned(), label: "make".to_owned(), revoked: true };
    let disabled = BTreeSet::from(["ada".to_owned()]);
    let entries = vec![
        entry(1, "create_account", "account:1", "before"),
        entry(2, "issue_key", "key:k1", "make"),
        entry(3, "revoke_key", "key:k1", "take"),
        entry(4, "disable_user", "user:1", "shut"),
    ];
    Kept { state: State { keys: BTreeMap::from([("k1".to_owned(), key)]), disabled }, operators: 1, entries }
}

fn faults(deeds: &[Deed], kept: &Kept) -> usize {
    compare(deeds, 1, kept, |deed| deed.told == Told::Done).1.len()
}

#[test]
fn what_was_done_and_told_fits() {
    assert_eq!(faults(&deeds(), &kept()), 0);
}

#[test]
fn what_was_not_answered_is_there_whole_or_not_at_all() {
    let (mut deeds, mut kept) = (deeds(), kept());
    (deeds[2].told, deeds[2].ended) = (Told::Nothing, usize::MAX);
    assert_eq!(faults(&deeds, &kept), 0);
    kept.entries.pop();
    assert_eq!(faults(&deeds, &kept), 1, "done, and not in the log");
    kept.state.disabled.clear();
    assert_eq!(faults(&deeds, &kept), 0);
}

#[test]
fn a_revoked_key_that_works_again_is_found() {
    let (deeds, mut kept) = (deeds(), kept());
    kept.state.keys.get_mut("k1").expect("there is one").revoked = false;
    assert_eq!(faults(&deeds, &kept), 1);
    kept.entries.remove(2);
    assert_eq!(faults(&deeds, &kept), 1, "also without its entry in the log");
}

#[test]
fn what_was_refused_what_nobody_did_and_what_was_done_twice_is_found() {
    let (mut refused, kept) = (deeds(), kept());
    refused[2].told = Told::Refused;
    assert!(faults(&refused, &kept) > 0);
    assert!(faults(&deeds()[..2], &kept) > 0);
    let mut twice = kept;
    twice.entries.push(entry(5, "disable_user", "user:1", "shut"));
    assert!(faults(&deeds(), &twice) > 0);
}

#[test]
fn an_order_that_could_not_be_and_a_last_operator_who_is_gone_are_found() {
    let (mut deeds, mut kept) = (deeds(), kept());
    kept.operators = 0;
    assert_eq!(faults(&deeds, &kept), 1);
    kept.operators = 1;
    // The disabling ended before the revoking began, and stands behind it.
    (deeds[2].began, deeds[2].ended) = (0, 1);
    assert_eq!(faults(&deeds, &kept), 1);
}
