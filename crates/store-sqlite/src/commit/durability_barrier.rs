//! Holds reads back until what they have read is on stable storage.
//!
//! Other connections see a commit before it is synced. A reader of a customer in such a commit waits for the sync, so that
//! no read returns what a power cut could undo.
//!
//! ```text
//! writer   begin(ids) ── COMMIT ─┐
//! syncer                         └─ sync the log ── complete(ids), or fail()
//! reader         SELECT ── wait_for(id) ···················└─ returns
//! ```
//!
//! `begin` comes before the commit, so a reader that sees the commit also finds its ids here. One group is committed and
//! not synced at a time, so `complete` ends every commit that has begun.

use carnelian_domain::CustomerId;
use carnelian_store::StoreError;
use parking_lot::Mutex;
use std::collections::HashSet;
use tokio::sync::Notify;

/// The customers whose last write is committed and not yet synced.
#[derive(Default)]
pub(crate) struct DurabilityBarrier {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    unsynced: HashSet<u64>,
    /// How many commits have begun.
    begun: u64,
    /// How many of those are synced or rolled back.
    completed: u64,
    failed: bool,
}

impl DurabilityBarrier {
    /// Adds the customers of a commit that is about to be made.
    pub(crate) fn begin(&self, customers: &[CustomerId]) {
        if customers.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.unsynced.extend(customers.iter().map(|id| id.0));
        state.begun += 1;
    }

    /// Removes the customers of a commit that is synced, or was rolled back.
    pub(crate) fn complete(&self, customers: &[CustomerId]) {
        if customers.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for id in customers {
            state.unsynced.remove(&id.0);
        }
        state.completed = state.begun;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Fails all reads of unsynced customers: nothing will be synced any more.
    pub(crate) fn fail(&self) {
        self.state.lock().failed = true;
        self.changed.notify_waiters();
    }

    /// Waits until what can be read of a customer is synced. Writes that begin after the call do not count.
    pub(crate) async fn wait_for(&self, id: CustomerId) -> Result<(), StoreError> {
        let begun = self.state.lock().begun;
        self.wait_until(|state| state.completed >= begun || !state.unsynced.contains(&id.0)).await
    }

    /// Waits until everything that can be read of customers is synced, including that a customer is absent.
    pub(crate) async fn wait_for_all(&self) -> Result<(), StoreError> {
        let begun = self.state.lock().begun;
        self.wait_until(|state| state.completed >= begun).await
    }

    async fn wait_until(&self, is_synced: impl Fn(&State) -> bool) -> Result<(), StoreError> {
        if is_synced(&self.state.lock()) {
            return Ok(());
        }
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let state = self.state.lock();
                if is_synced(&state) {
                    return Ok(());
                }
                if state.failed {
                    return Err(StoreError::unavailable("a sync has failed"));
                }
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    #[test]
    fn a_reader_waits_only_for_its_own_customer_and_only_until_the_sync() {
        let barrier = DurabilityBarrier::default();
        barrier.begin(&[CustomerId(1), CustomerId(2)]);
        let mut context = Context::from_waker(Waker::noop());
        let mut wait = pin!(barrier.wait_for(CustomerId(1)));
        assert!(pin!(barrier.wait_for(CustomerId(3))).poll(&mut context).is_ready());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        barrier.complete(&[CustomerId(1), CustomerId(2)]);
        assert!(wait.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_reader_of_a_customer_does_not_wait_for_later_writes() {
        let barrier = DurabilityBarrier::default();
        barrier.begin(&[CustomerId(1)]);
        let mut context = Context::from_waker(Waker::noop());
        let mut wait = pin!(barrier.wait_for(CustomerId(1)));
        assert!(wait.as_mut().poll(&mut context).is_pending());
        barrier.complete(&[CustomerId(1)]);
        barrier.begin(&[CustomerId(1)]);
        assert!(wait.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_reader_of_many_customers_waits_for_running_syncs_and_not_for_later_writes() {
        let barrier = DurabilityBarrier::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(barrier.wait_for_all()).poll(&mut context).is_ready());
        barrier.begin(&[CustomerId(1)]);
        let mut wait = pin!(barrier.wait_for_all());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        barrier.complete(&[CustomerId(1)]);
        barrier.begin(&[CustomerId(1)]);
        assert!(wait.as_mut().poll(&mut context).is_ready());
        let mut wait = pin!(barrier.wait_for_all());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        barrier.fail();
        assert!(matches!(wait.as_mut().poll(&mut context), Poll::Ready(Err(StoreError::Unavailable(_)))));
    }

    #[test]
    fn after_a_failed_sync_reads_of_what_may_be_lost_fail() {
        let barrier = DurabilityBarrier::default();
        barrier.begin(&[CustomerId(1)]);
        let mut context = Context::from_waker(Waker::noop());
        let mut wait = pin!(barrier.wait_for(CustomerId(1)));
        assert!(wait.as_mut().poll(&mut context).is_pending());
        barrier.fail();
        assert!(matches!(wait.as_mut().poll(&mut context), Poll::Ready(Err(StoreError::Unavailable(_)))));
    }
}
