//! Partitions: the unit of order of a registry.
//!
//! Each account, with its customers, lives in one partition. A partition has an audit log and a family of customer ids of
//! its own, so that writes of different partitions need not wait for each other. Everything that concerns no account
//! (users, groups, the registry itself) is in the first partition. The number of partitions never changes; an embedded store
//! has one.

use carnelian_domain::AccountId;
use std::fmt;

/// A partition's number, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

impl PartitionId {
    /// The partition of everything that concerns no account.
    pub const FIRST: PartitionId = PartitionId(0);
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a store is partitioned.
pub trait Partitions: Send + Sync {
    /// How many partitions there are: at least one, and always the same number.
    fn partition_count(&self) -> u16;

    /// The partition of an account.
    fn partition_of(&self, account: AccountId) -> PartitionId {
        let number = account.0 % u64::from(self.partition_count());
        PartitionId(u16::try_from(number).expect("less than the number of partitions"))
    }

    /// Every partition, in the order of their numbers.
    fn partitions(&self) -> Vec<PartitionId> {
        (0..self.partition_count()).map(PartitionId).collect()
    }
}
