//! `GET …/status`. The published schema is derived from these types: a doc comment is the description of its schema or field.

use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
};
use carnelian_app::{
    admin::status::RegistryStatus,
    host::{CertificateStatus, ConnectionStatus},
};
use carnelian_domain::Timestamp;
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// The milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Returns how the registry and the server are doing.
pub(crate) async fn get_status(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let admin = request.app.admin(&caller, origin, "get_status").await?;
    Ok(response::json(StatusCode::OK, &StatusReply::from(&admin.status().await?)))
}

/// How a registry and its server are doing.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Status")]
pub(crate) struct StatusReply<'a> {
    /// The release of the server.
    #[schemars(example = &"0.1.0")]
    version: &'static str,
    /// How long the server has been running; null in the output of a command.
    #[schemars(example = 86_400)]
    uptime_seconds: Option<u64>,
    engine: EngineReply<'a>,
    /// The free space of the file system of the data directory; null if it is not known.
    #[schemars(example = 52_428_800_000_u64)]
    disk_free_bytes: Option<u64>,
    writes: WritesReply,
    connections: Option<ConnectionsReply>,
    erasures: ErasuresReply,
    backup: BackupReply,
    /// The server's certificate, and those of its issuers that it sends; empty without TLS.
    certificates: Vec<CertificateReply<'a>>,
}

/// The database engine.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EngineStatus")]
struct EngineReply<'a> {
    #[schemars(extend("enum" = ["SQLite", "PostgreSQL"]))]
    name: &'static str,
    #[schemars(example = &"3.51.3")]
    version: &'a str,
    /// The version of the registry's schema.
    #[schemars(example = 1)]
    schema: u64,
    /// The size of the database, without its log.
    #[schemars(example = 104_857_600)]
    data_bytes: u64,
    /// The size of the write-ahead log; null with PostgreSQL.
    #[schemars(example = 4_194_304)]
    log_bytes: Option<u64>,
}

/// The writes of the server that answers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WriteStatus")]
struct WritesReply {
    /// How many wait.
    #[schemars(example = 0)]
    waiting: u64,
    /// How many may wait; further ones are answered with 503.
    #[schemars(example = 4096)]
    limit: u64,
    /// How long the newest group of writes took to reach stable storage; null before the first one.
    #[schemars(example = 0.002)]
    last_commit_seconds: Option<f64>,
}

/// The connections of the server that answers; null in the output of a command.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ConnectionStatus")]
struct ConnectionsReply {
    #[schemars(example = 12)]
    open: usize,
    /// How many may be open; further ones are refused.
    #[schemars(example = 10_000)]
    limit: usize,
    /// How many of them may have one address.
    #[schemars(example = 9_000)]
    limit_per_address: usize,
}

/// The erasures of accounts that have not ended.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PendingErasures")]
struct ErasuresReply {
    /// How many can still be cancelled.
    #[schemars(example = 1)]
    waiting: u64,
    /// How many are due or running.
    #[schemars(example = 0)]
    due: u64,
    /// How many of these have been due for more than an hour.
    #[schemars(example = 0)]
    overdue: u64,
    /// Since when the oldest of these has been due.
    #[schemars(extend("format" = "date-time"))]
    oldest_due_at: Option<String>,
}

/// The newest backup and the newest ledger, by the audit log; null if there is none.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "BackupStatus")]
struct BackupReply {
    /// When the newest backup was begun.
    #[schemars(extend("format" = "date-time"), example = &"2026-11-30T02:00:00.000Z")]
    newest_backup_at: Option<String>,
    /// When the newest ledger was written.
    #[schemars(extend("format" = "date-time"), example = &"2026-11-30T02:00:05.000Z")]
    newest_ledger_at: Option<String>,
}

/// A TLS certificate.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CertificateStatus")]
struct CertificateReply<'a> {
    #[schemars(example = &"CN=registry.example.com")]
    subject: &'a str,
    /// The names and addresses for which it is valid.
    #[schemars(example = ["registry.example.com"])]
    names: &'a [String],
    #[schemars(extend("format" = "date-time"), example = &"2027-02-28T00:00:00.000Z")]
    expires_at: String,
    /// The whole days until it expires; negative after that.
    #[schemars(example = 90)]
    days_left: i64,
}

impl<'a> From<&'a RegistryStatus> for StatusReply<'a> {
    fn from(status: &'a RegistryStatus) -> StatusReply<'a> {
        let (host, engine, erasures) = (&status.host, &status.engine, &status.erasures);
        let connections = |connections: ConnectionStatus| {
            let ConnectionStatus { open, limit, limit_per_address } = connections;
            ConnectionsReply { open, limit, limit_per_address }
        };
        StatusReply {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: host.uptime.map(|uptime| uptime.as_secs()),
            engine: EngineReply {
                name: engine.name,
                version: &engine.version,
                schema: engine.schema,
                data_bytes: engine.data_bytes,
                log_bytes: engine.log_bytes,
            },
            disk_free_bytes: host.disk_free,
            writes: WritesReply {
                waiting: engine.writes_waiting,
                limit: engine.writes_limit,
                last_commit_seconds: engine.last_commit.as_ref().map(Duration::as_secs_f64),
            },
            connections: host.connections.map(connections),
            erasures: ErasuresReply {
                waiting: erasures.waiting,
                due: erasures.due,
                overdue: erasures.overdue,
                oldest_due_at: erasures.oldest_due_at.map(Timestamp::to_iso8601),
            },
            backup: BackupReply {
                newest_backup_at: status.newest_backup_at.map(Timestamp::to_iso8601),
                newest_ledger_at: status.newest_ledger_at.map(Timestamp::to_iso8601),
            },
            certificates: host.certificates.iter().map(|one| CertificateReply::new(one, status.at)).collect(),
        }
    }
}

impl<'a> CertificateReply<'a> {
    fn new(certificate: &'a CertificateStatus, now: Timestamp) -> CertificateReply<'a> {
        CertificateReply {
            subject: &certificate.subject,
            names: &certificate.names,
            expires_at: certificate.expires_at.to_iso8601(),
            days_left: certificate.expires_at.0.saturating_sub(now.0).div_euclid(DAY),
        }
    }
}
