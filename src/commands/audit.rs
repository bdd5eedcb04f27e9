//! `carnelian audit`.

use super::output::{is_stdout_closed, print_listing, print_message, print_result, print_row, printable};
use crate::{
    CliError,
    cli::{Audit, AuditList},
    watching::every,
};
use carnelian_app::{
    App, DirectoryError,
    audit::{AuditOrder, AuditVerdict},
};
use carnelian_store::{AuditEntry, AuditFilter, AuditQuery, PartitionId, StoredEntry};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often `--follow` looks for new entries.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// The number of entries that an export reads at once.
const PAGE: usize = 1000;

pub(super) async fn run(app: &App, command: Audit) -> Result<(), CliError> {
    match command {
        Audit::List(command) => list(app, command).await,
        Audit::Verify { expect } => match app.verify_audit(&expect).await.map_err(CliError::failed)? {
            AuditVerdict::Whole(_) if app.check_directory() == Err(DirectoryError::Older) => {
                Err(CliError::failed(DirectoryError::Older))
            }
            AuditVerdict::Whole(heads) => {
                let entries: u64 = heads.iter().map(|head| head.sequence).sum();
                print_message(format_args!("verified {entries} entries"));
                heads.iter().try_for_each(print_result)
            }
            AuditVerdict::Broken { partition, sequence, why } => {
                let partition =
                    if app.audit_partitions().len() > 1 { format!("partition {partition}, ") } else { String::new() };
                let place = format!("{partition}entry {sequence}");
                Err(CliError::failed(format!("the audit log was altered: {place}: {why}")))
            }
        },
        Audit::Export => export(app).await,
    }
}

/// The columns of a listing.
const COLUMNS: [&str; 11] = [
    "sequence",
    "at",
    "actor",
    "action",
    "object",
    "accountId",
    "fields",
    "address",
    "requestId",
    "reason",
    "suppressed",
];

async fn list(app: &App, command: AuditList) -> Result<(), CliError> {
    let AuditList { object, actor, action, account_id: account, request_id, since, until, .. } = command;
    let filter = AuditFilter { object, related: Vec::new(), actor, action, account, request_id, since, until };
    let takes_newest = command.newest_first || command.last || command.follow;
    let query = AuditQuery {
        after: command.after,
        before: command.before,
        order: if takes_newest { AuditOrder::NewestFirst } else { AuditOrder::OldestFirst },
        filter,
        limit: usize::try_from(command.limit).map_err(CliError::failed)?,
        ..AuditQuery::default()
    };
    if command.follow {
        return follow(app, query, command.listing.json).await;
    }
    let mut entries = find(app, query).await?;
    if command.last {
        entries.reverse();
    }
    let rows = entries.iter().map(row).collect::<Result<_, _>>()?;
    print_listing(command.listing.json, &COLUMNS, rows)
}

/// The first entries that match a query, however many parts of the log have to be examined.
async fn find(app: &App, mut query: AuditQuery) -> Result<Vec<StoredEntry>, CliError> {
    let (limit, mut found) = (query.limit, Vec::new());
    loop {
        let page = app.find_audit_entries(query.clone()).await.map_err(CliError::failed)?;
        found.extend(page.entries);
        let Some(next) = page.next.filter(|_| found.len() < limit) else { return Ok(found) };
        query.limit = limit - found.len();
        query.continue_from(next);
    }
}

/// Lists the last entries, and then the new ones until SIGINT or until the reader of stdout closes it.
async fn follow(app: &App, last: AuditQuery, json: bool) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::failed)?;
    let mut ticks = every(FOLLOW_INTERVAL);
    let mut end = app.audit_end(&last.filter).await.map_err(CliError::failed)?;
    let mut query = AuditQuery { order: AuditOrder::OldestFirst, after: end, limit: PAGE, ..last.clone() };
    let mut entries = find(app, AuditQuery { before: Some(end + 1), ..last }).await?;
    entries.reverse();
    loop {
        entries.iter().try_for_each(|entry| print_row(json, &COLUMNS, row(entry)?))?;
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = ticks.tick() => {}
        }
        if is_stdout_closed() {
            return Ok(());
        }
        end = app.audit_end(&query.filter).await.map_err(CliError::failed)?;
        query.before = Some(end + 1);
        entries = if end > query.after { next_entries(app, &mut query).await? } else { Vec::new() };
    }
}

/// The next entries up to the end of a query, which continues after what was examined.
async fn next_entries(app: &App, query: &mut AuditQuery) -> Result<Vec<StoredEntry>, CliError> {
    let page = app.find_audit_entries(query.clone()).await.map_err(CliError::failed)?;
    query.after = page.next.or(query.before.map(|before| before - 1)).unwrap_or(query.after);
    Ok(page.entries)
}

async fn export(app: &App) -> Result<(), CliError> {
    let partitions = app.audit_partitions();
    for partition in &partitions {
        export_partition(app, *partition, partitions.len() > 1).await?;
    }
    Ok(())
}

async fn export_partition(app: &App, partition: PartitionId, names_partition: bool) -> Result<(), CliError> {
    let mut after = 0;
    loop {
        let entries = app.audit_entries(partition, after, PAGE).await.map_err(CliError::failed)?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.sequence;
        for stored in &entries {
            let entry = read(stored)?;
            let partition = if names_partition { json!({ "partition": partition.0 }) } else { Value::Null };
            let place = json!({ "sequence": stored.sequence, "at": stored.at.to_iso8601() });
            let link = json!({ "link": HEXLOWER.encode(&stored.link) });
            let parts = [partition, place, json!(entry), link].into_iter().filter_map(|part| match part {
                Value::Object(part) => Some(part),
                _ => None,
            });
            print_result(printable(&Value::Object(parts.flatten().collect()).to_string()))?;
        }
    }
}

fn row(stored: &StoredEntry) -> Result<Vec<Value>, CliError> {
    let entry = read(stored)?;
    let fields = if entry.fields.is_empty() { Value::Null } else { json!(entry.fields) };
    Ok(vec![
        json!(stored.sequence),
        json!(stored.at.to_iso8601()),
        json!(entry.actor),
        json!(entry.action),
        json!(entry.object),
        json!(entry.account_id),
        fields,
        json!(entry.address),
        json!(entry.request_id),
        json!(entry.reason),
        json!(entry.suppressed),
    ])
}

fn read(stored: &StoredEntry) -> Result<AuditEntry<'_>, CliError> {
    let unreadable = |error| CliError::failed(format!("entry {} of the audit log: {error}", stored.sequence));
    serde_json::from_str(&stored.entry).map_err(unreadable)
}
