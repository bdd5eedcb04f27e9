//! Looks for an order of operations in which a registry that does one thing at a time would have answered the same.
//!
//! The search is that of stateright's tester, which tries one order after the other. It is spared those that lead to
//! where it has been: see [`Attempt`].

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::history::{Event, What};
use super::registry::{Answer, Call, Operation, Registry};

/// How many operations a history may have.
const OPERATIONS: usize = u128::BITS as usize;

/// Whether there is such an order.
pub(super) fn finds_an_order(events: &[Event]) -> bool {
    let answers = answers(events);
    let is_lost = |operation: &Operation| answers.get(&operation.number).is_none_or(|answer| *answer == Answer::Lost);
    let mut tester = LinearizabilityTester::new(Attempt::new(events, &answers));
    let invalid = "a client calls once it was answered";
    let mut lost = Vec::new();
    for Event { client, what } in events {
        match what {
            What::Called(operation) if is_lost(operation) => {
                // Its client goes on, so it counts as a client of its own; these come last, and so are tried last.
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
    // What is done after everything else nobody sees: it stands for what is never done.
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

/// What all attempts of one search share.
struct Search {
    /// The operations that were answered.
    answered: u128,
    /// The ids of customers whose creates were not answered, as reads told them.
    found: HashMap<usize, u64>,
    /// Everything that was reached: which operations were done, and what they have made of the registry.
    reached: RefCell<HashSet<(u128, Registry)>>,
}

/// A registry on which some of the operations were tried in some order.
///
/// What can follow depends only on which operations were done and on what they have made of the registry. The tester
/// ends with the first order that fits, so whatever was reached before was searched in vain: to refuse to reach it
/// again changes no verdict, and without that many a search would not end.
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

/// Under which id a read has shown the content of an operation.
fn found(events: &[Event]) -> HashMap<usize, u64> {
    let (mut reading, mut found) = (HashMap::new(), HashMap::new());
    for Event { client, what } in events {
        match what {
            What::Called(Operation { call: Call::Get(id), .. }) => {
                reading.insert(client, *id);
            }
            What::Answered(Answer::Shown(customer)) => {
                found.insert(customer.content, reading[client]);
            }
            _ => {}
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

    /// Does what nobody was answered for.
    fn invoke(&mut self, operation: &Operation) -> Answer {
        // If nobody has ever seen the new customer, any id will do that nobody has.
        let unseen = u64::MAX - operation.number as u64;
        let id = self.search.found.get(&operation.number).copied().unwrap_or(unseen);
        self.registry.perform(operation, id)
    }

    fn is_valid_step(&mut self, operation: &Operation, answer: &Answer) -> bool {
        let fits = if *answer == Answer::Lost {
            let before = self.registry.clone();
            self.invoke(operation);
            // One that changes nothing may as well come last, and need be tried nowhere else.
            self.registry != before || self.done & self.search.answered == self.search.answered
        } else {
            self.registry.accepts(operation, *answer)
        };
        self.done |= bit(operation.number);
        fits && self.search.reached.borrow_mut().insert((self.done, self.registry.clone()))
    }
}
