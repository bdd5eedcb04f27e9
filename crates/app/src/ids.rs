//! Customer ids, reserved in blocks so that giving one out costs no write.
//!
//! An id has to be known before the customer is written, because it is part of the seal. What is left of a block when
//! the program ends is never used: ids may have gaps, they are never given twice.

use carnelian_domain::CustomerId;
use carnelian_store::{Store, StoreError};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;

/// How many ids are reserved at once, and how few may be left before more are.
const BLOCK: u64 = 1000;

/// How many may wait for an id before further ones are turned away: a reservation is a write, and writes may be stuck.
const WAITING: usize = 4096;

pub(crate) struct CustomerIds {
    store: Arc<dyn Store>,
    blocks: Mutex<VecDeque<Range<u64>>>,
    reserving: Arc<tokio::sync::Mutex<()>>,
    places: Semaphore,
}

impl CustomerIds {
    pub(crate) fn new(store: Arc<dyn Store>) -> CustomerIds {
        CustomerIds { store, blocks: Mutex::default(), reserving: Arc::default(), places: Semaphore::new(WAITING) }
    }

    /// An id that nobody has ever been given.
    pub(crate) async fn next(self: &Arc<Self>) -> Result<CustomerId, StoreError> {
        if let Some(id) = self.take() {
            return Ok(id);
        }
        let _place = self.places.try_acquire().map_err(|_| StoreError::Busy)?;
        let _reserving = self.reserving.lock().await;
        loop {
            if let Some(id) = self.take() {
                return Ok(id);
            }
            self.reserve().await?;
        }
    }

    fn take(self: &Arc<Self>) -> Option<CustomerId> {
        let (id, left) = {
            let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            let id = blocks.front_mut().and_then(Iterator::next)?;
            if blocks.front().is_some_and(Range::is_empty) {
                blocks.pop_front();
            }
            (id, blocks.iter().map(|block| block.end - block.start).sum::<u64>())
        };
        if left < BLOCK {
            self.reserve_ahead();
        }
        Some(CustomerId(id))
    }

    /// Reserves more in the background, so that nobody has to wait for it.
    fn reserve_ahead(self: &Arc<Self>) {
        if let Ok(reserving) = self.reserving.clone().try_lock_owned() {
            let ids = self.clone();
            tokio::spawn(async move {
                if let Err(error) = ids.reserve().await {
                    tracing::warn!(%error, "customer ids could not be reserved ahead");
                }
                drop(reserving);
            });
        }
    }

    /// So many ids in a row that nobody has ever been given.
    pub(crate) async fn block(&self, count: u64) -> Result<Range<u64>, StoreError> {
        let block = self.store.reserve_customer_ids(count).await?;
        if block.end > CustomerId::LIMIT {
            return Err(StoreError::corrupt("customer ids are used up"));
        }
        Ok(block)
    }

    async fn reserve(&self) -> Result<(), StoreError> {
        let block = self.block(BLOCK).await?;
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).push_back(block);
        Ok(())
    }
}
