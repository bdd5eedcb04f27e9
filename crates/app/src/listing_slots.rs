//! Limits how many listings of one user are answered at once.
//!
//! A listing can scan many customers, and its response can be large, so a user with many connections could take up the
//! threads and the memory of the server. A user has [`SLOTS`] slots, and a listing keeps one until its response has been
//! handed to the connection. A listing without a slot waits for one, first come, first served, and is refused if it gets
//! none in time. It is not refused at once, because a client that does not wait would send the next request at once.

use crate::{
    App, Failure,
    refusal_delay::{RETRY_SOON, RefusalDelay},
};
use carnelian_domain::{Caller, UserId};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How many listings of a user are answered at once.
const SLOTS: usize = 2;

/// The number of users from which those without a listing are removed.
const PRUNE: usize = 10_000;

/// The slots of all users.
#[derive(Default)]
pub(crate) struct ListingSlots {
    of_users: Mutex<HashMap<UserId, Arc<Semaphore>>>,
    wait: RefusalDelay,
}

/// A slot, taken until this is dropped.
#[derive(Debug)]
pub struct ListingSlot {
    _permit: OwnedSemaphorePermit,
}

impl ListingSlots {
    /// Takes a slot of the user; `None` if none becomes free in time.
    async fn acquire(&self, user: UserId) -> Option<ListingSlot> {
        let slots = self.slots_of(user);
        if let Ok(permit) = slots.clone().try_acquire_owned() {
            return Some(ListingSlot { _permit: permit });
        }
        let permit = timeout(self.wait.next(), slots.acquire_owned()).await.ok()?.ok()?;
        Some(ListingSlot { _permit: permit })
    }

    fn slots_of(&self, user: UserId) -> Arc<Semaphore> {
        let mut of_users = self.of_users.lock();
        if of_users.len() >= PRUNE {
            // Slots that are taken or waited for are referred to from elsewhere as well.
            of_users.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        of_users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(SLOTS))).clone()
    }
}

impl App {
    /// Takes a slot for a listing of the caller.
    ///
    /// Fails with [`Failure::RateLimited`] if the caller has too many listings. May wait, so the caller's rights are
    /// to be confirmed afterwards.
    pub async fn acquire_listing_slot(&self, caller: &Caller) -> Result<ListingSlot, Failure> {
        self.limits.listings.acquire(caller.user).await.ok_or(Failure::RateLimited(RETRY_SOON))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
    }

    #[test]
    fn a_listing_beyond_a_user_s_slots_waits_for_one_and_those_of_others_do_not() {
        let runtime = runtime();
        let _entered = runtime.enter();
        let slots = ListingSlots::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        for _ in 0..SLOTS {
            let Poll::Ready(slot) = pin!(slots.acquire(UserId(1))).poll(&mut context) else { panic!("a slot is free") };
            taken.push(slot.expect("a slot is free"));
        }
        let mut waiting = pin!(slots.acquire(UserId(1)));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert!(matches!(pin!(slots.acquire(UserId(2))).poll(&mut context), Poll::Ready(Some(_))));
        taken.pop();
        assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Ready(Some(_))));
    }

    #[test]
    fn a_listing_that_gets_no_slot_in_time_is_refused() {
        let slots = ListingSlots::default();
        runtime().block_on(async {
            let _taken: Vec<_> = [slots.acquire(UserId(1)).await, slots.acquire(UserId(1)).await].into();
            assert!(slots.acquire(UserId(1)).await.is_none());
        });
    }

    #[test]
    fn users_without_a_listing_are_forgotten() {
        let slots = ListingSlots::default();
        let kept = slots.slots_of(UserId(0));
        for user in 1..=PRUNE {
            slots.slots_of(UserId(user as u64));
        }
        assert_eq!(slots.of_users.lock().len(), 2);
        assert!(Arc::ptr_eq(&kept, &slots.slots_of(UserId(0))), "slots that are taken are kept");
    }
}
