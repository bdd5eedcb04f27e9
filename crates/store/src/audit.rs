//! The audit log: an entry for every change, written in the change's own transaction.
//!
//! Entries are chained. The link of each depends on the one before and on a key that the store does not have, so that
//! an entry that was altered, taken out or put in gives itself away; so does an end that was cut off, as what is noted of
//! it depends on the key as well.

use crate::StoreError;
use carnelian_domain::{AccountId, Action, Object, Origin, Timestamp};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, net::IpAddr};

/// What stands for an entry and everything before it.
pub type Link = [u8; 32];

/// The link before the first entry.
pub const FIRST_LINK: Link = [0; 32];

/// Makes links; the one with the key comes from where the program is wired together.
pub trait AuditChain: Send + Sync {
    /// The link of an entry that follows another one.
    fn link(&self, previous: &Link, sequence: u64, at: Timestamp, entry: &str) -> Link;

    /// What stands for the end of the log; it cannot be made of the entries.
    fn seal(&self, head: &AuditHead) -> Link;
}

/// What an entry says, in the form in which it is kept: JSON, with what is absent left out.
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
    /// Where from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// Why, in the words of whoever asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

impl AuditEntry<'_> {
    /// The entry of a change, as it is kept.
    pub fn record(
        origin: &Origin,
        action: Action,
        object: Object<'_>,
        account: Option<AccountId>,
        fields: &[&str],
    ) -> String {
        let entry = AuditEntry {
            action: action.name().into(),
            object: Some(object.to_string().into()),
            account_id: account.map(|account| account.0),
            fields: fields.iter().map(|field| (*field).into()).collect(),
            actor: origin.actor.to_string().into(),
            address: origin.address,
            request_id: origin.request_id.as_deref().map(Cow::from),
            reason: origin.reason.as_deref().map(Cow::from),
        };
        serde_json::to_string(&entry).expect("an entry is made of strings and numbers")
    }
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Counts the entries, from 1, without gaps.
    pub sequence: u64,
    /// When the change was committed.
    pub at: Timestamp,
    /// What it says, as [`AuditEntry::record`] wrote it.
    pub entry: String,
    /// What stands for it and everything before it.
    pub link: Vec<u8>,
}

/// The last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// How many entries there are.
    pub sequence: u64,
    /// The link of the last one.
    pub link: Link,
}

/// Where the log ends, as it is noted beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditEnd {
    /// How many entries there are.
    pub sequence: u64,
    /// What [`AuditChain::seal`] made of the last one.
    pub seal: Link,
}

/// The audit log.
#[async_trait::async_trait]
pub trait Audit: Send + Sync {
    /// The entries behind one, in their order, so many at most.
    async fn audit_entries(&self, after: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError>;

    /// Where the log ends, as it was noted with the last change.
    async fn audit_end(&self) -> Result<AuditEnd, StoreError>;

    /// Appends what is no change of anything else, as [`AuditEntry::record`] wrote it.
    async fn append_audit(&self, entry: String) -> Result<(), StoreError>;
}
