//! Requests that take effect once, however often they are sent.
//!
//! The store remembers a write together with its idempotency key, in the same transaction. What is here keeps two
//! requests with one key from running side by side, and finds what was answered before anything else is looked at.

use crate::{App, Failure};
use carnelian_domain::{Caller, Problem, UserId};
use carnelian_store::{IdempotencyKey, Written};
use parking_lot::Mutex;
use std::{collections::HashSet, sync::Arc};

/// A request that its caller may send again.
#[derive(Clone, Copy, Debug)]
pub struct Idempotent<'a> {
    /// The key that the caller chose.
    pub key: &'a str,
    /// What was sent with it.
    pub body: &'a [u8],
}

/// The keys of requests that have no answer yet.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<(UserId, String)>>);

/// Keeps others with the same key away until it is dropped.
pub(crate) struct Turn {
    in_flight: Arc<InFlight>,
    key: IdempotencyKey,
}

impl Turn {
    fn take(in_flight: &Arc<InFlight>, key: IdempotencyKey) -> Option<Turn> {
        let mut keys = in_flight.0.lock();
        let ours = keys.insert((key.user, key.key.clone()));
        ours.then(|| Turn { in_flight: in_flight.clone(), key })
    }

    /// The key, for the store.
    pub(crate) fn key(&self) -> IdempotencyKey {
        self.key.clone()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut keys = self.in_flight.0.lock();
        keys.remove(&(self.key.user, std::mem::take(&mut self.key.key)));
    }
}

/// What comes of asking for a turn.
pub(crate) enum Asked {
    /// The request was carried out before: this is its answer.
    Before(Written),
    /// It is to be carried out; with a turn if it has a key.
    Now(Option<Turn>),
}

impl App {
    /// Asks whether a request is still to be carried out.
    pub(crate) async fn ask_turn(
        &self,
        caller: &Caller,
        request: Option<Idempotent<'_>>,
        target: &[&[u8]],
    ) -> Result<Asked, Failure> {
        let Some(Idempotent { key, body }) = request else { return Ok(Asked::Now(None)) };
        let parts = [target, &[body]].concat();
        let fingerprint = self.keys.vault.fingerprint(&parts).to_vec();
        let key = IdempotencyKey { user: caller.user, key: key.to_owned(), fingerprint };
        let turn = Turn::take(&self.in_flight, key).ok_or(Problem::IdempotencyKeyInUse)?;
        let before = self.store.written_before(&turn.key, self.clock.now()).await?;
        Ok(before.map_or(Asked::Now(Some(turn)), Asked::Before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_use_until_its_turn_is_over_and_only_for_its_user() {
        let in_flight = Arc::default();
        let take = |user, key: &str| {
            Turn::take(&in_flight, IdempotencyKey { user: UserId(user), key: key.into(), fingerprint: Vec::new() })
        };
        let turn = take(1, "a");
        assert!(turn.is_some());
        assert!(take(1, "a").is_none());
        assert!(take(2, "a").is_some() && take(1, "b").is_some());
        drop(turn);
        assert!(take(1, "a").is_some());
    }
}
