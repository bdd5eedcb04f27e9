//! The audit log: every change writes an entry in its own transaction.
//!
//! Each partition has a log of its own. Its entries form a chain: the *link* of an entry depends on the link before it and on
//! a key that the store does not have, so an entry that was altered, removed or inserted shows. The *seal* of the last entry
//! depends on a key as well, so entries removed from the end show too. It also names the newest directory by its seal, so a
//! directory that was put back to an older state shows ([`directory_seal`](crate::directory_seal)).
//!
//! An adapter stores links and seals, and this file makes them. In each transaction that writes entries an adapter
//!
//! 1. locks the log of the partition,
//! 2. reads the [`AuditEnd`] that the last transaction stored, and the link of the entry with that sequence number, and
//!    continues from both with [`AuditLog::resume`],
//! 3. calls [`AuditLog::append`] for each entry, and stores it with the sequence number and the link that follow from it,
//! 4. calls [`AuditLog::set_directory`] if it has changed the directory,
//! 5. stores what [`AuditLog::end`] returns, before it commits.

use crate::{PartitionId, Seal, StoreError};
use carnelian_domain::{AccountId, Action, Object, Origin, Timestamp};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

/// A digest of an entry and of all entries before it.
pub type Link = [u8; 32];

/// The seal of the newest directory, and a MAC of it and of the log that ends here.
pub type EndSeal = [u8; 64];

/// The link of no entry: what is appended to a log whose end was tampered with never makes it whole again.
const BROKEN: Link = [0xff; 32];

/// The seal of no directory: a log whose end was tampered with names none.
const NO_DIRECTORY: Seal = [0xff; 32];

/// Makes links and seals with the keys of one registry ([`RegistryKeys`](crate::RegistryKeys)).
pub trait AuditChain: Send + Sync {
    /// The link of an entry that follows another one.
    fn link(&self, previous: &Link, sequence: u64, at: Timestamp, entry: &str) -> Link;

    /// A MAC of a log that ends here, and of the seal of the newest directory.
    fn seal(&self, head: &AuditHead, directory: &Seal) -> [u8; 32];
}

/// The content of an entry. It is stored as JSON, without the members that are absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry<'a> {
    /// What was done.
    pub action: Cow<'a, str>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Cow<'a, str>>,
    /// The account that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<u64>,
    /// The names of the fields that changed; never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Cow<'a, str>>,
    /// Who did it.
    pub actor: Cow<'a, str>,
    /// The address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The request that made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// The reason that the actor gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// How many refusals of the actor before this one have no entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<u64>,
}

impl<'a> AuditEntry<'a> {
    /// The entry of a change, in the form in which it is stored.
    pub fn record(
        origin: &'a Origin,
        action: Action,
        object: Object<'_>,
        account: Option<AccountId>,
        fields: &[&'a str],
    ) -> String {
        AuditEntry::new(origin, action, object, account, fields).to_json()
    }

    /// The entry of a refused operation, in the form in which it is stored. It counts the refusals before it that have none.
    pub fn refusal(origin: &'a Origin, operation: &str, suppressed: u64) -> String {
        let suppressed = Some(suppressed).filter(|count| *count > 0);
        let entry = AuditEntry::new(origin, Action::Refuse, Object::Operation(operation), None, &[]);
        AuditEntry { suppressed, ..entry }.to_json()
    }

    fn new(
        origin: &'a Origin,
        action: Action,
        object: Object<'_>,
        account: Option<AccountId>,
        fields: &[&'a str],
    ) -> AuditEntry<'a> {
        AuditEntry {
            action: action.name().into(),
            object: Some(object.to_string().into()),
            account_id: account.map(|account| account.0),
            fields: fields.iter().map(|field| (*field).into()).collect(),
            actor: origin.actor.to_string().into(),
            address: origin.address,
            request_id: origin.request_id.as_deref().map(Cow::from),
            reason: origin.reason.as_deref().map(Cow::from),
            suppressed: None,
        }
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an entry is made of strings and numbers")
    }
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// The partition of the log.
    pub partition: PartitionId,
    /// Counts the entries of the partition, from 1, without gaps.
    pub sequence: u64,
    /// When the change was committed.
    pub at: Timestamp,
    /// The entry, as [`AuditEntry::record`] wrote it.
    pub entry: String,
    /// The entry's link.
    pub link: Vec<u8>,
}

/// The last entry of a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The partition.
    pub partition: PartitionId,
    /// How many entries there are.
    pub sequence: u64,
    /// The link of the last one.
    pub link: Link,
}

impl AuditHead {
    /// The head of an empty log. Its link names the partition, and so do all links that follow from it: the logs of two
    /// partitions cannot be exchanged.
    pub fn empty(partition: PartitionId) -> AuditHead {
        let mut link = [0; 32];
        link[30..].copy_from_slice(&partition.0.to_be_bytes());
        AuditHead { partition, sequence: 0, link }
    }

    /// Moves on to the next entry.
    pub fn append(&mut self, chain: &dyn AuditChain, at: Timestamp, entry: &str) {
        self.sequence += 1;
        self.link = chain.link(&self.link, self.sequence, at, entry);
    }

    /// The end to store for a log that ends here, while the directory with a seal is the newest one.
    pub fn end(&self, chain: &dyn AuditChain, directory: &Seal) -> AuditEnd {
        let mut seal = [0; 64];
        seal[..32].copy_from_slice(directory);
        seal[32..].copy_from_slice(&chain.seal(self, directory));
        AuditEnd { partition: self.partition, sequence: self.sequence, seal }
    }
}

/// A head as it is noted: `SEQUENCE:LINK`, and before it `PARTITION:` if that is not the first one.
impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.partition != PartitionId::FIRST {
            write!(f, "{}:", self.partition)?;
        }
        write!(f, "{}:{}", self.sequence, HEXLOWER.encode(&self.link))
    }
}

impl FromStr for AuditHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<AuditHead, &'static str> {
        let parsed = || {
            let (place, link) = text.rsplit_once(':')?;
            let (partition, sequence) = place.split_once(':').unwrap_or(("0", place));
            Some(AuditHead {
                partition: PartitionId(partition.parse().ok()?),
                sequence: sequence.parse().ok()?,
                link: HEXLOWER.decode(link.as_bytes()).ok()?.try_into().ok()?,
            })
        };
        parsed().ok_or("expected SEQUENCE:LINK, as `audit verify` prints it")
    }
}

/// Where a partition's log ends. It is stored apart from the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditEnd {
    /// The partition.
    pub partition: PartitionId,
    /// How many entries there are.
    pub sequence: u64,
    /// The seal of the log that ends there.
    pub seal: EndSeal,
}

impl AuditEnd {
    /// An end as it is stored; a seal of another length is that of no end.
    pub fn stored(partition: PartitionId, sequence: u64, seal: Option<&[u8]>) -> AuditEnd {
        let seal = seal.and_then(|seal| seal.try_into().ok()).unwrap_or([0; 64]);
        AuditEnd { partition, sequence, seal }
    }

    /// The seal of the newest directory, if the end is what was stored.
    pub fn directory(&self) -> Seal {
        let mut directory = [0; 32];
        directory.copy_from_slice(&self.seal[..32]);
        directory
    }
}

/// The end of a log in a transaction that appends to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditLog {
    head: AuditHead,
    directory: Seal,
}

impl AuditLog {
    /// Continues a log from the end that was stored and the link of its last entry (`None` if there is no such entry).
    pub fn resume(chain: &dyn AuditChain, end: &AuditEnd, last: Option<Link>) -> AuditLog {
        let link = last.unwrap_or(AuditHead::empty(end.partition).link);
        let head = AuditHead { partition: end.partition, sequence: end.sequence, link };
        if head.end(chain, &end.directory()) == *end {
            AuditLog { head, directory: end.directory() }
        } else {
            AuditLog { head: AuditHead { link: BROKEN, ..head }, directory: NO_DIRECTORY }
        }
    }

    /// Moves on to the next entry.
    pub fn append(&mut self, chain: &dyn AuditChain, at: Timestamp, entry: &str) {
        self.head.append(chain, at, entry);
    }

    /// The last entry.
    pub fn head(&self) -> &AuditHead {
        &self.head
    }

    /// The seal of the newest directory; that of no directory if the end of the log was tampered with since.
    pub fn directory(&self) -> Seal {
        self.directory
    }

    /// Makes the directory with a seal the newest one.
    pub fn set_directory(&mut self, directory: Seal) {
        self.directory = directory;
    }

    /// The end to store.
    pub fn end(&self, chain: &dyn AuditChain) -> AuditEnd {
        self.head.end(chain, &self.directory)
    }
}

/// The audit log. A read shows only what is on stable storage, and fails with `Busy`, `Unavailable` or `Corrupt`.
#[async_trait::async_trait]
pub trait Audit: Send + Sync {
    /// The entries of a partition after a sequence number, in their order, at most `limit` of them.
    async fn audit_entries(
        &self,
        partition: PartitionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError>;

    /// Where the log of each partition ends, in the order of the partitions.
    async fn audit_ends(&self) -> Result<Vec<AuditEnd>, StoreError>;

    /// Appends entries that belong to no change of the registry, as [`AuditEntry::record`] wrote them.
    ///
    /// Fails with `Busy`, `Unavailable` or `Unknown`.
    async fn append_audit(&self, partition: PartitionId, entries: Vec<String>) -> Result<(), StoreError>;
}

#[cfg(all(test, feature = "contract"))]
mod tests {
    use super::*;
    use crate::{RegistryId, contract::TestChain};

    const CHAIN: TestChain = TestChain(RegistryId([7; 16]));

    fn of_two_entries(partition: PartitionId) -> AuditHead {
        let mut head = AuditHead::empty(partition);
        head.append(&CHAIN, Timestamp(1), "first");
        head.append(&CHAIN, Timestamp(2), "second");
        head
    }

    #[test]
    fn a_log_continues_where_its_stored_end_says_and_an_end_that_was_tampered_with_stays_broken() {
        let (head, directory) = (of_two_entries(PartitionId(3)), [5; 32]);
        let end = head.end(&CHAIN, &directory);
        let resume = |end: &AuditEnd, last| AuditLog::resume(&CHAIN, end, last);
        assert_eq!(resume(&end, Some(head.link)), AuditLog { head, directory });
        let empty = AuditHead::empty(PartitionId(3));
        assert_eq!(resume(&empty.end(&CHAIN, &directory), None), AuditLog { head: empty, directory });
        let mut of_other_directory = end.seal;
        of_other_directory[..32].copy_from_slice(&[6; 32]);
        for (end, last) in [
            (end, None),
            (end, Some(empty.link)),
            (AuditEnd { seal: [7; 64], ..end }, Some(head.link)),
            (AuditEnd { seal: of_other_directory, ..end }, Some(head.link)),
            (AuditEnd { partition: PartitionId(2), sequence: 0, ..empty.end(&CHAIN, &directory) }, None),
        ] {
            let broken = AuditHead { partition: end.partition, sequence: end.sequence, link: BROKEN };
            assert_eq!(resume(&end, last), AuditLog { head: broken, directory: NO_DIRECTORY });
        }
    }

    #[test]
    fn a_head_reads_back_as_it_is_noted() {
        for partition in [PartitionId::FIRST, PartitionId(12)] {
            let head = of_two_entries(partition);
            assert_eq!(head.to_string().parse(), Ok(head));
        }
        let noted = of_two_entries(PartitionId::FIRST).to_string();
        assert!(noted.starts_with("2:") && noted.len() == 2 + 64, "{noted}");
        for bad in [
            "",
            "2",
            ":",
            "2:",
            "2:00",
            &noted[2..],
            &format!("-{noted}"),
            &format!("0:0:{noted}"),
            &format!("{noted}0"),
        ] {
            assert!(bad.parse::<AuditHead>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_entries_have_other_links_in_another_partition() {
        assert_ne!(of_two_entries(PartitionId(0)).link, of_two_entries(PartitionId(1)).link);
    }
}
