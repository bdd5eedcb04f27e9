//! Customers whose last write is committed and not yet synced.
//!
//! A commit can be read before it is on stable storage. Whoever reads one of these customers waits until it is, so that
//! nothing is ever shown that a power cut could take back.

use carnelian_domain::CustomerId;
use carnelian_store::StoreError;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What the writer notes, the syncer clears and readers ask for.
#[derive(Default)]
pub(crate) struct Unsynced {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    customers: HashSet<u64>,
    /// How many times customers were noted.
    noted: u64,
    /// How many of those times are over.
    cleared: u64,
    failed: bool,
}

impl Unsynced {
    /// Notes customers before the commit that writes them.
    pub(crate) fn note(&self, customers: &[CustomerId]) {
        if customers.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.customers.extend(customers.iter().map(|id| id.0));
        state.noted += 1;
    }

    /// Clears customers: their commit is synced, or there was none.
    pub(crate) fn clear(&self, customers: &[CustomerId]) {
        if customers.is_empty() {
            return;
        }
        let mut state = self.lock();
        for id in customers {
            state.customers.remove(&id.0);
        }
        // There is no commit while another one is being synced.
        state.cleared = state.noted;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Nothing will be synced any more.
    pub(crate) fn fail(&self) {
        self.lock().failed = true;
        self.changed.notify_waiters();
    }

    /// Waits until what can be read of a customer is on stable storage, whatever is written of it later.
    pub(crate) async fn wait_for(&self, id: CustomerId) -> Result<(), StoreError> {
        let noted = self.lock().noted;
        self.wait_until(|state| state.cleared >= noted || !state.customers.contains(&id.0)).await
    }

    /// Waits until everything that can be read of customers is on stable storage: what there is, and what is no longer.
    pub(crate) async fn wait_for_all(&self) -> Result<(), StoreError> {
        let noted = self.lock().noted;
        self.wait_until(|state| state.cleared >= noted).await
    }

    async fn wait_until(&self, synced: impl Fn(&State) -> bool) -> Result<(), StoreError> {
        if synced(&self.lock()) {
            return Ok(());
        }
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let state = self.lock();
                if synced(&state) {
                    return Ok(());
                }
                if state.failed {
                    return Err(StoreError::unavailable("a sync has failed"));
                }
            }
            changed.await;
        }
    }

    /// A panic while the lock is held is impossible, so a poisoned one still guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_reader_waits_for_its_customer_alone_and_only_until_the_sync() {
        let unsynced = Unsynced::default();
        unsynced.note(&[CustomerId(1), CustomerId(2)]);
        let mut context = Context::from_waker(Waker::noop());
        let mut wait = pin!(unsynced.wait_for(CustomerId(1)));
        assert!(pin!(unsynced.wait_for(CustomerId(3))).poll(&mut context).is_ready());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        unsynced.clear(&[CustomerId(1), CustomerId(2)]);
        assert!(wait.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_reader_of_a_customer_does_not_wait_for_what_is_written_of_it_later() {
        let unsynced = Unsynced::default();
        unsynced.note(&[CustomerId(1)]);
        let mut context = Context::from_waker(Waker::noop());
        let mut wait = pin!(unsynced.wait_for(CustomerId(1)));
        assert!(wait.as_mut().poll(&mut context).is_pending());
        unsynced.clear(&[CustomerId(1)]);
        unsynced.note(&[CustomerId(1)]);
        assert!(wait.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_reader_of_many_waits_for_what_is_unsynced_now_and_not_for_what_comes_later() {
        let unsynced = Unsynced::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(unsynced.wait_for_all()).poll(&mut context).is_ready());
        unsynced.note(&[CustomerId(1)]);
        let mut wait = pin!(unsynced.wait_for_all());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        unsynced.clear(&[CustomerId(1)]);
        unsynced.note(&[CustomerId(1)]);
        assert!(wait.as_mut().poll(&mut context).is_ready());
        let mut wait = pin!(unsynced.wait_for_all());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        unsynced.fail();
        assert!(matches!(wait.as_mut().poll(&mut context), Poll::Ready(Err(StoreError::Unavailable(_)))));
    }

    #[test]
    fn after_a_failed_sync_what_may_be_lost_is_not_shown() {
        let unsynced = Unsynced::default();
        unsynced.note(&[CustomerId(1)]);
        let mut context = Context::from_waker(Waker::noop());
        let mut wait = pin!(unsynced.wait_for(CustomerId(1)));
        assert!(wait.as_mut().poll(&mut context).is_pending());
        unsynced.fail();
        assert!(matches!(wait.as_mut().poll(&mut context), Poll::Ready(Err(StoreError::Unavailable(_)))));
    }
}
