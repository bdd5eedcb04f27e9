//! Customers as the store knows them: a name that it can compare, and sealed bytes that it cannot read.

use crate::{IdBlock, PartitionId, StoreError};
use carnelian_domain::{AccountId, CustomerId, Origin, Search, Timestamp, UserId, search::indexed_words_of_prefix};
use std::collections::BTreeSet;

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
    /// The versions that the caller accepts; `None` for any.
    pub expected_versions: Option<Vec<u64>>,
}

/// A customer to be erased, and what the caller believes of it.
#[derive(Clone, Debug)]
pub struct EraseCustomer {
    /// Its id.
    pub id: CustomerId,
    /// The account that the caller saw it in.
    pub seen_in: AccountId,
    /// The versions that the caller accepts; `None` for any.
    pub expected_versions: Option<Vec<u64>>,
}

/// Makes a write take effect once, however often the request is sent.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Whose key it is: keys of different users have nothing to do with each other.
    pub user: UserId,
    /// The key.
    pub key: String,
    /// A digest of the request, which differs from that of another request with the same key.
    pub fingerprint: Vec<u8>,
}

impl IdempotencyKey {
    /// How long the write that was made under a key is remembered, in milliseconds.
    pub const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

    /// The moment of the newest writes that are remembered no longer, as it is stored.
    pub fn forgotten_at(now: Timestamp) -> i64 {
        now.0.saturating_sub(IdempotencyKey::KEPT_MILLIS)
    }
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

/// A filter for customers: those that match every condition that is set.
#[derive(Clone, Debug, Default)]
pub struct CustomerFilter {
    /// The accounts that they are in; `None` for every account.
    pub accounts: Option<Vec<AccountId>>,
    /// The unique form of their name.
    pub unique_name: Option<String>,
    /// What the unique form of their name begins with.
    pub name_prefix: Option<String>,
    /// The words that the unique form of their name has.
    pub search: Option<Search>,
    /// The earliest moment of their last write.
    pub modified_since: Option<Timestamp>,
}

impl CustomerFilter {
    /// Whether a name, in its unique form, satisfies every condition on names.
    pub fn matches_name(&self, unique_name: &str) -> bool {
        self.unique_name.as_deref().is_none_or(|name| name == unique_name)
            && self.name_prefix.as_deref().is_none_or(|prefix| unique_name.starts_with(prefix))
            && self.search.as_ref().is_none_or(|search| search.finds(unique_name))
    }

    /// Whether there is a condition on names.
    pub fn is_of_names(&self) -> bool {
        self.unique_name.is_some() || self.name_prefix.is_some() || self.search.is_some()
    }

    /// What an index of words holds of every name that satisfies the conditions, as words or beginnings of words; empty if such
    /// an index does not help.
    pub fn indexed_words(&self) -> BTreeSet<String> {
        let mut words = self.search.as_ref().map(|search| search.words().clone()).unwrap_or_default();
        let beginnings = self.unique_name.iter().chain(&self.name_prefix);
        words.extend(beginnings.flat_map(|beginning| indexed_words_of_prefix(beginning)));
        words
    }
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
///
/// A write fails with `DirectoryChanged` before it does anything else if its origin has another version of the directory than
/// the store.
#[async_trait::async_trait]
pub trait Customers: Send + Sync {
    /// Reserves ids of a partition for the caller: no other call ever returns one of them.
    ///
    /// The step of the block is the number of partitions, and the ids leave the partition's number as the remainder of a
    /// division by it. They are at least 1.
    async fn reserve_customer_ids(&self, partition: PartitionId, count: u64) -> Result<IdBlock, StoreError>;

    /// Creates a customer.
    ///
    /// A write that was made with the same idempotency key is looked up first: it is the result, or fails with
    /// `IdempotencyKeyReused` if the request was another one. A refused write is not remembered. An adapter may limit how many
    /// writes it remembers for a user; beyond that a new one fails with `TooManyIdempotencyKeys`.
    ///
    /// Then fails with `NoSuchAccount`, `ErasureInProgress` or `NameTaken`, and with `Busy`, `Unavailable`, `Unknown` or
    /// `Corrupt`.
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

    /// Reads a customer. Fails with `Busy`, `Unavailable` or `Corrupt`, as every read does.
    async fn customer(&self, id: CustomerId) -> Result<Option<StoredCustomer>, StoreError>;

    /// Lists customers in the order of their ids.
    ///
    /// This may take several transactions. A customer that matches throughout is listed exactly once;
    /// one that is written meanwhile may be.
    async fn list_customers(&self, list: &ListCustomers) -> Result<Vec<(CustomerId, StoredCustomer)>, StoreError>;

    /// Replaces a customer. The idempotency key is as with [`Customers::create_customer`].
    ///
    /// Fails with `NoSuchCustomer`, `CustomerMoved`; `NoSuchAccount` or `ErasureInProgress` for the account that it moves to,
    /// then for the one that it is in; `StaleVersion`; `NameTaken`; and with `Busy`, `Unavailable`, `Unknown` or `Corrupt`.
    async fn edit_customer(
        &self,
        edit: EditCustomer,
        origin: &Origin,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Written, StoreError>;

    /// Erases a customer. Its name is free at once, and a later [`purge`](crate::Erasures::purge) removes what the engine may
    /// have kept of it.
    ///
    /// Fails with `NoSuchCustomer`, `CustomerMoved` or `StaleVersion`, and with `Busy`, `Unavailable`, `Unknown` or `Corrupt`.
    async fn erase_customer(&self, erase: EraseCustomer, origin: &Origin) -> Result<Written, StoreError>;

    /// Checks that the store can be read.
    async fn ready(&self) -> Result<(), StoreError>;
}
