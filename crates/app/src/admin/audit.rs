//! Entries of the audit log, for operators.

use super::{Admin, AdminError};
use crate::{Failure, failure::Internal};
use carnelian_domain::{Action, Timestamp};
use carnelian_store::{AuditEntry, AuditFilter, AuditOrder, AuditPage, AuditQuery, StoredEntry};

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

/// A part of the audit log.
#[derive(Debug)]
pub struct ListedEntries {
    /// The entries, in the order that was asked for.
    pub entries: Vec<ListedEntry>,
    /// Where to continue, unless there are no further entries.
    pub next: Option<u64>,
}

impl Admin<'_> {
    /// When an action was last recorded.
    pub(super) async fn newest(&self, action: Action) -> Result<Option<Timestamp>, AdminError> {
        let filter = AuditFilter { action: Some(action), ..AuditFilter::default() };
        let mut query = AuditQuery { filter, order: AuditOrder::NewestFirst, ..AuditQuery::default() };
        loop {
            let AuditPage { entries, next } = self.app.find_audit_entries(query.clone()).await?;
            match (entries.first(), next) {
                (Some(newest), _) => return Ok(Some(newest.at)),
                (None, None) => return Ok(None),
                (None, Some(next)) => query.continue_from(next),
            }
        }
    }

    /// Finds entries of the audit log.
    pub async fn list_audit(&self, query: AuditQuery) -> Result<ListedEntries, AdminError> {
        let AuditPage { entries, next } = self.app.find_audit_entries(query).await?;
        let entries = entries.iter().map(ListedEntry::parse).collect::<Result<_, _>>()?;
        Ok(ListedEntries { entries, next })
    }
}
