//! Customer ids, reserved in blocks so that most creates cost no write for their id.
//!
//! The id must be known before the customer is written, because it is part of the seal. When the program ends, the rest of
//! each block is lost: ids may have gaps, but no id is given out twice. Every partition of the store has ids of its own.
//!
//! Each server reserves blocks for itself, so of customers that two servers create, the later one may have the lower id.

use carnelian_domain::{AccountId, CustomerId};
use carnelian_store::{IdBlock, PartitionId, Store, StoreError};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::Semaphore;

/// How many ids a block has. The next block is reserved when fewer ids than that are left.
const BLOCK: u64 = 1000;

/// How many callers may wait for an id before further ones fail as busy: a reservation is a write, and writes may be stuck.
const WAITING: usize = 4096;

pub(crate) struct CustomerIds {
    store: Arc<dyn Store>,
    /// In the order of the partitions.
    partitions: Vec<Arc<PartitionIds>>,
    places: Semaphore,
}

/// The ids of one partition.
struct PartitionIds {
    store: Arc<dyn Store>,
    partition: PartitionId,
    blocks: Mutex<VecDeque<IdBlock>>,
    reserving: Arc<tokio::sync::Mutex<()>>,
}

impl CustomerIds {
    pub(crate) fn new(store: Arc<dyn Store>) -> CustomerIds {
        let ids = |partition| {
            let (store, blocks, reserving) = (store.clone(), Mutex::default(), Arc::default());
            Arc::new(PartitionIds { store, partition, blocks, reserving })
        };
        let partitions = store.partitions().into_iter().map(ids).collect();
        CustomerIds { store, partitions, places: Semaphore::new(WAITING) }
    }

    /// An id for a new customer of an account.
    pub(crate) async fn next(&self, account: AccountId) -> Result<CustomerId, StoreError> {
        let ids = &self.partitions[usize::from(self.store.partition_of(account).0)];
        if let Some(id) = ids.take() {
            return Ok(id);
        }
        let _place = self.places.try_acquire().map_err(|_| StoreError::Busy)?;
        let _reserving = ids.reserving.lock().await;
        loop {
            if let Some(id) = ids.take() {
                return Ok(id);
            }
            ids.reserve().await?;
        }
    }

    /// A block of ids of a partition for the caller alone.
    pub(crate) async fn block(&self, partition: PartitionId, count: u64) -> Result<IdBlock, StoreError> {
        reserve_block(&*self.store, partition, count).await
    }
}

impl PartitionIds {
    fn take(self: &Arc<Self>) -> Option<CustomerId> {
        let (id, left) = {
            let mut blocks = self.blocks.lock();
            let id = blocks.front_mut().and_then(Iterator::next)?;
            if blocks.front().is_some_and(|block| block.count == 0) {
                blocks.pop_front();
            }
            (id, blocks.iter().map(|block| block.count).sum::<u64>())
        };
        if left < BLOCK {
            self.reserve_ahead();
        }
        Some(id)
    }

    /// Reserves the next block in the background, so that no caller waits for it.
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

    async fn reserve(&self) -> Result<(), StoreError> {
        let block = reserve_block(&*self.store, self.partition, BLOCK).await?;
        self.blocks.lock().push_back(block);
        Ok(())
    }
}

async fn reserve_block(store: &dyn Store, partition: PartitionId, count: u64) -> Result<IdBlock, StoreError> {
    let block = store.reserve_customer_ids(partition, count).await?;
    if block.last_id().is_some_and(|id| id.0 >= CustomerId::LIMIT) {
        return Err(StoreError::corrupt("customer ids are used up"));
    }
    Ok(block)
}
