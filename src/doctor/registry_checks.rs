//! Checks of the opened registry.

use super::finding::Finding;
use crate::{
    CliError,
    commands::output::{age_of, size},
};
use carnelian_app::{App, admin::status::RegistryStatus, audit::AuditVerdict};
use carnelian_domain::{Actor, Origin, Timestamp};

/// The largest log that is usual, in bytes: a checkpoint begins far sooner.
const LOG: u64 = 1 << 30;

/// How many of the last entries of the audit log are verified.
const ENTRIES: u64 = 10_000;

/// How far another clock may be ahead, in milliseconds.
const AHEAD: i64 = 60 * 1000;

/// How old the newest backup and the newest ledger may be, in milliseconds.
const OLD: i64 = 7 * 24 * 60 * 60 * 1000;

async fn status(app: &App) -> Result<RegistryStatus, CliError> {
    app.local_admin(&Origin::new(Actor::CommandLine)).status().await.map_err(CliError::failed)
}

/// The engine, with its version.
pub(super) async fn engine(app: &App) -> String {
    match status(app).await {
        Ok(RegistryStatus { engine, .. }) => format!("{} {}, schema {},", engine.name, engine.version, engine.schema),
        Err(_) => "the registry".into(),
    }
}

pub(super) async fn damage(app: &App) -> Result<Finding, CliError> {
    let damage = app.local_admin(&Origin::new(Actor::CommandLine)).find_damage().await.map_err(CliError::failed)?;
    Ok(match damage.first() {
        None => Finding::success("no damage in a sample of the tables"),
        Some(first) => Finding::failure(
            format!("the database is damaged: {first}"),
            "stop the server, copy the data directory, and restore the newest backup",
        ),
    })
}

pub(super) async fn log_size(app: &App) -> Result<Finding, CliError> {
    Ok(judge_log(status(app).await?.engine.log_bytes))
}

fn judge_log(log: Option<u64>) -> Finding {
    match log {
        None => Finding::Skipped("the log belongs to the database server".into()),
        Some(log) if log > LOG => Finding::warning(
            format!("the write-ahead log has {}", size(log)),
            "a command or a reader that never ends keeps it from being copied; look for it, and restart the server",
        ),
        Some(log) => Finding::Success(format!("the write-ahead log has {}", size(log))),
    }
}

pub(super) async fn directory(app: &App) -> Result<Finding, CliError> {
    Ok(match app.verify_directory().await.map_err(CliError::failed)? {
        Ok(()) => Finding::success("accounts, groups, users and keys are as Carnelian has stored them"),
        Err(error) => Finding::failure(
            error.to_string(),
            "see \"Altered accounts, groups, users or keys\" in the operations page before `carnelian directory reseal`",
        ),
    })
}

pub(super) async fn audit_log(app: &App) -> Result<Finding, CliError> {
    Ok(match app.verify_recent_audit(ENTRIES).await.map_err(CliError::failed)? {
        AuditVerdict::Whole(_) => Finding::Success(format!("the last {ENTRIES} entries are whole")),
        AuditVerdict::Broken { sequence, why, .. } => Finding::failure(
            format!("the audit log was altered: entry {sequence}: {why}"),
            "keep a copy of the data, and compare with a head that was noted: `carnelian audit verify --expect`",
        ),
    })
}

pub(super) async fn clock(app: &App) -> Result<Finding, CliError> {
    let mut newest = None;
    for partition in app.audit_partitions() {
        let last = app.last_audit_entry(partition).await.map_err(CliError::failed)?;
        newest = newest.max(last.map(|entry| entry.at));
    }
    let now = app.clock().now();
    Ok(match newest {
        Some(newest) if newest.0.saturating_sub(now.0) > AHEAD => Finding::failure(
            format!("the newest entry of the audit log is of {}, and it is {}", newest.to_iso8601(), now.to_iso8601()),
            "the clock of this machine, or of another server of the registry, is wrong; synchronise them",
        ),
        _ => Finding::success("no entry of the audit log is of the future"),
    })
}

pub(super) async fn erasures(app: &App) -> Result<Finding, CliError> {
    let pending = status(app).await?.erasures;
    Ok(match (pending.overdue, pending.oldest_due_at) {
        (overdue @ 1.., Some(oldest)) => Finding::failure(
            format!("{overdue} erasures are overdue, the oldest since {}", oldest.to_iso8601()),
            "erasures are carried out by a running server: start it, and look for WARN lines in its log",
        ),
        _ => Finding::Success(format!("{} erasures are waiting, {} are due", pending.waiting, pending.due)),
    })
}

pub(super) async fn backup(app: &App) -> Result<Finding, CliError> {
    let status = status(app).await?;
    Ok(judge_age("backup", status.newest_backup_at, status.at, "`carnelian backup FILE`"))
}

pub(super) async fn ledger(app: &App) -> Result<Finding, CliError> {
    let status = status(app).await?;
    Ok(judge_age("ledger", status.newest_ledger_at, status.at, "`carnelian ledger FILE`"))
}

fn judge_age(what: &str, newest: Option<Timestamp>, now: Timestamp, command: &str) -> Finding {
    let advice = format!("run {command} at regular intervals, and keep the file on another machine");
    match newest {
        None => Finding::warning(format!("there is no {what} yet"), advice),
        Some(newest) if now.0.saturating_sub(newest.0) > OLD => {
            Finding::warning(format!("the newest {what} is of {}", age_of(newest, now)), advice)
        }
        Some(newest) => Finding::Success(format!("the newest {what} is of {}", age_of(newest, now))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_not_copied_is_a_warning() {
        assert_eq!(judge_log(Some(LOG)).name(), "success");
        assert_eq!(judge_log(Some(LOG + 1)).name(), "warning");
        assert_eq!(judge_log(None).name(), "skipped");
    }

    #[test]
    fn a_backup_that_is_missing_or_older_than_a_week_is_a_warning() {
        let judge = |newest: Option<i64>| judge_age("backup", newest.map(Timestamp), Timestamp(2 * OLD), "x").name();
        assert_eq!((judge(None), judge(Some(OLD - 1)), judge(Some(OLD))), ("warning", "warning", "success"));
    }
}
