//! Customers as the store knows them: a name that it can compare, and sealed bytes that it cannot read.

use crate::{IdBlock, PartitionId, StoreError};
use carnelian_domain::{AccountId, CustomerId, Origin, Timestamp, UserId};

/// A customer to be created.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    /// Its id, reserved before.
    pub id: CustomerId,
    /// The account that it belongs to.
    pub account: AccountId,
    /// Its name as it was sent.
    pub name: String,
    /// The form of the name that is unique in the account.
    pub unique_name: String,
    /// Whether the billing address is shown as the shipping address.
    pub ship_to_bill_address: bool,
    /// Everything personal but the name.
    pub sealed: Vec<u8>,
}

/// A customer to be replaced, and what the caller believes of it.
#[derive(Clone, Debug)]
pub struct EditCustomer {
    /// What it is to be; `account` is where it is to live from now on.
    pub customer: NewCustomer,
    /// The account that the caller saw it in.
    pub seen_in: AccountId,
    /// The version that the caller saw.
    pub seen_version: u64,
    /// The names of the fields that are other than in that version, for the audit log.
    pub changed_fields: Vec<&'static str>,
    /// The versions of which it must have one, if the caller asks for some.
    pub expected_versions: Option<Vec<u64>>,
}

/// A customer to be erased, and what the caller believes of it.
#[derive(Clone, Debug)]
pub struct EraseCustomer {
    /// Its id.
    pub id: CustomerId,
    /// The account that the caller saw it in.
    pub seen_in: AccountId,
    /// The versions of which it must have one, if the caller asks for some.
    pub expected_versions: Option<Vec<u64>>,
}

/// What makes a write happen once, however often it is asked for.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Whose key it is: keys of different users have nothing to do with each other.
    pub user: UserId,
    /// The key.
    pub key: String,
    /// What tells this request from another one with the same key.
    pub fingerprint: Vec<u8>,
}

impl IdempotencyKey {
    /// How long the write that was made under a key is remembered, in milliseconds.
    pub const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;
}

/// A customer as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCustomer {
    /// The account that it belongs to.
    pub account: AccountId,
    /// Its name as it was sent.
    pub name: String,
    /// Whether the billing address is shown as the shipping address.
    pub ship_to_bill_address: bool,
    /// Everything personal but the name.
    pub sealed: Vec<u8>,
    /// Counts its writes, from 1.
    pub version: u64,
}

/// Which customers are asked for: those that meet every condition that is there.
#[derive(Clone, Debug, Default)]
pub struct CustomerFilter {
    /// The accounts that they are in; `None` for every account.
    pub accounts: Option<Vec<AccountId>>,
    /// The unique form of their name.
    pub unique_name: Option<String>,
    /// What the unique form of their name begins with.
    pub name_prefix: Option<String>,
    /// The earliest moment of their last write.
    pub modified_since: Option<Timestamp>,
}

/// A part of the customers, in the order of their ids.
#[derive(Clone, Debug)]
pub struct ListCustomers {
    /// Which customers.
    pub filter: CustomerFilter,
    /// Their ids are greater than this.
    pub after: CustomerId,
    /// How many of them are passed over.
    pub skip: usize,
    /// How many are wanted at most.
    pub limit: usize,
}

/// A write that is on stable storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The customer that was written.
    pub id: CustomerId,
    /// The account that it was written in.
    pub account: AccountId,
    /// When it was committed.
    pub at: Timestamp,
    /// The version that it made.
    pub version: u64,
}

/// The customers of every account.
#[async_trait::async_trait]
pub trait Customers: Send + Sync {
    /// Reserves ids of a partition for the caller: no other call ever returns one of them.
    ///
    /// The step of the block is the number of partitions, and the ids leave the partition's number as the remainder of a
    /// division by it. They are at least 1.
    async fn reserve_customer_ids(&self, partition: PartitionId, count: u64) -> Result<IdBlock, StoreError>;

    /// Creates a customer, unless its account is gone or being erased or the name is taken; the conflicts are found in
    /// this order.
    ///
    /// A write that was made under the same idempotency key is found before everything else: it is the answer, or a
    /// conflict if it was asked for in other words. What was refused is not remembered.
    async fn create_customer(
        &self,
        new: NewCustomer,
        origin: &Origin,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Written, StoreError>;

    /// Finds the write that was made with an idempotency key in the last [`IdempotencyKey::KEPT_MILLIS`], by the clock of
    /// the store. It only spares work: the write itself looks for it again, in its transaction.
    ///
    /// Fails with [`Conflict::IdempotencyKeyReused`](crate::Conflict) if the key was used for another request, and with
    /// `Busy`, `Unavailable` or `Corrupt`.
    async fn find_idempotent_write(&self, key: &IdempotencyKey) -> Result<Option<Written>, StoreError>;

    /// Reads a customer.
    async fn customer(&self, id: CustomerId) -> Result<Option<StoredCustomer>, StoreError>;

    /// Lists customers in the order of their ids.
    ///
    /// This may take several transactions. A customer that meets the conditions all the time is listed, exactly once;
    /// one that is written meanwhile may be.
    async fn list_customers(&self, list: &ListCustomers) -> Result<Vec<(CustomerId, StoredCustomer)>, StoreError>;

    /// Replaces a customer, unless it is not there or has moved, the account that it is to live in or the one that it
    /// lives in is gone or being erased, it has another version than expected, or the name is taken; the conflicts are
    /// found in this order. The idempotency key is as with [`Customers::create_customer`].
    async fn edit_customer(
        &self,
        edit: EditCustomer,
        origin: &Origin,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Written, StoreError>;

    /// Erases a customer, unless it is not there, has moved, or has another version than expected; the conflicts are
    /// found in this order. Its name is free from then on. What was stored of it is soon overwritten.
    async fn erase_customer(&self, erase: EraseCustomer, origin: &Origin) -> Result<Written, StoreError>;

    /// Says whether the store can be read.
    async fn ready(&self) -> Result<(), StoreError>;
}
