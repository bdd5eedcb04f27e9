//! Entries of the audit log, for operators.

use super::{Admin, AdminError};
use crate::{Failure, audit::AuditFilter, failure::Internal};
use carnelian_domain::{Action, Page, Paging, Timestamp};
use carnelian_store::{AuditEntry, StoredEntry};

/// An entry of the audit log.
#[derive(Debug)]
pub struct ListedEntry {
    /// Its number, counted from 1 without gaps.
    pub sequence: u64,
    /// When the change was committed.
    pub at: Timestamp,
    /// The change.
    pub entry: AuditEntry<'static>,
}

impl ListedEntry {
    fn parse(stored: &StoredEntry) -> Result<ListedEntry, Failure> {
        let invalid =
            |error| Failure::Internal(Internal::new(format!("entry {} of the audit log: {error}", stored.sequence)));
        let entry = serde_json::from_str(&stored.entry).map_err(invalid)?;
        Ok(ListedEntry { sequence: stored.sequence, at: stored.at, entry })
    }
}

impl Admin<'_> {
    /// When an action was last recorded.
    pub(super) async fn newest(&self, action: Action) -> Result<Option<Timestamp>, AdminError> {
        let filter = AuditFilter { action: Some(action), ..AuditFilter::default() };
        Ok(self.app.last_audit_entries(&filter, 1).await?.pop_back().map(|entry| entry.at))
    }

    /// Lists entries of the audit log, the oldest first.
    pub async fn list_audit(&self, filter: &AuditFilter, paging: Paging) -> Result<Page<ListedEntry>, AdminError> {
        // One entry more than fits shows whether there is a next page.
        let found = self.app.find_audit_entries(filter, paging.skipped(), paging.size + 1).await?;
        let page = paging.page_of(found);
        let entries = page.entries.iter().map(ListedEntry::parse).collect::<Result<_, _>>()?;
        Ok(Page { number: page.number, entries, last: page.last })
    }
}
