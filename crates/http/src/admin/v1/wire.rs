//! How groups, keys, erasures and entries of the audit log look in JSON: the names and the order of their keys.

use crate::rws::v1::wire::AccountReply;
use carnelian_app::{
    administration::KeyEntry,
    erasure::ErasureRecord,
    operator::{GroupDetails, ListedEntry, NewlyIssued},
};
use carnelian_domain::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::{borrow::Cow, net::IpAddr};

/// A group with its accounts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupReply<'a> {
    group_name: &'a str,
    group_id: String,
    accounts: Vec<AccountReply<'a>>,
}

impl<'a> From<&'a GroupDetails> for GroupReply<'a> {
    fn from(group: &'a GroupDetails) -> GroupReply<'a> {
        GroupReply {
            group_name: &group.name,
            group_id: group.id.to_string(),
            accounts: group.accounts.iter().map(|account| AccountReply::from(&**account)).collect(),
        }
    }
}

/// A key: never the key itself. Times are whole UNIX seconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyReply<'a> {
    key_id: &'a str,
    label: Option<&'a str>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    allowed_addresses: Vec<String>,
    status: &'static str,
}

impl<'a> From<&'a KeyEntry> for KeyReply<'a> {
    fn from(key: &'a KeyEntry) -> KeyReply<'a> {
        KeyReply {
            key_id: &key.key_id,
            label: key.label.as_deref(),
            created_at: key.created_at.unix_seconds(),
            expires_at: key.expires_at.map(Timestamp::unix_seconds),
            last_used_at: key.last_used_at.map(Timestamp::unix_seconds),
            allowed_addresses: key.allowed.iter().map(ToString::to_string).collect(),
            status: key.status.name(),
        }
    }
}

/// A key that was made, the only time that it is shown, or taken over.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedReply<'a> {
    key_id: &'a str,
    key: Option<&'a str>,
}

impl<'a> From<&'a NewlyIssued> for IssuedReply<'a> {
    fn from(issued: &'a NewlyIssued) -> IssuedReply<'a> {
        IssuedReply { key_id: &issued.key_id, key: issued.key.as_ref().map(|key| key.reveal()) }
    }
}

/// An erasure of an account: every key is there, and absent values are null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErasureReply<'a> {
    erasure_id: String,
    account_id: String,
    status: &'static str,
    requested_at: String,
    requested_by: &'a str,
    reason: Option<&'a str>,
    due_at: String,
    erased_at: Option<String>,
    customers: u64,
    users: u64,
    keys: u64,
    receipt: Option<Value>,
}

impl<'a> From<&'a ErasureRecord> for ErasureReply<'a> {
    fn from(erasure: &'a ErasureRecord) -> ErasureReply<'a> {
        ErasureReply {
            erasure_id: erasure.id.to_string(),
            account_id: erasure.account.to_string(),
            status: erasure.state.name(),
            requested_at: erasure.requested_at.to_iso8601(),
            requested_by: &erasure.requested_by,
            reason: erasure.reason.as_deref(),
            due_at: erasure.due_at.to_iso8601(),
            erased_at: erasure.erased_at.map(Timestamp::to_iso8601),
            customers: erasure.customers,
            users: erasure.users,
            keys: erasure.keys,
            // As it was signed: the order of the keys counts.
            receipt: erasure.receipt.as_deref().and_then(|receipt| serde_json::from_str(receipt).ok()),
        }
    }
}

/// An entry of the audit log: every key is there, and absent values are null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryReply<'a> {
    sequence: u64,
    at: String,
    actor: &'a str,
    action: &'a str,
    object: Option<&'a str>,
    account_id: Option<String>,
    fields: &'a [Cow<'a, str>],
    address: Option<IpAddr>,
    request_id: Option<&'a str>,
    reason: Option<&'a str>,
}

impl<'a> From<&'a ListedEntry> for EntryReply<'a> {
    fn from(listed: &'a ListedEntry) -> EntryReply<'a> {
        let entry = &listed.entry;
        EntryReply {
            sequence: listed.sequence,
            at: listed.at.to_iso8601(),
            actor: &entry.actor,
            action: &entry.action,
            object: entry.object.as_deref(),
            account_id: entry.account_id.map(|id| id.to_string()),
            fields: &entry.fields,
            address: entry.address,
            request_id: entry.request_id.as_deref(),
            reason: entry.reason.as_deref(),
        }
    }
}
