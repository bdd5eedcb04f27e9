use super::*;
use crate::model::{CustomerHistory, Outcome, Sent};

fn sent(name: &str, outcome: Outcome) -> Sent {
    Sent { request: name.to_owned(), body: sample::full(name, "Acme"), outcome }
}

fn row(id: u64, name: &str) -> Row {
    Row { id, account: 1, name: name.to_owned(), unique_name: name.to_owned() }
}

fn stored(rows: &[Row]) -> Stored {
    let customers: Vec<_> = rows.iter().map(|row| (row.id, row.account)).collect();
    let noted = customers.len() as u64;
    let log = Log { sequences: (1..=noted).collect(), noted, customers, ..Log::default() };
    Stored { rows: rows.to_vec(), log, damage: Vec::new() }
}

/// A server that shows for every id the customer with that number as its name.
fn shown(id: u64) -> Reading {
    let mut shown = sample::shown(&sample::full(&id.to_string(), "Acme"));
    shown["customerId"] = json!(id);
    Ok(Some(shown))
}

fn violations(histories: &[CustomerHistory], rows: &[Row]) -> Vec<Violation> {
    check(&Model::of(histories), &stored(rows), shown)
}

#[test]
fn what_was_acknowledged_or_is_unknown_may_be_stored() {
    let histories = [vec![sent("1", Outcome::Acknowledged(1))], vec![sent("2", Outcome::Unknown)]];
    assert_eq!(violations(&histories, &[row(1, "1")]), []);
    assert_eq!(violations(&histories, &[row(1, "1"), row(2, "2")]), []);
}

#[test]
fn an_acknowledged_customer_that_is_missing_is_lost() {
    let found = violations(&[vec![sent("1", Outcome::Acknowledged(1))]], &[]);
    assert!(matches!(found[..], [Violation::Lost(_)]), "{found:?}");
}

#[test]
fn a_refused_customer_must_not_be_stored() {
    let found = violations(&[vec![sent("1", Outcome::Refused)]], &[row(1, "1")]);
    assert_eq!(found, [Violation::Resurrected("1".to_owned())]);
}

#[test]
fn a_customer_that_nobody_sent_is_invented() {
    let found = violations(&[], &[row(1, "1")]);
    assert!(matches!(found[..], [Violation::Invented(_)]), "{found:?}");
}

#[test]
fn a_name_that_two_customers_of_an_account_have_is_found() {
    let histories = [vec![sent("1", Outcome::Acknowledged(1))], vec![sent("2", Outcome::Acknowledged(2))]];
    let mut twin = row(2, "2");
    twin.unique_name = "1".to_owned();
    assert_eq!(violations(&histories, &[row(1, "1"), twin]), [Violation::DuplicateName("2".to_owned())]);
}

#[test]
fn an_id_that_was_given_twice_is_found() {
    let histories = [vec![sent("1", Outcome::Acknowledged(1))], vec![sent("2", Outcome::Acknowledged(1))]];
    assert!(violations(&histories, &[row(1, "1")]).contains(&Violation::ReusedId(1)));
}

#[test]
fn content_that_was_not_sent_is_altered() {
    let found = violations(&[vec![sent("other", Outcome::Acknowledged(1))]], &[row(1, "other")]);
    assert!(matches!(found[..], [Violation::Altered(1, _)]), "{found:?}");
}

#[test]
fn an_edit_that_was_acknowledged_must_show_and_one_that_was_refused_must_not() {
    let edited = |outcome| vec![vec![sent("1", Outcome::Acknowledged(1)), sent("new", outcome)]];
    assert_eq!(violations(&edited(Outcome::Refused), &[row(1, "1")]), []);
    assert_eq!(violations(&edited(Outcome::Unknown), &[row(1, "1")]), []);
    let found = violations(&edited(Outcome::Acknowledged(1)), &[row(1, "1")]);
    assert!(matches!(found[..], [Violation::Altered(1, _)]), "{found:?}");
}

#[test]
fn a_customer_that_cannot_be_read_is_altered() {
    let model = Model::of(&[vec![sent("1", Outcome::Acknowledged(1))]]);
    let found = check(&model, &stored(&[row(1, "1")]), |_| Err("500".to_owned()));
    assert_eq!(found, [Violation::Altered(1, "500".to_owned())]);
}

#[test]
fn the_audit_log_must_tell_of_every_customer_once_and_of_no_other() {
    let model = Model::of(&[vec![sent("1", Outcome::Acknowledged(1))]]);
    let stored = stored(&[row(1, "1")]);
    for (customers, faults) in [(vec![(2, 1)], 2), (vec![(1, 1), (1, 1)], 1), (vec![], 1)] {
        let log = Log { customers, ..stored.log.clone() };
        let found = check(&model, &Stored { log, ..stored.clone() }, shown);
        assert!(
            found.iter().all(|found| matches!(found, Violation::AuditLog(_))) && found.len() == faults,
            "{found:?}"
        );
    }
}

#[test]
fn the_audit_log_must_have_every_entry_that_was_noted() {
    let model = Model::of(&[vec![sent("1", Outcome::Acknowledged(1))]]);
    let stored = stored(&[row(1, "1")]);
    for (sequences, noted) in [(vec![], 1), (vec![2], 2), (vec![1, 2], 1)] {
        let log = Log { sequences, noted, ..stored.log.clone() };
        let found = check(&model, &Stored { log, ..stored.clone() }, shown);
        assert!(matches!(found[..], [Violation::AuditLog(_)]), "{found:?}");
    }
}

#[test]
fn damage_that_sqlite_finds_is_told() {
    let stored = Stored { damage: vec!["row 1 missing from index".to_owned()], ..Stored::default() };
    let found = check(&Model::default(), &stored, shown);
    assert!(matches!(found[..], [Violation::Damaged(_)]), "{found:?}");
}

#[test]
fn before_its_acknowledgement_a_create_may_be_stored_and_after_it_must_be() {
    let histories = [vec![sent("1", Outcome::Acknowledged(1))]];
    assert_eq!(check(&Model::at(&histories, |_| false), &stored(&[]), shown), []);
    assert_eq!(check(&Model::at(&histories, |_| false), &stored(&[row(1, "1")]), shown), []);
    assert_ne!(check(&Model::at(&histories, |_| true), &stored(&[]), shown), []);
}

fn erased(outcome: Outcome) -> CustomerHistory {
    let erasure = Sent { request: "e".to_owned(), body: Value::Null, outcome };
    vec![sent("1", Outcome::Acknowledged(1)), erasure]
}

#[test]
fn an_erased_customer_must_be_gone() {
    let histories = [erased(Outcome::Acknowledged(1))];
    assert_eq!(violations(&histories, &[]), []);
    assert_eq!(violations(&histories, &[row(1, "1")]), [Violation::Resurrected("1".to_owned())]);
}

#[test]
fn a_customer_whose_erasure_is_unknown_may_be_gone_or_not_and_one_whose_erasure_was_refused_may_not() {
    assert_eq!(violations(&[erased(Outcome::Unknown)], &[]), []);
    assert_eq!(violations(&[erased(Outcome::Unknown)], &[row(1, "1")]), []);
    let found = violations(&[erased(Outcome::Refused)], &[]);
    assert!(matches!(found[..], [Violation::Lost(_)]), "{found:?}");
}
