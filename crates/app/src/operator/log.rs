//! The audit log, as an operator reads it.

use super::Operator;
use crate::{Failure, failure::Internal, requests::RawAudit};
use carnelian_domain::{Page, Timestamp};
use carnelian_store::{AuditEntry, StoredEntry};

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
        let (filter, paging) = raw.check()?;
        // One entry more than the page has shows whether something comes after it.
        let found = self.app.find_audit_entries(&filter, paging.skipped(), paging.size + 1).await?;
        let page = paging.page_of(found);
        let entries = page.entries.iter().map(ListedEntry::read).collect::<Result<_, _>>()?;
        Ok(Page { number: page.number, entries, last: page.last })
    }
}
