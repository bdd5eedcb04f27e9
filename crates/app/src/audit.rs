//! What was changed by whom, and whether the log of it is whole.

use crate::{App, vault::same_digest};
use carnelian_store::{AuditChain, AuditHead, FIRST_LINK, StoreError, StoredEntry};

/// How many entries are read at once.
const PART: usize = 1000;

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
