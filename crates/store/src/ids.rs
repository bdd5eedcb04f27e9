//! Blocks of customer ids.

use carnelian_domain::CustomerId;

/// Ids that are reserved for one caller: `first`, `first + step`, and so on, `count` of them.
///
/// Where there are several partitions, the step is their number: the ids of a partition are those that have its number as the
/// remainder, so an id shows in which partition its customer was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdBlock {
    /// The first id.
    pub first: u64,
    /// The distance between two ids.
    pub step: u64,
    /// How many ids are left.
    pub count: u64,
}

impl IdBlock {
    /// The last id; `None` in an empty block.
    pub fn last_id(&self) -> Option<CustomerId> {
        Some(CustomerId(self.first + self.count.checked_sub(1)? * self.step))
    }
}

impl Iterator for IdBlock {
    type Item = CustomerId;

    fn next(&mut self) -> Option<CustomerId> {
        let (id, count) = (self.first, self.count.checked_sub(1)?);
        *self = IdBlock { first: id + self.step, count, ..*self };
        Some(CustomerId(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_out_each_of_its_ids_once() {
        let block = IdBlock { first: 5, step: 16, count: 3 };
        assert_eq!(block.last_id(), Some(CustomerId(37)));
        assert_eq!(block.collect::<Vec<_>>(), [5, 21, 37].map(CustomerId));
        assert_eq!(IdBlock { first: 5, step: 1, count: 0 }.last_id(), None);
    }
}
