//! The audit log: searching it, and verifying that it is complete and unaltered.

use crate::{App, vault::same_digest};
use carnelian_domain::{AccountId, Action, Object};
use carnelian_store::{
    AuditEnd, AuditEntry, AuditFilter, AuditHead, AuditPage, AuditQuery, IndexedBlock, PartitionId, StoreError,
    StoredEntry,
    audit_search::{BLOCK, block_of},
};
use std::collections::BTreeSet;

pub use carnelian_store::AuditOrder;

/// How many entries are read at once.
const PART: usize = 1000;

/// The actions on an account or on the whole registry that reach its customers: who exported them has seen them.
const REACHES_CUSTOMERS: &[Action] = &[Action::ExportCustomers, Action::EraseAccount, Action::Restore];

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

    /// Finds entries in the log of the partition of the account that is asked for, else of the first one.
    ///
    /// Entries of a customer include the exports and erasures that reached it: those of every account that it has been in,
    /// and of the whole registry. An export that was made before the customer was there is found, too.
    pub async fn find_audit_entries(&self, mut query: AuditQuery) -> Result<AuditPage, StoreError> {
        query.partition = self.partition_to_search(&query.filter);
        if let Some(object) = &query.filter.object
            && let Some(Object::Customer(_)) = Object::parse(object)
        {
            let accounts = self.accounts_of_object(query.partition, object).await?;
            let related = accounts.into_iter().map(|account| Object::Account(AccountId(account)).to_string());
            let related = related.chain([Object::Registry.to_string()]);
            query.filter.related = related.map(|object| (object, REACHES_CUSTOMERS)).collect();
        }
        self.store.search_audit(&query).await
    }

    /// The sequence number of the last entry of the log that a filter is for.
    pub async fn audit_end(&self, filter: &AuditFilter) -> Result<u64, StoreError> {
        let (ends, partition) = (self.store.audit_ends().await?, self.partition_to_search(filter));
        Ok(ends.iter().find(|end| end.partition == partition).map_or(0, |end| end.sequence))
    }

    fn partition_to_search(&self, filter: &AuditFilter) -> PartitionId {
        filter.account.map_or(PartitionId::FIRST, |account| self.store.partition_of(account))
    }

    /// The accounts of all entries of an object.
    async fn accounts_of_object(&self, partition: PartitionId, object: &str) -> Result<BTreeSet<u64>, StoreError> {
        let mut accounts = BTreeSet::new();
        let filter = AuditFilter { object: Some(object.to_owned()), ..AuditFilter::default() };
        let mut query = AuditQuery { partition, filter, limit: PART, ..AuditQuery::default() };
        loop {
            let AuditPage { entries, next } = self.store.search_audit(&query).await?;
            let entries =
                entries.iter().filter_map(|stored| serde_json::from_str::<AuditEntry<'_>>(&stored.entry).ok());
            accounts.extend(entries.filter_map(|entry| entry.account_id));
            let Some(next) = next else { return Ok(accounts) };
            query.after = next;
        }
    }

    /// Adds the rows of all full blocks of the log to the index that searches use.
    pub async fn index_audit(&self) -> Result<(), StoreError> {
        for partition in self.store.partitions() {
            while self.store.index_audit(partition).await? {}
        }
        Ok(())
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
            match self.verify_partition(AuditHead::empty(end.partition), &end, noted).await? {
                Ok(head) => heads.push(head),
                Err(BrokenEntry { sequence, why }) => {
                    return Ok(AuditVerdict::Broken { partition: end.partition, sequence, why });
                }
            }
        }
        Ok(AuditVerdict::Whole(heads))
    }

    /// The last entry of a partition, if it has any.
    pub async fn last_audit_entry(&self, partition: PartitionId) -> Result<Option<StoredEntry>, StoreError> {
        let ends = self.store.audit_ends().await?;
        let end = ends.iter().find(|end| end.partition == partition).map_or(0, |end| end.sequence);
        Ok(self.store.audit_entries(partition, end.saturating_sub(1), 1).await?.pop())
    }

    /// Verifies the last entries of each partition, so many and a block more, as [`verify_audit`](App::verify_audit) does.
    pub async fn verify_recent_audit(&self, count: u64) -> Result<AuditVerdict, StoreError> {
        let mut heads = Vec::new();
        for end in self.store.audit_ends().await? {
            let AuditEnd { partition, sequence, .. } = end;
            let mut from = AuditHead::empty(partition);
            // Whole blocks, so that the index of each can be compared.
            let before = sequence.saturating_sub(count) / BLOCK * BLOCK;
            if before > 0 {
                // Its own link is not verified; those after it are.
                let entry = self.store.audit_entries(partition, before - 1, 1).await?.pop();
                let link = entry.and_then(|entry| entry.link.try_into().ok());
                let Some(link) = link else {
                    return Ok(AuditVerdict::Broken { partition, sequence: before, why: "it is missing" });
                };
                from = AuditHead { sequence: before, link, partition };
            }
            match self.verify_partition(from, &end, &[]).await? {
                Ok(head) => heads.push(head),
                Err(BrokenEntry { sequence, why }) => return Ok(AuditVerdict::Broken { partition, sequence, why }),
            }
        }
        Ok(AuditVerdict::Whole(heads))
    }

    /// Verifies the entries of a partition after a head.
    async fn verify_partition(
        &self,
        mut head: AuditHead,
        end: &AuditEnd,
        noted: &[AuditHead],
    ) -> Result<Result<AuditHead, BrokenEntry>, StoreError> {
        let noted = || noted.iter().filter(|noted| noted.partition == end.partition);
        let mut block = Vec::new();
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
            for entry in part.into_iter().take_while(|entry| entry.sequence <= end.sequence) {
                let mut verified = self.verify_entry(&mut head, &entry);
                if verified.is_ok() && differs(&head) {
                    verified = Err(OTHER_HEAD);
                }
                block.push(entry);
                if verified.is_ok() && head.sequence.is_multiple_of(BLOCK) {
                    verified = self.verify_index(end.partition, &std::mem::take(&mut block)).await?;
                }
                if let Err(why) = verified {
                    return Ok(Err(BrokenEntry { sequence: head.sequence, why }));
                }
            }
        }
        if !same_digest(&head.end(&self.keys.audit, &end.directory()).seal, &end.seal) {
            return Ok(Err(BrokenEntry { sequence: head.sequence, why: "it is not the last one that was written" }));
        }
        match noted().find(|noted| noted.sequence > head.sequence) {
            Some(missing) => Ok(Err(BrokenEntry { sequence: missing.sequence, why: MISSING_HEAD })),
            None => Ok(Ok(head)),
        }
    }

    /// Verifies that the index has what is in a block, if it has a row of it: a search would not find what is missing there.
    async fn verify_index(
        &self,
        partition: PartitionId,
        block: &[StoredEntry],
    ) -> Result<Result<(), &'static str>, StoreError> {
        let number = block.first().map_or(0, |first| block_of(first.sequence));
        let rows = self.store.indexed_blocks(partition, number, 1).await?;
        let differs = rows.iter().any(|row| row.number == number && *row != IndexedBlock::new(number, block));
        Ok(if differs { Err("the index of the entries up to it was altered") } else { Ok(()) })
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
