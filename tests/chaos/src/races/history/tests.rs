//! What the verdict accepts and rejects, on histories made by hand.

use super::History;
use crate::races::registry::{Answer, Call, Customer, Home};

const HERE: Home = Home { account: 0, name: 0 };
const OTHER: Home = Home { account: 0, name: 1 };
const THERE: Home = Home { account: 1, name: 0 };

/// What client 0 did before anybody else: customer 1, written by operation 0.
fn created() -> History {
    let mut history = History::default();
    history.call_and_answer(0, Call::Create(HERE), Answer::Written(1, 1));
    history
}

/// Calls of clients 1, 2, ... that were all made before the first of them was answered, after what `before` has.
fn at_once(mut before: History, calls: &[(Call, Answer)]) -> History {
    for (client, (call, _)) in calls.iter().enumerate() {
        before.call(client + 1, *call);
    }
    for (client, (_, answer)) in calls.iter().enumerate() {
        before.answer(client + 1, *answer);
    }
    before
}

/// Calls that were made one after the other, after what `before` has.
fn in_turn(mut before: History, calls: &[(Call, Answer)]) -> History {
    for (client, (call, answer)) in calls.iter().enumerate() {
        before.call_and_answer(client + 1, *call, *answer);
    }
    before
}

fn shown(home: Home, version: u64, content: usize) -> Answer {
    Answer::Shown(Customer { home, version, content })
}

#[track_caller]
fn accepted(history: &History) {
    history.must_be_linearizable("a history that could be");
}

#[track_caller]
fn rejected(history: &History) {
    assert!(!history.is_linearizable(), "this could not be:\n{history}");
}

#[test]
fn a_name_is_given_once() {
    let create = |answer| (Call::Create(HERE), answer);
    let none = History::default;
    accepted(&at_once(none(), &[create(Answer::Duplicate), create(Answer::Written(1, 1)), create(Answer::Duplicate)]));
    rejected(&at_once(none(), &[create(Answer::Written(1, 1)), create(Answer::Written(2, 1))]));
    rejected(&in_turn(none(), &[create(Answer::Written(1, 1)), create(Answer::Written(2, 1))]));
    rejected(&at_once(none(), &[create(Answer::Duplicate), create(Answer::Duplicate)]));
    rejected(&in_turn(none(), &[create(Answer::Duplicate), create(Answer::Written(1, 1))]));
    rejected(&in_turn(created(), &[(Call::Create(OTHER), Answer::Written(1, 1))]));
}

#[test]
fn a_name_is_free_again_once_its_customer_has_another() {
    let renamed = (Call::Edit(1, OTHER, None), Answer::Written(1, 2));
    let takes_its_place = (Call::Create(HERE), Answer::Written(2, 1));
    accepted(&in_turn(created(), &[renamed, takes_its_place]));
    accepted(&at_once(created(), &[takes_its_place, renamed]));
    rejected(&in_turn(created(), &[takes_its_place, renamed]));
    rejected(&in_turn(created(), &[renamed, (Call::Create(HERE), Answer::Duplicate)]));
    let moved = (Call::Edit(1, THERE, None), Answer::Written(1, 2));
    accepted(&in_turn(created(), &[moved, takes_its_place, (Call::Create(THERE), Answer::Duplicate)]));
    rejected(&in_turn(created(), &[moved, (Call::Create(THERE), Answer::Written(2, 1))]));
}

#[test]
fn a_read_shows_what_was_written_last() {
    let edited = (Call::Edit(1, HERE, None), Answer::Written(1, 2));
    let reads = |answer| (Call::Get(1), answer);
    accepted(&in_turn(created(), &[edited, reads(shown(HERE, 2, 1))]));
    rejected(&in_turn(created(), &[edited, reads(shown(HERE, 1, 0))]));
    rejected(&in_turn(created(), &[reads(Answer::NotFound)]));
    accepted(&at_once(created(), &[edited, reads(shown(HERE, 1, 0)), reads(shown(HERE, 2, 1))]));
    let mut backwards = created();
    backwards.call(1, Call::Edit(1, HERE, None));
    backwards.call_and_answer(2, Call::Get(1), shown(HERE, 2, 1));
    backwards.call_and_answer(2, Call::Get(1), shown(HERE, 1, 0));
    backwards.answer(1, Answer::Written(1, 2));
    rejected(&backwards);
}

#[test]
fn of_two_edits_that_insist_on_one_version_one_is_stale() {
    let edit = |answer| (Call::Edit(1, HERE, Some(1)), answer);
    accepted(&at_once(created(), &[edit(Answer::Stale), edit(Answer::Written(1, 2))]));
    rejected(&at_once(created(), &[edit(Answer::Written(1, 2)), edit(Answer::Written(1, 3))]));
    rejected(&at_once(created(), &[edit(Answer::Written(1, 2)), edit(Answer::Written(1, 2))]));
    rejected(&at_once(created(), &[edit(Answer::Stale), edit(Answer::Stale)]));
}

#[test]
fn nothing_is_written_in_an_account_once_its_erasure_was_acknowledged() {
    let requested = (Call::RequestErasure(0), Answer::Done);
    let cancelled = (Call::CancelErasure(0), Answer::Done);
    let edited = (Call::Edit(1, HERE, None), Answer::Written(1, 2));
    let refused = (Call::Edit(1, HERE, None), Answer::Erasing);
    accepted(&in_turn(created(), &[edited, requested, refused, cancelled, (edited.0, Answer::Written(1, 3))]));
    rejected(&in_turn(created(), &[requested, edited]));
    rejected(&in_turn(created(), &[requested, cancelled, refused]));
    accepted(&at_once(created(), &[requested, edited, refused]));
    accepted(&at_once(created(), &[cancelled, refused, requested]));
    rejected(&at_once(created(), &[refused, cancelled]));
}

#[test]
fn what_was_not_answered_may_be_done_at_once_or_later_or_never() {
    let lost = (Call::Create(HERE), Answer::Lost);
    let taken = (Call::Create(HERE), Answer::Duplicate);
    let free = (Call::Create(HERE), Answer::Written(1, 1));
    let none = History::default;
    accepted(&in_turn(none(), &[lost, free, taken]));
    accepted(&in_turn(none(), &[lost, taken, taken]));
    rejected(&in_turn(none(), &[lost, taken, free]));
    rejected(&in_turn(none(), &[taken, lost]));
    let renamed = (Call::Edit(1, OTHER, None), Answer::Written(1, 2));
    accepted(&in_turn(created(), &[lost, renamed, taken]));
    accepted(&in_turn(created(), &[lost, renamed, (Call::Create(HERE), Answer::Written(2, 1))]));
    rejected(&in_turn(created(), &[renamed, taken, lost]));
}

#[test]
fn what_was_not_answered_is_done_at_most_once() {
    let renamed = |from: Home, version| (Call::Edit(1, from, None), Answer::Written(1, version));
    let lost = (Call::Edit(1, OTHER, None), Answer::Lost);
    accepted(&in_turn(created(), &[lost, (Call::Get(1), shown(OTHER, 2, 1)), renamed(HERE, 3)]));
    let again = (Call::Get(1), shown(OTHER, 4, 1));
    rejected(&in_turn(created(), &[lost, (Call::Get(1), shown(OTHER, 2, 1)), renamed(HERE, 3), again]));
}

#[test]
fn a_customer_whose_create_was_not_answered_has_the_id_under_which_it_is_read() {
    let lost = (Call::Create(HERE), Answer::Lost);
    let found = (Call::Get(5), shown(HERE, 1, 0));
    let none = History::default;
    accepted(&in_turn(none(), &[lost, found, (Call::Edit(5, OTHER, None), Answer::Written(5, 2))]));
    rejected(&in_turn(none(), &[lost, found, (Call::Get(5), Answer::NotFound)]));
    rejected(&in_turn(none(), &[lost, found, (Call::Create(HERE), Answer::Written(6, 1))]));
    rejected(&in_turn(none(), &[lost, found, (Call::Create(OTHER), Answer::Written(5, 1))]));
}

/// Without a memory of where it has been, the search would try 8! orders in each of ten rounds.
#[test]
fn a_search_without_a_solution_ends() {
    let round = [(Call::Create(HERE), Answer::Duplicate); 8];
    let mut history = (0..10).fold(created(), |history, _| at_once(history, &round));
    accepted(&history);
    history.call_and_answer(0, Call::Get(1), Answer::NotFound);
    rejected(&history);
}

#[test]
#[should_panic(expected = "no order gives the answer in line 6")]
fn a_failure_names_the_first_impossible_answer() {
    let history = in_turn(created(), &[(Call::Get(1), shown(HERE, 1, 0)), (Call::Get(1), Answer::NotFound)]);
    in_turn(history, &[(Call::Get(1), shown(HERE, 1, 0))]).must_be_linearizable("a test");
}
