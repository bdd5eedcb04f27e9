//! Customers. Their writes go to the writers.

use crate::{
    barrier,
    core::PARTITION_NUMBER,
    group::{Piece, Write},
    port::{
        listing,
        rows::{moment, number, stored_customer},
    },
    store::PostgresStore,
};
use carnelian_domain::{AccountId, CustomerId, Origin};
use carnelian_store::{
    Customers, EditCustomer, EraseCustomer, IdBlock, IdempotencyKey, ListCustomers, NewCustomer, PartitionId,
    Partitions, StoreError, StoredCustomer, Written, judge,
};

const CUSTOMER: &str = "
    SELECT account_id, name, ship_to_bill_address, sealed, version FROM customer WHERE partition = $1 AND id = $2";

const EARLIER_WRITE: &str = "
    SELECT fingerprint, customer_id, account_id, at, version FROM idempotent_write
    WHERE partition = $1 AND user_id = $2 AND key = $3 AND at > $4";

const RESERVE: &str = "UPDATE id_block SET next = next + $2 WHERE partition = $1 RETURNING next";

#[async_trait::async_trait]
impl Customers for PostgresStore {
    async fn reserve_customer_ids(&self, partition: PartitionId, count: u64) -> Result<IdBlock, StoreError> {
        let transaction = self.core.begin().await?;
        let values = (i64::from(partition.0), count.cast_signed());
        let end = number(&transaction.one(RESERVE, &[&values.0, &values.1]).await?, 0);
        transaction.commit().await?;
        let step = u64::from(self.partition_count());
        Ok(IdBlock { first: (end - count) * step + u64::from(partition.0), step, count })
    }

    async fn create_customer(
        &self,
        new: NewCustomer,
        origin: &Origin,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Written, StoreError> {
        let write = Write::Create { new, replace: None };
        self.writer.write(Piece { write, origin: origin.clone(), key: idempotency }).await
    }

    async fn find_idempotent_write(&self, key: &IdempotencyKey) -> Result<Option<Written>, StoreError> {
        let (user, forgotten_at) = (key.user.0.cast_signed(), IdempotencyKey::forgotten_at(self.core.clock.now()));
        let found =
            self.core.sessions.read_first(EARLIER_WRITE, &[&PARTITION_NUMBER, &user, &key.key, &forgotten_at]).await?;
        let Some(row) = found else { return Ok(None) };
        judge::check_fingerprint(row.get(0), &key.fingerprint)?;
        self.barrier.wait(barrier::commit(&self.core)).await?;
        let (id, account) = (CustomerId(number(&row, 1)), AccountId(number(&row, 2)));
        Ok(Some(Written { id, account, at: moment(&row, 3), version: number(&row, 4) }))
    }

    async fn customer(&self, id: CustomerId) -> Result<Option<StoredCustomer>, StoreError> {
        let found = self.core.sessions.read_first(CUSTOMER, &[&PARTITION_NUMBER, &id.0.cast_signed()]).await?;
        Ok(found.map(|row| stored_customer(&row, 0)))
    }

    async fn list_customers(&self, list: &ListCustomers) -> Result<Vec<(CustomerId, StoredCustomer)>, StoreError> {
        Ok(listing::list(&self.core.sessions, list).await?)
    }

    async fn edit_customer(
        &self,
        edit: EditCustomer,
        origin: &Origin,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Written, StoreError> {
        self.writer.write(Piece { write: Write::Edit(edit), origin: origin.clone(), key: idempotency }).await
    }

    async fn erase_customer(&self, erase: EraseCustomer, origin: &Origin) -> Result<Written, StoreError> {
        self.writer.write(Piece { write: Write::Erase(erase), origin: origin.clone(), key: None }).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.check().await.map(drop)
    }
}
