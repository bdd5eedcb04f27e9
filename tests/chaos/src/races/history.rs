//! The calls and answers of all clients in one order.

use std::fmt;

use super::registry::{Answer, Call, Operation};
use super::search;

/// A call or an answer.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The client.
    pub client: usize,
    /// The call or the answer.
    pub what: What,
}

/// A call or an answer.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// The client is about to call.
    Called(Operation),
    /// The client was answered.
    Answered(Answer),
}

/// The calls and answers of clients: a call is recorded before it is sent, an answer on arrival.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Vec<Event>,
    operations: usize,
}

impl History {
    /// Records a call, and gives it its number.
    pub fn call(&mut self, client: usize, call: Call) -> Operation {
        let number = self.operations;
        self.record(client, Operation { number, call, content: number, has_key: false })
    }

    /// Records a call that is sent with an idempotency key.
    pub fn call_with_key(&mut self, client: usize, call: Call) -> Operation {
        let number = self.operations;
        self.record(client, Operation { number, call, content: number, has_key: true })
    }

    /// Records that an operation is sent again with its idempotency key.
    pub fn repeat(&mut self, client: usize, operation: Operation) -> Operation {
        self.record(client, Operation { number: self.operations, ..operation })
    }

    fn record(&mut self, client: usize, operation: Operation) -> Operation {
        self.operations += 1;
        self.events.push(Event { client, what: What::Called(operation) });
        operation
    }

    /// Records the answer to the client's last call.
    pub fn answer(&mut self, client: usize, answer: Answer) {
        self.events.push(Event { client, what: What::Answered(answer) });
    }

    /// Records a call and its answer at once.
    pub fn call_and_answer(&mut self, client: usize, call: Call, answer: Answer) {
        self.call(client, call);
        self.answer(client, answer);
    }

    /// All answers.
    pub fn answers(&self) -> impl Iterator<Item = Answer> {
        self.events.iter().filter_map(|event| match event.what {
            What::Answered(answer) => Some(answer),
            What::Called(_) => None,
        })
    }

    /// Whether there is an order of the operations, each between its call and its answer, that gives these answers.
    pub fn is_linearizable(&self) -> bool {
        search::finds_an_order(&self.events)
    }

    /// Asserts that the history is linearizable.
    #[track_caller]
    pub fn must_be_linearizable(&self, case: &str) {
        if !self.is_linearizable() {
            let before = |end: &usize| search::finds_an_order(&self.events[..*end]);
            let possible = (0..self.events.len()).take_while(before).last().unwrap_or(0);
            panic!("{case}: no order gives the answer in line {}:\n{self}", possible + 1);
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Event { client, what }) in self.events.iter().enumerate() {
            match what {
                What::Called(operation) => {
                    let Operation { number, call, content, has_key } = operation;
                    let key = if *has_key { format!(" with key {content}") } else { String::new() };
                    writeln!(f, "{:4}  {client}: #{number} {call:?}{key}", index + 1)?;
                }
                What::Answered(answer) => writeln!(f, "{:4}  {client}:     → {answer:?}", index + 1)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
