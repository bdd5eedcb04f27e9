//! The record of a job.

use crate::transfer::{FileFormat, ImportOptions};
use carnelian_domain::{AccountId, Actor, JobId, Origin, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A job: what it does, and how far it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its number.
    pub(super) id: u64,
    /// What it does.
    pub work: JobWork,
    /// Its state.
    pub state: JobState,
    /// Who created it, from where and why.
    pub(super) created_by: JobOrigin,
    /// When it was created, in milliseconds since the UNIX epoch.
    pub(super) created_at: i64,
    /// When it was last begun or resumed.
    pub(super) started_at: Option<i64>,
    /// When it ended.
    pub(super) ended_at: Option<i64>,
    /// How far it is.
    pub progress: JobProgress,
    /// Whether all is done, and only the end is not recorded.
    pub(super) is_complete: bool,
    /// Why it failed, or why it waits to be tried again.
    pub error: Option<String>,
    /// The size of its result, if it has one.
    pub result_bytes: Option<u64>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum JobWork {
    /// Imports customers from a file that is uploaded. Its result is the rejected rows, if there are any.
    Import {
        /// The format of the file; `None` if its content says.
        format: Option<FileFormat>,
        /// The account of rows without an account name.
        account: Option<u64>,
        /// How the rows are imported.
        options: ImportOptions,
    },
    /// Writes customers to a file.
    Export {
        /// The format of the file.
        format: FileFormat,
        /// The account; `None` for all of them.
        account: Option<u64>,
    },
    /// Writes a backup of the registry, and reads it again to verify it.
    Backup {
        /// Whether the schedule of backups has created it.
        scheduled: bool,
    },
}

impl JobWork {
    /// Every kind, by its name in the API.
    pub const KINDS: [&str; 3] = ["import", "export", "backup"];

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            JobWork::Import { .. } => "import",
            JobWork::Export { .. } => "export",
            JobWork::Backup { .. } => "backup",
        }
    }

    /// The account that it is about, if it is about one.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            JobWork::Import { account, .. } | JobWork::Export { account, .. } => account.map(AccountId),
            JobWork::Backup { .. } => None,
        }
    }
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its file.
    Waiting,
    /// It waits for its turn.
    Queued,
    /// It runs, or is resumed by the next server.
    Running,
    /// It has done everything.
    Done,
    /// It has failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [JobState; 6] =
        [JobState::Waiting, JobState::Queued, JobState::Running, JobState::Done, JobState::Failed, JobState::Cancelled];

    /// The state's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            JobState::Waiting => "Waiting",
            JobState::Queued => "Queued",
            JobState::Running => "Running",
            JobState::Done => "Done",
            JobState::Failed => "Failed",
            JobState::Cancelled => "Cancelled",
        }
    }

    /// Whether the job has ended.
    pub fn is_end(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Cancelled)
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobProgress {
    /// The rows or records so far.
    pub rows: u64,
    /// The bytes read or written so far.
    pub bytes: u64,
    /// The bytes in all, if their number is known.
    pub total_bytes: Option<u64>,
    /// The rows that were stored before an interruption.
    pub stored_before: u64,
    /// The rows that have created a customer.
    pub created: u64,
    /// The rows that have replaced a customer.
    pub updated: u64,
    /// The rows that were passed over, since their name exists.
    pub skipped: u64,
    /// The rows that were rejected.
    pub rejected: u64,
}

/// Who created a job, from where and why: the origin of what it writes to the audit log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobOrigin {
    author: Author,
    address: Option<IpAddr>,
    request_id: Option<String>,
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Author {
    User(u64),
    CommandLine,
    Server,
}

impl JobOrigin {
    pub(super) fn new(origin: &Origin) -> JobOrigin {
        JobOrigin {
            author: match origin.actor {
                Actor::User(user) => Author::User(user.0),
                Actor::CommandLine => Author::CommandLine,
                Actor::Server => Author::Server,
            },
            address: origin.address,
            request_id: origin.request_id.as_deref().map(str::to_owned),
            reason: origin.reason.as_deref().map(str::to_owned),
        }
    }

    fn actor(&self) -> Actor {
        match self.author {
            Author::User(user) => Actor::User(UserId(user)),
            Author::CommandLine => Actor::CommandLine,
            Author::Server => Actor::Server,
        }
    }
}

impl Job {
    /// Its id.
    pub fn id(&self) -> JobId {
        JobId(self.id)
    }

    /// Who created it.
    pub fn created_by(&self) -> Actor {
        self.created_by.actor()
    }

    /// Why it was created.
    pub fn reason(&self) -> Option<&str> {
        self.created_by.reason.as_deref()
    }

    /// When it was created.
    pub fn created_at(&self) -> Timestamp {
        Timestamp(self.created_at)
    }

    /// When it was last begun or resumed.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started_at.map(Timestamp)
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at.map(Timestamp)
    }

    /// How many rows a second it has done since it was begun or resumed.
    pub fn rows_per_second(&self, now: Timestamp) -> u64 {
        self.progress.rows * 1000 / self.millis(now).max(1)
    }

    /// In how many seconds it will have read the whole file, at the rate since it was begun or resumed.
    pub fn seconds_left(&self, now: Timestamp) -> Option<u64> {
        let JobProgress { bytes, total_bytes, .. } = self.progress;
        let left = total_bytes.filter(|_| bytes > 0 && self.state == JobState::Running)?.saturating_sub(bytes);
        u64::try_from(u128::from(self.millis(now)) * u128::from(left) / u128::from(bytes) / 1000).ok()
    }

    /// For how many milliseconds it has run since it was begun or resumed.
    fn millis(&self, now: Timestamp) -> u64 {
        let until = self.ended_at.unwrap_or(now.0);
        self.started_at.and_then(|started_at| u64::try_from(until - started_at).ok()).unwrap_or(0)
    }

    /// The origin of what it writes.
    pub(super) fn origin(&self) -> Origin {
        let JobOrigin { address, request_id, reason, .. } = &self.created_by;
        Origin {
            address: *address,
            request_id: request_id.as_deref().map(Into::into),
            reason: reason.as_deref().map(Into::into),
            ..Origin::new(self.created_by())
        }
    }
}
