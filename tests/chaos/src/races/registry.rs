//! What a registry answers that does one thing at a time: what every history is held against.

use std::collections::{BTreeMap, BTreeSet};

/// What only one customer can have: a name in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Home {
    /// The number of the account.
    pub account: usize,
    /// The number of the name.
    pub name: usize,
}

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A new customer.
    Create(Home),
    /// Another name, account or content for a customer, if it has this version where one is given.
    Edit(u64, Home, Option<u64>),
    /// The erasure of a customer, if it has this version where one is given.
    Erase(u64, Option<u64>),
    /// What a customer shows.
    Get(u64),
    /// The erasure of an account.
    RequestErasure(usize),
    /// The end of its erasure.
    CancelErasure(usize),
}

/// A call, and its number in its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The number, from 0.
    pub number: usize,
    /// The call.
    pub call: Call,
    /// Identifies what it writes: its number, or the number of the operation that it repeats.
    pub content: usize,
    /// Whether it is sent with an idempotency key, that of its content.
    pub has_key: bool,
}

/// A customer as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Customer {
    /// Its name and account.
    pub home: Home,
    /// How often it was written.
    pub version: u64,
    /// The content of the operation that wrote it last.
    pub content: usize,
}

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The customer with this id now has this version.
    Written(u64, u64),
    /// What the customer shows.
    Shown(Customer),
    /// The customer was erased, or the erasure of the account was requested or cancelled.
    Done,
    /// There is no such customer.
    NotFound,
    /// The account is being erased.
    Erasing,
    /// The account is not being erased.
    NotErasing,
    /// The customer has another version.
    Stale,
    /// Another customer has the name.
    Duplicate,
    /// Nothing was done: another request with the idempotency key is in progress.
    InProgress,
    /// Nothing, or that it is unknown: it may be done from the call on, at any time or never.
    Lost,
    /// Never answered: a new customer with the id of another.
    NotNew,
}

/// A sequential registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registry {
    erasing: BTreeSet<usize>,
    customers: BTreeMap<u64, Customer>,
    /// The answers to the writes that were made under idempotency keys.
    answered: BTreeMap<usize, Answer>,
}

impl Registry {
    /// Performs an operation and returns its answer; a new customer gets the id `new`.
    pub fn perform(&mut self, operation: &Operation, new: u64) -> Answer {
        if !operation.has_key {
            return self.perform_once(operation, new);
        }
        if let Some(answer) = self.answered.get(&operation.content) {
            return *answer;
        }
        let answer = self.perform_once(operation, new);
        if matches!(answer, Answer::Written(..)) {
            self.answered.insert(operation.content, answer);
        }
        answer
    }

    fn perform_once(&mut self, operation: &Operation, new: u64) -> Answer {
        let content = operation.content;
        match operation.call {
            Call::Create(home) if self.erasing.contains(&home.account) => Answer::Erasing,
            Call::Create(home) if self.is_taken(home, None) => Answer::Duplicate,
            Call::Create(_) if self.customers.contains_key(&new) => Answer::NotNew,
            Call::Create(home) => self.put(new, Customer { home, version: 1, content }),
            Call::Edit(id, home, version) => match self.customers.get(&id) {
                None => Answer::NotFound,
                Some(current) => self.edit(id, *current, version, Customer { home, content, ..*current }),
            },
            Call::Erase(id, version) => match self.customers.get(&id) {
                None => Answer::NotFound,
                Some(current) if version.is_some_and(|version| version != current.version) => Answer::Stale,
                Some(_) => {
                    self.customers.remove(&id);
                    Answer::Done
                }
            },
            Call::Get(id) => self.customers.get(&id).map_or(Answer::NotFound, |customer| Answer::Shown(*customer)),
            Call::RequestErasure(account) if self.erasing.insert(account) => Answer::Done,
            Call::RequestErasure(_) => Answer::Erasing,
            Call::CancelErasure(account) if self.erasing.remove(&account) => Answer::Done,
            Call::CancelErasure(_) => Answer::NotErasing,
        }
    }

    /// Performs an operation and returns whether `answer` is its answer; a new customer may have any unused id.
    pub fn accepts(&mut self, operation: &Operation, answer: Answer) -> bool {
        match (answer, operation.call) {
            (Answer::InProgress, _) => return operation.has_key,
            // Whether there is the customer is looked up before the write, which looks for the key.
            (Answer::NotFound, Call::Edit(id, ..)) => return !self.customers.contains_key(&id),
            _ => {}
        }
        let new = if let Answer::Written(id, _) = answer { id } else { u64::MAX };
        self.perform(operation, new) == answer
    }

    fn edit(&mut self, id: u64, current: Customer, version: Option<u64>, new: Customer) -> Answer {
        if [current.home, new.home].iter().any(|home| self.erasing.contains(&home.account)) {
            Answer::Erasing
        } else if version.is_some_and(|version| version != current.version) {
            Answer::Stale
        } else if self.is_taken(new.home, Some(id)) {
            Answer::Duplicate
        } else {
            self.put(id, Customer { version: current.version + 1, ..new })
        }
    }

    fn is_taken(&self, home: Home, by_other_than: Option<u64>) -> bool {
        self.customers.iter().any(|(id, customer)| customer.home == home && Some(*id) != by_other_than)
    }

    fn put(&mut self, id: u64, customer: Customer) -> Answer {
        self.customers.insert(id, customer);
        Answer::Written(id, customer.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Home = Home { account: 0, name: 0 };
    const THERE: Home = Home { account: 1, name: 0 };

    fn operation(number: usize, call: Call) -> Operation {
        Operation { number, call, content: number, has_key: false }
    }

    /// A registry with customer 1 here and customer 2 there.
    fn registry() -> Registry {
        let mut registry = Registry::default();
        for (id, home) in [(1, HERE), (2, THERE)] {
            assert!(registry.accepts(&operation(0, Call::Create(home)), Answer::Written(id, 1)));
        }
        registry
    }

    #[track_caller]
    fn answers(registry: &mut Registry, call: Call, answer: Answer) {
        assert_eq!(registry.perform(&operation(7, call), 3), answer, "{call:?}");
    }

    #[test]
    fn an_edit_is_refused_for_the_first_of_its_reasons() {
        let registry = &mut registry();
        answers(registry, Call::RequestErasure(1), Answer::Done);
        answers(registry, Call::Edit(9, THERE, Some(9)), Answer::NotFound);
        answers(registry, Call::Edit(1, THERE, Some(9)), Answer::Erasing);
        answers(registry, Call::Edit(2, HERE, Some(9)), Answer::Erasing);
        answers(registry, Call::CancelErasure(1), Answer::Done);
        answers(registry, Call::Edit(1, THERE, Some(9)), Answer::Stale);
        answers(registry, Call::Edit(1, THERE, Some(1)), Answer::Duplicate);
        answers(registry, Call::Edit(1, Home { name: 1, ..THERE }, Some(1)), Answer::Written(1, 2));
    }

    #[test]
    fn a_create_is_refused_for_the_first_of_its_reasons() {
        let registry = &mut registry();
        answers(registry, Call::RequestErasure(0), Answer::Done);
        answers(registry, Call::Create(HERE), Answer::Erasing);
        answers(registry, Call::CancelErasure(0), Answer::Done);
        answers(registry, Call::Create(HERE), Answer::Duplicate);
        answers(registry, Call::Create(Home { name: 1, ..HERE }), Answer::Written(3, 1));
        answers(registry, Call::Create(Home { name: 2, ..HERE }), Answer::NotNew);
    }

    #[test]
    fn a_customer_that_moves_leaves_its_name_behind_and_shows_what_was_written_last() {
        let (registry, new) = (&mut registry(), Home { account: 1, name: 1 });
        answers(registry, Call::Edit(1, HERE, None), Answer::Written(1, 2));
        answers(registry, Call::Edit(1, new, Some(2)), Answer::Written(1, 3));
        answers(registry, Call::Get(1), Answer::Shown(Customer { home: new, version: 3, content: 7 }));
        answers(registry, Call::Create(HERE), Answer::Written(3, 1));
    }

    #[test]
    fn an_erased_customer_is_gone_and_its_name_is_free() {
        let registry = &mut registry();
        answers(registry, Call::Erase(9, None), Answer::NotFound);
        answers(registry, Call::Erase(1, Some(2)), Answer::Stale);
        answers(registry, Call::Erase(1, Some(1)), Answer::Done);
        answers(registry, Call::Get(1), Answer::NotFound);
        answers(registry, Call::Create(HERE), Answer::Written(3, 1));
    }

    #[test]
    fn a_write_under_a_key_happens_once_and_a_refused_one_may_happen_later() {
        let registry = &mut registry();
        let keyed = |call| Operation { has_key: true, ..operation(7, call) };
        let create = keyed(Call::Create(HERE));
        assert_eq!(registry.perform(&create, 3), Answer::Duplicate);
        answers(registry, Call::Erase(1, None), Answer::Done);
        assert!(registry.accepts(&create, Answer::InProgress), "nothing is done");
        assert_eq!(registry.perform(&create, 3), Answer::Written(3, 1));
        assert_eq!(registry.perform(&create, 4), Answer::Written(3, 1));
        answers(registry, Call::Get(4), Answer::NotFound);
        assert!(!registry.accepts(&operation(8, Call::Create(HERE)), Answer::InProgress), "it has no key");
    }

    #[test]
    fn an_erasure_is_requested_once_and_cancelled_once() {
        let registry = &mut registry();
        answers(registry, Call::CancelErasure(0), Answer::NotErasing);
        answers(registry, Call::RequestErasure(0), Answer::Done);
        answers(registry, Call::RequestErasure(0), Answer::Erasing);
        answers(registry, Call::Get(1), Answer::Shown(Customer { home: HERE, version: 1, content: 0 }));
        answers(registry, Call::CancelErasure(0), Answer::Done);
    }
}
