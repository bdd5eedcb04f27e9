//! The audit log: reading it, and verifying that it is complete and unaltered.
//!
//! Each partition of the store has a log of its own. A search reads the log of one partition: that of the account it asks for,
//! else the first one.

use crate::{App, vault::same_digest};
use carnelian_domain::{AccountId, Action, Timestamp};
use carnelian_store::{AuditEnd, AuditEntry, AuditHead, PartitionId, StoreError, StoredEntry};
use std::collections::VecDeque;

/// How many entries are read at once. Other tasks of the thread run between two parts.
const PART: usize = 1000;

/// Which entries to find.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter {
    /// Only entries after this sequence number.
    pub after: u64,
    /// Only entries that concern this account.
    pub account: Option<AccountId>,
    /// Only entries of this action.
    pub action: Option<Action>,
    /// Only entries written at or after this time.
    pub since: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether every entry after `after` matches.
    fn matches_all(&self) -> bool {
        self.account.is_none() && self.action.is_none() && self.since.is_none()
    }

    fn matches(&self, stored: &StoredEntry) -> bool {
        if self.since.is_some_and(|since| stored.at < since) {
            return false;
        }
        if self.account.is_none() && self.action.is_none() {
            return true;
        }
        let Ok(entry) = serde_json::from_str::<AuditEntry<'_>>(&stored.entry) else { return false };
        self.account.is_none_or(|account| entry.account_id == Some(account.0))
            && self.action.is_none_or(|action| entry.action == action.name())
    }
}

/// The result of verifying the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every entry is there as it was written; these are the heads of the partitions. Kept elsewhere, a head also proves
    /// later that no entries were removed from the end together with the end that the registry stores.
    Whole(Vec<AuditHead>),
    /// The log is not what was written: this is the first place where it shows.
    Broken {
        /// The partition.
        partition: PartitionId,
        /// The entry that is altered, missing or out of place.
        sequence: u64,
        /// What is wrong there.
        why: &'static str,
    },
}

/// What is wrong with an entry that was noted as the head of the log and is not there.
const MISSING_HEAD: &str = "it was noted as the last one, and is missing";

/// What is wrong with an entry that has another link than the one that was noted.
const OTHER_HEAD: &str = "it is not the one that was noted";

/// The first entry that is not what was written.
struct BrokenEntry {
    sequence: u64,
    why: &'static str,
}

impl App {
    /// The partitions that have a log.
    pub fn audit_partitions(&self) -> Vec<PartitionId> {
        self.store.partitions()
    }

    /// The entries of a partition after a sequence number, in their order, at most `limit` of them.
    pub async fn audit_entries(
        &self,
        partition: PartitionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.store.audit_entries(partition, after, limit).await
    }

    /// The entries that match a filter, in their order: at most `count`, after the first `skip` of them.
    pub async fn find_audit_entries(
        &self,
        filter: &AuditFilter,
        mut skip: usize,
        count: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let (partition, mut after, mut found) = (self.partition_to_search(filter), filter.after, Vec::new());
        while found.len() < count {
            let part = self.store.audit_entries(partition, after, PART).await?;
            let Some(last) = part.last() else { break };
            after = last.sequence;
            let mut matching: Vec<_> = part.into_iter().filter(|entry| filter.matches(entry)).collect();
            found.extend(matching.drain(skip.min(matching.len())..));
            skip -= matching.len();
            tokio::task::yield_now().await;
        }
        found.truncate(count);
        Ok(found)
    }

    /// The last entries that match a filter, in their order, at most `count` of them.
    pub async fn last_audit_entries(
        &self,
        filter: &AuditFilter,
        count: usize,
    ) -> Result<VecDeque<StoredEntry>, StoreError> {
        let (partition, mut after) = (self.partition_to_search(filter), filter.after);
        if filter.matches_all() {
            let ends = self.store.audit_ends().await?;
            let end = ends.iter().find(|end| end.partition == partition).map_or(0, |end| end.sequence);
            after = after.max(end.saturating_sub(count as u64));
        }
        let mut found = VecDeque::new();
        loop {
            let part = self.store.audit_entries(partition, after, PART).await?;
            let Some(last) = part.last() else { return Ok(found) };
            after = last.sequence;
            found.extend(part.into_iter().filter(|entry| filter.matches(entry)));
            found.drain(..found.len().saturating_sub(count));
        }
    }

    fn partition_to_search(&self, filter: &AuditFilter) -> PartitionId {
        filter.account.map_or(PartitionId::FIRST, |account| self.store.partition_of(account))
    }

    /// The head of each partition's log as it is stored, to be noted elsewhere. It is not verified.
    pub async fn audit_heads(&self) -> Result<Vec<AuditHead>, StoreError> {
        let mut heads = Vec::new();
        for AuditEnd { partition, sequence, .. } in self.store.audit_ends().await? {
            let last = self.store.audit_entries(partition, sequence.saturating_sub(1), 1).await?;
            let link = last.first().and_then(|last| last.link.as_slice().try_into().ok());
            heads.push(AuditHead { sequence, link: link.unwrap_or(AuditHead::empty(partition).link), partition });
        }
        Ok(heads)
    }

    /// Reads every entry, and verifies that all are there as they were written, and that the log continues from each of the
    /// noted heads.
    pub async fn verify_audit(&self, noted: &[AuditHead]) -> Result<AuditVerdict, StoreError> {
        let mut heads = Vec::new();
        // Entries that are appended meanwhile come after these ends.
        let ends = self.store.audit_ends().await?;
        if let Some(head) = noted.iter().find(|head| ends.iter().all(|end| end.partition != head.partition)) {
            let AuditHead { partition, sequence, .. } = *head;
            return Ok(AuditVerdict::Broken { partition, sequence, why: MISSING_HEAD });
        }
        for end in ends {
            match self.verify_partition(&end, noted).await? {
                Ok(head) => heads.push(head),
                Err(BrokenEntry { sequence, why }) => {
                    return Ok(AuditVerdict::Broken { partition: end.partition, sequence, why });
                }
            }
        }
        Ok(AuditVerdict::Whole(heads))
    }

    async fn verify_partition(
        &self,
        end: &AuditEnd,
        noted: &[AuditHead],
    ) -> Result<Result<AuditHead, BrokenEntry>, StoreError> {
        let noted = || noted.iter().filter(|noted| noted.partition == end.partition);
        let mut head = AuditHead::empty(end.partition);
        let differs =
            |head: &AuditHead| noted().any(|noted| noted.sequence == head.sequence && noted.link != head.link);
        if differs(&head) {
            return Ok(Err(BrokenEntry { sequence: 0, why: OTHER_HEAD }));
        }
        while head.sequence < end.sequence {
            let part = self.store.audit_entries(end.partition, head.sequence, PART).await?;
            if part.is_empty() {
                return Ok(Err(BrokenEntry { sequence: head.sequence + 1, why: "it is missing at the end" }));
            }
            for entry in part.iter().take_while(|entry| entry.sequence <= end.sequence) {
                let mut verified = self.verify_entry(&mut head, entry);
                if verified.is_ok() && differs(&head) {
                    verified = Err(OTHER_HEAD);
                }
                if let Err(why) = verified {
                    return Ok(Err(BrokenEntry { sequence: head.sequence, why }));
                }
            }
        }
        if !same_digest(&head.end(&self.keys.audit).seal, &end.seal) {
            return Ok(Err(BrokenEntry { sequence: head.sequence, why: "it is not the last one that was written" }));
        }
        match noted().find(|noted| noted.sequence > head.sequence) {
            Some(missing) => Ok(Err(BrokenEntry { sequence: missing.sequence, why: MISSING_HEAD })),
            None => Ok(Ok(head)),
        }
    }

    /// Moves the head on to an entry, and verifies that the entry is the next one.
    fn verify_entry(&self, head: &mut AuditHead, entry: &StoredEntry) -> Result<(), &'static str> {
        head.append(&self.keys.audit, entry.at, &entry.entry);
        if entry.sequence != head.sequence {
            return Err("it is missing");
        }
        if same_digest(&head.link, &entry.link) { Ok(()) } else { Err("it was altered") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_domain::{Actor, CustomerId, Object, Origin};

    #[test]
    fn an_entry_is_found_if_every_condition_matches() {
        let (account, action) = (AccountId(1), Action::CreateCustomer);
        let object = Object::Customer(CustomerId(7));
        let entry = AuditEntry::record(&Origin::new(Actor::Server), action, object, Some(account), &[]);
        let (partition, at) = (PartitionId::FIRST, Timestamp(1000));
        let stored = StoredEntry { partition, sequence: 1, at, entry, link: Vec::new() };
        let damaged = StoredEntry { entry: "{".into(), ..stored.clone() };
        let edit = Some(Action::EditCustomer);
        for (account, action, since, matches) in [
            (None, None, None, true),
            (Some(1), None, None, true),
            (Some(2), None, None, false),
            (None, Some(action), None, true),
            (None, edit, None, false),
            (Some(1), Some(action), None, true),
            (Some(1), edit, None, false),
            (Some(2), Some(action), None, false),
            (None, None, Some(999), true),
            (None, None, Some(1000), true),
            (None, None, Some(1001), false),
            (Some(1), Some(action), Some(1001), false),
        ] {
            let filter = AuditFilter { after: 0, account: account.map(AccountId), action, since: since.map(Timestamp) };
            assert_eq!(filter.matches(&stored), matches, "{filter:?}");
            let reads_entries = account.is_some() || action.is_some();
            assert_eq!(filter.matches(&damaged), matches && !reads_entries, "{filter:?}");
            assert_eq!(filter.matches_all(), !reads_entries && since.is_none(), "{filter:?}");
        }
    }
}
