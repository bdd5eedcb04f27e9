//! The JSON form of groups, keys, erasures, settings, audit log entries and jobs. The published schemas are derived from these types: a
//! doc comment is the description of its schema or field.

use crate::rws::v1::wire::{AccountReply, Listed};
use carnelian_app::{
    admin::{
        audit::{ListedEntries, ListedEntry},
        groups::GroupDetails,
        keys::{AddedKey, KeyEntry, KeyStatus},
    },
    erasure::{ErasureRecord, ErasureState},
    jobs::{Job, JobProgress, JobState, JobWork},
    settings::SettingInForce,
};
use carnelian_domain::{Action, CustomerId, Timestamp, paging::MAX_PAGE_SIZE};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::{borrow::Cow, net::IpAddr};

/// A group with its accounts.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Group")]
pub(crate) struct GroupReply<'a> {
    #[schemars(example = &"Acme Group")]
    group_name: &'a str,
    #[schemars(regex(pattern = "^[0-9]+$"), example = &"1")]
    group_id: String,
    accounts: Vec<AccountReply<'a>>,
}

impl Listed for GroupReply<'_> {
    const KEY: &'static str = "groups";
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

/// The public data of an API key, never the key itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Key")]
pub(crate) struct KeyReply<'a> {
    #[schemars(example = KEY_ID)]
    key_id: &'a str,
    #[schemars(example = &"web shop")]
    label: Option<&'a str>,
    #[schemars(extend("format" = "date-time"), example = &"2026-11-24T08:30:00.000Z")]
    created_at: String,
    /// When the key stops working; null if it does not expire.
    #[schemars(extend("format" = "date-time"), example = &"2026-12-24T08:30:00.000Z")]
    expires_at: Option<String>,
    /// When the key was last used. Recorded once a minute: the last minute is lost if the server is killed.
    #[schemars(extend("format" = "date-time"))]
    last_used_at: Option<String>,
    /// The addresses and ranges that the key is accepted from; empty if it is accepted from everywhere.
    #[schemars(example = ["192.0.2.0/24"])]
    allowed_addresses: Vec<String>,
    #[schemars(extend("enum" = KEY_STATES.map(KeyStatus::name)))]
    status: &'static str,
}

/// The key id of the examples.
const KEY_ID: &str = "0123456789abcdef";

const KEY_STATES: [KeyStatus; 3] = [KeyStatus::Active, KeyStatus::Expired, KeyStatus::Revoked];

impl Listed for KeyReply<'_> {
    const KEY: &'static str = "keys";
}

impl<'a> From<&'a KeyEntry> for KeyReply<'a> {
    fn from(key: &'a KeyEntry) -> KeyReply<'a> {
        KeyReply {
            key_id: &key.key_id,
            label: key.label.as_deref(),
            created_at: key.created_at.to_iso8601(),
            expires_at: key.expires_at.map(Timestamp::to_iso8601),
            last_used_at: key.last_used_at.map(Timestamp::to_iso8601),
            allowed_addresses: key.allowed.iter().map(ToString::to_string).collect(),
            status: key.status.name(),
        }
    }
}

/// A new API key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IssuedKey")]
pub(crate) struct IssuedReply<'a> {
    #[schemars(example = KEY_ID)]
    key_id: &'a str,
    /// The key, which is shown only once; null if it was imported.
    #[schemars(example = format!("crk1_{KEY_ID}…"))]
    key: Option<&'a str>,
}

impl<'a> From<&'a AddedKey> for IssuedReply<'a> {
    fn from(issued: &'a AddedKey) -> IssuedReply<'a> {
        IssuedReply { key_id: &issued.key_id, key: issued.key.as_ref().map(|key| key.reveal()) }
    }
}

/// The erasure of an account.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Erasure")]
pub(crate) struct ErasureReply<'a> {
    #[schemars(regex(pattern = "^[0-9]+$"), example = &"1")]
    erasure_id: String,
    #[schemars(regex(pattern = "^[0-9]+$"), example = &"1")]
    account_id: String,
    #[schemars(extend("enum" = ERASURE_STATES.map(ErasureState::name)))]
    status: &'static str,
    #[schemars(extend("format" = "date-time"), example = &"2026-11-24T08:30:00.000Z")]
    requested_at: String,
    /// Who requested it, in the form of `actor` in the audit log.
    #[schemars(example = &"user:1")]
    requested_by: &'a str,
    #[schemars(example = &"Requested by the customer")]
    reason: Option<&'a str>,
    /// When it is carried out; until then it can be cancelled.
    #[schemars(extend("format" = "date-time"), example = &"2026-12-24T08:30:00.000Z")]
    due_at: String,
    /// When the account's data key was destroyed.
    #[schemars(extend("format" = "date-time"))]
    erased_at: Option<String>,
    /// The number of customers erased so far.
    #[schemars(example = 0)]
    customers: u64,
    /// The number of users erased so far.
    #[schemars(example = 0)]
    users: u64,
    /// The number of keys erased so far.
    #[schemars(example = 0)]
    keys: u64,
    /// A signed receipt, issued when no file contains data of the account any more.
    #[schemars(extend("type" = ["object", "null"]))]
    receipt: Option<Value>,
}

const ERASURE_STATES: [ErasureState; 5] = [
    ErasureState::Waiting,
    ErasureState::Running,
    ErasureState::Erased,
    ErasureState::Receipted,
    ErasureState::Cancelled,
];

impl Listed for ErasureReply<'_> {
    const KEY: &'static str = "erasures";
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
            // The signature covers the order of the keys, which parsing keeps.
            receipt: erasure.receipt.as_deref().and_then(|receipt| serde_json::from_str(receipt).ok()),
        }
    }
}

/// The settings of a server.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Settings")]
pub(crate) struct SettingsReply<'a> {
    settings: Vec<SettingReply<'a>>,
}

/// A setting in force.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Setting")]
pub(crate) struct SettingReply<'a> {
    #[schemars(example = &"limits.country")]
    key: &'a str,
    /// In the form of the command line; null if the setting has no value.
    #[schemars(example = &"150")]
    value: Option<&'a str>,
    /// `default`, or the flag, the environment variable or the file that the value comes from.
    #[schemars(example = &"default")]
    origin: &'a str,
}

impl<'a> From<&'a [SettingInForce]> for SettingsReply<'a> {
    fn from(settings: &'a [SettingInForce]) -> SettingsReply<'a> {
        let reply = |setting: &'a SettingInForce| SettingReply {
            key: setting.name,
            value: setting.value.as_deref(),
            origin: &setting.origin,
        };
        SettingsReply { settings: settings.iter().map(reply).collect() }
    }
}

/// An entry of the audit log.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Entry")]
pub(crate) struct EntryReply<'a> {
    #[schemars(range(min = 1, max = CustomerId::LIMIT), example = 1)]
    sequence: u64,
    #[schemars(extend("format" = "date-time"), example = &"2026-11-24T08:30:00.000Z")]
    at: String,
    /// `user:` and an id, `command_line` or `server`.
    #[schemars(example = &"user:1")]
    actor: &'a str,
    #[schemars(example = Action::CreateAccount.name())]
    action: &'a str,
    #[schemars(example = &"account:1")]
    object: Option<&'a str>,
    #[schemars(example = &"1")]
    account_id: Option<String>,
    /// The names of the fields that changed; `*` if they are not known.
    #[schemars(example = [""; 0])]
    fields: &'a [Cow<'a, str>],
    #[schemars(with = "Option<String>", example = &"192.0.2.7")]
    address: Option<IpAddr>,
    #[schemars(example = &"9b165953d3d41a06")]
    request_id: Option<&'a str>,
    #[schemars(example = &"Requested by the customer")]
    reason: Option<&'a str>,
    /// How many refusals of the user before this one have no entry: at most one a second has.
    #[schemars(range(min = 1), example = 41)]
    suppressed: Option<u64>,
}

/// A part of the audit log.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EntryPage")]
pub(crate) struct EntriesReply<'a> {
    #[schemars(length(max = MAX_PAGE_SIZE))]
    entries: Vec<EntryReply<'a>>,
    /// Whether there are no further entries.
    #[schemars(example = false)]
    last_page: bool,
    /// Where to continue: the value of `after`, or of `before` if the newest entries are first. Null on the last page.
    #[schemars(range(min = 1, max = CustomerId::LIMIT), example = 50)]
    next: Option<u64>,
}

impl<'a> From<&'a ListedEntries> for EntriesReply<'a> {
    fn from(listed: &'a ListedEntries) -> EntriesReply<'a> {
        let entries = listed.entries.iter().map(EntryReply::from).collect();
        EntriesReply { entries, last_page: listed.next.is_none(), next: listed.next }
    }
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
            suppressed: entry.suppressed,
        }
    }
}

/// A job of the server that answers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Job")]
pub(crate) struct JobReply<'a> {
    #[schemars(regex(pattern = "^[0-9]+$"), example = &"1796034600000")]
    job_id: String,
    #[schemars(extend("enum" = JobWork::KINDS))]
    kind: &'static str,
    /// An import is `Waiting` until its file has arrived.
    #[schemars(extend("enum" = JobState::ALL.map(JobState::name)))]
    status: &'static str,
    #[schemars(example = &"1")]
    account_id: Option<String>,
    /// Who created it, in the form of `actor` in the audit log; `server` for a backup of the schedule.
    #[schemars(example = &"user:1")]
    created_by: String,
    #[schemars(example = &"Requested by the customer")]
    reason: Option<&'a str>,
    #[schemars(extend("format" = "date-time"), example = &"2026-11-30T08:30:00.000Z")]
    created_at: String,
    /// When it was last begun or resumed.
    #[schemars(extend("format" = "date-time"))]
    started_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    ended_at: Option<String>,
    /// The rows or records so far.
    #[schemars(example = 0)]
    rows: u64,
    /// The bytes read from the file to import, or written to the result, so far.
    #[schemars(example = 0)]
    bytes: u64,
    /// The bytes in all; null if their number is not known.
    total_bytes: Option<u64>,
    #[schemars(example = 0)]
    rows_per_second: u64,
    /// The time until the file is read; null if that is not known.
    seconds_left: Option<u64>,
    /// What became of the rows of an import so far.
    counts: JobCountsReply,
    /// Why it failed; of a job that is running, why it was interrupted before.
    error: Option<&'a str>,
    /// The size of the result; null if there is none.
    result_bytes: Option<u64>,
}

/// What became of the rows of an import.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobCounts")]
pub(crate) struct JobCountsReply {
    /// Stored before an interruption.
    #[schemars(example = 0)]
    stored_before: u64,
    #[schemars(example = 0)]
    created: u64,
    #[schemars(example = 0)]
    updated: u64,
    #[schemars(example = 0)]
    skipped: u64,
    #[schemars(example = 0)]
    rejected: u64,
}

impl From<&JobProgress> for JobCountsReply {
    fn from(progress: &JobProgress) -> JobCountsReply {
        let JobProgress { stored_before, created, updated, skipped, rejected, .. } = *progress;
        JobCountsReply { stored_before, created, updated, skipped, rejected }
    }
}

impl Listed for JobReply<'_> {
    const KEY: &'static str = "jobs";
}

impl<'a> JobReply<'a> {
    /// A job as of some moment.
    pub(crate) fn new(job: &'a Job, now: Timestamp) -> JobReply<'a> {
        JobReply {
            job_id: job.id().to_string(),
            kind: job.work.kind(),
            status: job.state.name(),
            account_id: job.work.account().map(|id| id.to_string()),
            created_by: job.created_by().to_string(),
            reason: job.reason(),
            created_at: job.created_at().to_iso8601(),
            started_at: job.started_at().map(Timestamp::to_iso8601),
            ended_at: job.ended_at().map(Timestamp::to_iso8601),
            rows: job.progress.rows,
            bytes: job.progress.bytes,
            total_bytes: job.progress.total_bytes,
            rows_per_second: job.rows_per_second(now),
            seconds_left: job.seconds_left(now),
            counts: JobCountsReply::from(&job.progress),
            error: job.error.as_deref(),
            result_bytes: job.result_bytes,
        }
    }
}
