//! The audit log, as an operator reads it.

use super::Operator;
use crate::{
    Failure,
    failure::Internal,
    requests::{AuditFilter, RawAudit},
};
use carnelian_domain::{Page, Timestamp};
use carnelian_store::{AuditEntry, StoredEntry};

/// How many entries of the audit log are looked at before others have a turn.
const PART: usize = 1000;

/// An entry of the audit log.
#[derive(Debug)]
pub struct ListedEntry {
    /// Counts the entries, from 1, without gaps.
    pub sequence: u64,
    /// When the change was committed.
    pub at: Timestamp,
    /// What it says.
    pub entry: AuditEntry<'static>,
}

impl ListedEntry {
    fn read(stored: &StoredEntry) -> Result<ListedEntry, Failure> {
        let unreadable =
            |error| Failure::Internal(Internal::new(format!("entry {} of the audit log: {error}", stored.sequence)));
        let entry = serde_json::from_str(&stored.entry).map_err(unreadable)?;
        Ok(ListedEntry { sequence: stored.sequence, at: stored.at, entry })
    }
}

impl Operator<'_> {
    /// Lists entries of the audit log, the oldest first.
    pub async fn list_audit(&self, raw: &RawAudit<'_>) -> Result<Page<ListedEntry>, Failure> {
        let filter = raw.check()?;
        let (mut after, mut skip) = (filter.after, filter.paging.skipped());
        let mut found = Vec::new();
        // One entry more than the page has shows whether something comes after it.
        while found.len() <= filter.paging.size {
            let part = self.app.store.audit_entries(after, PART).await?;
            let Some(last) = part.last() else { break };
            after = last.sequence;
            let mut wanted: Vec<_> = part.into_iter().filter(|entry| filter.wants(entry)).collect();
            found.extend(wanted.drain(skip.min(wanted.len())..));
            skip -= wanted.len();
            tokio::task::yield_now().await;
        }
        let page = filter.paging.page_of(found);
        let entries = page.entries.iter().map(ListedEntry::read).collect::<Result<_, _>>()?;
        Ok(Page { number: page.number, entries, last: page.last })
    }
}

impl AuditFilter {
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
