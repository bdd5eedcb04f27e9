//! What was changed by whom, and whether the log of it is whole.

use crate::{App, vault::same_digest};
use carnelian_domain::{AccountId, Action, Timestamp};
use carnelian_store::{AuditChain, AuditEntry, AuditHead, FIRST_LINK, StoreError, StoredEntry};
use std::collections::VecDeque;

/// How many entries are read at once, before others have a turn.
const PART: usize = 1000;

/// Which entries are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter {
    /// Those behind this one.
    pub after: u64,
    /// Those that concern this account.
    pub account: Option<AccountId>,
    /// Those that tell of this.
    pub action: Option<Action>,
    /// Those that were not written earlier.
    pub since: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether it wants every entry behind the one.
    fn wants_all(&self) -> bool {
        self.account.is_none() && self.action.is_none() && self.since.is_none()
    }

    fn wants(&self, stored: &StoredEntry) -> bool {
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

/// What a look at the whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every entry is where it was written, as it was written. Noted elsewhere, the head also proves later that nothing
    /// was taken from the end together with what this registry knows of it.
    Whole(AuditHead),
    /// The log is not what was written: this is the first place where it shows.
    Broken {
        /// The entry that is altered, missing or out of place.
        sequence: u64,
        /// What is wrong there.
        why: &'static str,
    },
}

impl App {
    /// The entries behind one, in their order, so many at most.
    pub async fn audit_entries(&self, after: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        self.store.audit_entries(after, limit).await
    }

    /// The entries that a filter wants, in their order: so many, or all that there are, behind some that are passed over.
    pub async fn find_audit_entries(
        &self,
        filter: &AuditFilter,
        mut skip: usize,
        count: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let (mut after, mut found) = (filter.after, Vec::new());
        while found.len() < count {
            let part = self.store.audit_entries(after, PART).await?;
            let Some(last) = part.last() else { break };
            after = last.sequence;
            let mut wanted: Vec<_> = part.into_iter().filter(|entry| filter.wants(entry)).collect();
            found.extend(wanted.drain(skip.min(wanted.len())..));
            skip -= wanted.len();
            tokio::task::yield_now().await;
        }
        found.truncate(count);
        Ok(found)
    }

    /// The last entries that a filter wants, in their order: so many at most.
    pub async fn last_audit_entries(
        &self,
        filter: &AuditFilter,
        count: usize,
    ) -> Result<VecDeque<StoredEntry>, StoreError> {
        let mut after = filter.after;
        if filter.wants_all() {
            // Then there is no need to look at those before.
            after = after.max(self.store.audit_end().await?.sequence.saturating_sub(count as u64));
        }
        let mut found = VecDeque::new();
        loop {
            let part = self.store.audit_entries(after, PART).await?;
            let Some(last) = part.last() else { return Ok(found) };
            after = last.sequence;
            found.extend(part.into_iter().filter(|entry| filter.wants(entry)));
            found.drain(..found.len().saturating_sub(count));
        }
    }

    /// Looks at every entry, and says whether all are there as they were written.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        // What is appended meanwhile lies behind this end.
        let end = self.store.audit_end().await?;
        let mut head = AuditHead { sequence: 0, link: FIRST_LINK };
        while head.sequence < end.sequence {
            let part = self.store.audit_entries(head.sequence, PART).await?;
            if part.is_empty() {
                return Ok(AuditVerdict::Broken { sequence: head.sequence + 1, why: "it is missing at the end" });
            }
            for entry in part.iter().take_while(|entry| entry.sequence <= end.sequence) {
                match self.check_entry(&head, entry) {
                    Ok(next) => head = next,
                    Err(why) => return Ok(AuditVerdict::Broken { sequence: head.sequence + 1, why }),
                }
            }
        }
        if same_digest(&self.audit_key.seal(&head), &end.seal) {
            Ok(AuditVerdict::Whole(head))
        } else {
            Ok(AuditVerdict::Broken { sequence: head.sequence, why: "it is not the last one that was written" })
        }
    }

    /// Where the log is after an entry, if it follows.
    fn check_entry(&self, head: &AuditHead, entry: &StoredEntry) -> Result<AuditHead, &'static str> {
        let sequence = head.sequence + 1;
        if entry.sequence != sequence {
            return Err("it is missing");
        }
        let link = self.audit_key.link(&head.link, sequence, entry.at, &entry.entry);
        if same_digest(&link, &entry.link) { Ok(AuditHead { sequence, link }) } else { Err("it was altered") }
    }
}
