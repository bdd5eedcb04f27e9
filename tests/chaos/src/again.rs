//! Sends requests without an answer again under their idempotency keys, as a client would; each takes effect once.

use std::ops::AddAssign;

use blackbox::{CUSTOMERS, Client, Reply, Request, sample};
use serde_json::json;

use crate::model::{CustomerHistory, Outcome, Sent};

/// How much was sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// How many creates.
    pub creates: usize,
    /// How many edits.
    pub edits: usize,
}

impl Again {
    /// Whether at least one create and one edit were sent again.
    pub fn has_both(&self) -> bool {
        self.creates > 0 && self.edits > 0
    }
}

impl AddAssign for Again {
    fn add_assign(&mut self, other: Self) {
        self.creates += other.creates;
        self.edits += other.edits;
    }
}

/// Sends every create and every edit whose outcome is unknown again, and once more: a create must succeed, an edit must
/// be made once in all, or be refused. The outcomes in `histories` are updated.
pub fn send_again(client: &Client, histories: &mut [CustomerHistory]) -> Again {
    let mut again = Again::default();
    for history in histories {
        let created = history[0].outcome;
        match created {
            Outcome::Unknown => {
                create_again(client, &mut history[0]);
                again.creates += 1;
            }
            Outcome::Acknowledged(id) => again.edits += edit_again(client, id, history),
            Outcome::Refused => {}
        }
    }
    again
}

fn create_again(client: &Client, create: &mut Sent) {
    let id = send_twice(client, "POST", CUSTOMERS, create).customer_id();
    sample::assert_shows(&client.read(id).json(), &create.body, id);
    create.outcome = Outcome::Acknowledged(id);
}

/// Sends the edits of a customer with an unknown outcome again; returns how many there were.
fn edit_again(client: &Client, id: u64, history: &mut CustomerHistory) -> usize {
    let is_unknown_edit = |sent: &Sent| sent.outcome == Outcome::Unknown && !sent.erases();
    let (unknown, known): (Vec<_>, Vec<_>) = history.drain(..).partition(is_unknown_edit);
    *history = known;
    let edits = unknown.len();
    for mut edit in unknown {
        // An edit that was refused or overwritten has no effect on what is stored.
        if is_last_write(client, id, &edit) {
            edit.outcome = Outcome::Acknowledged(id);
            history.push(edit);
        }
    }
    edits
}

/// Sends an edit again and asserts that it is made once in all; whether it is what was written last of its customer.
fn is_last_write(client: &Client, id: u64, edit: &Sent) -> bool {
    let before = client.read(id);
    let answer = send_twice(client, "PUT", &format!("{CUSTOMERS}/{id}"), edit);
    let after = client.read(id);
    let case = format!("{} of customer {id}: {} {}", edit.request, answer.status, answer.text());
    if answer.status != 200 || before.status != 200 {
        assert_eq!(after.comparable(), before.comparable(), "{case}: it was refused, or the customer is gone");
        return false;
    }
    let (was, is, written) = (version(&before), version(&after), version(&answer));
    let shows_it = |reply: &Reply| {
        let mut expected = sample::shown(&edit.body);
        expected["customerId"] = json!(id);
        reply.json() == expected
    };
    if is == was {
        assert!(written <= was, "{case}: version {written} was acknowledged, and the last one is {was}");
    } else {
        assert!(!shows_it(&before), "{case}: it had been made, and was made once more");
        assert_eq!((is, written), (was + 1, was + 1), "{case}: it was made more than once, or not as it was answered");
    }
    assert!(written < is || shows_it(&after), "{case}: what is shown is {}", after.text());
    written == is
}

/// Sends a request again, and once more, and asserts that the answers are the same.
fn send_twice(client: &Client, method: &str, target: &str, sent: &Sent) -> Reply {
    let request = Request::new(method, target).header("Idempotency-Key", &sent.request).json(&sent.body);
    let answer = client.send(request.clone());
    let case = format!("{method} {target} {}", sent.request);
    assert!(answer.status < 500, "{case}: {} {}", answer.status, answer.text());
    assert_eq!(client.send(request).comparable(), answer.comparable(), "{case}: the same request, another answer");
    answer
}

/// The version in the `ETag` of a response.
fn version(reply: &Reply) -> u64 {
    let version = reply.header("ETag").and_then(|tag| tag.trim_matches('"').parse().ok());
    version.unwrap_or_else(|| panic!("no version: {} {}", reply.status, reply.text()))
}
