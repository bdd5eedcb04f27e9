//! Searches for an order of operations in which a sequential registry gives the same answers.
//!
//! The search is that of stateright's tester, which tries one order after the other. Orders that lead to a state that
//! was searched before are skipped: see [`Attempt`].

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::history::{Event, What};
use super::registry::{Answer, Call, Operation, Registry};

/// How many operations a history may have.
const OPERATIONS: usize = u128::BITS as usize;

/// Whether there is an order of the operations that gives the recorded answers.
pub(super) fn finds_an_order(events: &[Event]) -> bool {
    let answers = answers(events);
    let is_lost = |operation: &Operation| answers.get(&operation.number).is_none_or(|answer| *answer == Answer::Lost);
    let mut tester = LinearizabilityTester::new(Attempt::new(events, &answers));
    let invalid = "a client calls once it was answered";
    let mut lost = Vec::new();
    for Event { client, what } in events {
        match what {
            What::Called(operation) if is_lost(operation) => {
                // Its client sends further calls, so it counts as a client of its own; these come last and are tried last.
                let own = usize::MAX - operation.number;
                tester.on_invoke(own, *operation).expect(invalid);
                lost.push(own);
            }
            What::Called(operation) => {
                tester.on_invoke(*client, *operation).expect(invalid);
            }
            What::Answered(Answer::Lost) => {}
            What::Answered(answer) => {
                tester.on_return(*client, *answer).expect(invalid);
            }
        }
    }
    // An operation after all others has no visible effect: it stands for one that never takes effect.
    for client in lost {
        tester.on_return(client, Answer::Lost).expect(invalid);
    }
    tester.is_consistent()
}

/// The answers by the numbers of their operations.
fn answers(events: &[Event]) -> HashMap<usize, Answer> {
    let (mut calling, mut answers) = (HashMap::new(), HashMap::new());
    for Event { client, what } in events {
        match what {
            What::Called(operation) => {
                calling.insert(client, operation.number);
            }
            What::Answered(answer) => {
                answers.insert(calling[client], *answer);
            }
        }
    }
    answers
}

/// The state that all attempts of one search share.
struct Search {
    /// The operations that were answered.
    answered: u128,
    /// The ids of customers whose creates were not answered, as reads or repeated creates returned them, by content.
    found: HashMap<usize, u64>,
    /// The states that were reached: the operations that were done, and the resulting registry.
    reached: RefCell<HashSet<(u128, Registry)>>,
}

/// A registry on which some of the operations were tried in some order.
///
/// What can follow depends only on the operations that were done and the resulting registry. The tester stops at the
/// first order that fits, so a state that was reached before was searched without success: skipping it changes no
/// verdict, and without that many searches would not finish.
#[derive(Clone)]
struct Attempt {
    registry: Registry,
    done: u128,
    search: Rc<Search>,
}

impl Attempt {
    fn new(events: &[Event], answers: &HashMap<usize, Answer>) -> Self {
        let is_answered = |answer: &Answer| *answer != Answer::Lost;
        let answered = answers.iter().filter(|(_, answer)| is_answered(answer)).map(|(number, _)| bit(*number));
        let search = Search { answered: answered.sum(), found: found(events), reached: RefCell::default() };
        Self { registry: Registry::default(), done: 0, search: Rc::new(search) }
    }
}

/// The ids under which reads have returned the content of operations, and with which creates were answered.
fn found(events: &[Event]) -> HashMap<usize, u64> {
    let (mut calling, mut found) = (HashMap::new(), HashMap::new());
    for Event { client, what } in events {
        match what {
            What::Called(operation) => drop(calling.insert(client, *operation)),
            What::Answered(answer) => match (calling[client].call, answer) {
                (Call::Get(id), Answer::Shown(customer)) => drop(found.insert(customer.content, id)),
                (Call::Create(_), Answer::Written(id, _)) => drop(found.insert(calling[client].content, *id)),
                _ => {}
            },
        }
    }
    found
}

fn bit(number: usize) -> u128 {
    assert!(number < OPERATIONS, "a history has at most {OPERATIONS} operations");
    1 << number
}

impl SequentialSpec for Attempt {
    type Op = Operation;
    type Ret = Answer;

    /// Performs an operation without an answer.
    fn invoke(&mut self, operation: &Operation) -> Answer {
        // If no read has returned the new customer, any unused id will do.
        let unseen = u64::MAX - operation.content as u64;
        let id = self.search.found.get(&operation.content).copied().unwrap_or(unseen);
        self.registry.perform(operation, id)
    }

    fn is_valid_step(&mut self, operation: &Operation, answer: &Answer) -> bool {
        let fits = if *answer == Answer::Lost {
            let before = self.registry.clone();
            self.invoke(operation);
            // An operation that changes nothing is tried in the last position only.
            self.registry != before || self.done & self.search.answered == self.search.answered
        } else {
            self.registry.accepts(operation, *answer)
        };
        self.done |= bit(operation.number);
        fits && self.search.reached.borrow_mut().insert((self.done, self.registry.clone()))
    }
}
