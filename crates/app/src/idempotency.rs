//! Requests with an `Idempotency-Key`: they take effect once, however often they are sent.
//!
//! The store decides. It remembers a write with its idempotency key in the transaction of the write, and looks for an
//! earlier one in the same transaction, so two requests with one key take effect once on any number of servers. The keys
//! in flight here belong to one process: they answer a second request with 409 while the first one has no answer, and
//! spare the store the work.

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
    /// The body of the request.
    pub body: &'a [u8],
}

/// The keys of requests of this process that have no answer yet.
#[derive(Default)]
pub(crate) struct InFlightKeys(Mutex<HashSet<(UserId, String)>>);

/// Marks a key as in flight until it is dropped.
pub(crate) struct InFlightGuard {
    in_flight: Arc<InFlightKeys>,
    key: IdempotencyKey,
}

impl InFlightGuard {
    fn acquire(in_flight: &Arc<InFlightKeys>, key: IdempotencyKey) -> Option<InFlightGuard> {
        let mut keys = in_flight.0.lock();
        let ours = keys.insert((key.user, key.key.clone()));
        ours.then(|| InFlightGuard { in_flight: in_flight.clone(), key })
    }

    /// The key, for the store.
    pub(crate) fn key(&self) -> IdempotencyKey {
        self.key.clone()
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut keys = self.in_flight.0.lock();
        keys.remove(&(self.key.user, std::mem::take(&mut self.key.key)));
    }
}

/// The outcome of looking for an earlier request with the same key.
pub(crate) enum IdempotencyCheck {
    /// The request took effect before, with this result.
    Done(Written),
    /// The request is to be carried out, with a guard if it has a key.
    New(Option<InFlightGuard>),
}

impl App {
    /// Looks for an earlier request with the same key, and marks the key as in flight if there is none.
    pub(crate) async fn check_idempotency(
        &self,
        caller: &Caller,
        request: Option<Idempotent<'_>>,
        target: &[&[u8]],
    ) -> Result<IdempotencyCheck, Failure> {
        let Some(Idempotent { key, body }) = request else { return Ok(IdempotencyCheck::New(None)) };
        let parts = [target, &[body]].concat();
        let fingerprint = self.keys.vault.fingerprint(&parts).to_vec();
        let key = IdempotencyKey { user: caller.user, key: key.to_owned(), fingerprint };
        let guard = InFlightGuard::acquire(&self.in_flight, key).ok_or(Problem::IdempotencyKeyInUse)?;
        let done = self.store.find_idempotent_write(&guard.key).await?;
        Ok(done.map_or(IdempotencyCheck::New(Some(guard)), IdempotencyCheck::Done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_flight_until_its_guard_is_dropped_and_only_for_its_user() {
        let in_flight = Arc::default();
        let acquire = |user, key: &str| {
            InFlightGuard::acquire(
                &in_flight,
                IdempotencyKey { user: UserId(user), key: key.into(), fingerprint: Vec::new() },
            )
        };
        let guard = acquire(1, "a");
        assert!(guard.is_some());
        assert!(acquire(1, "a").is_none());
        assert!(acquire(2, "a").is_some() && acquire(1, "b").is_some());
        drop(guard);
        assert!(acquire(1, "a").is_some());
    }
}
