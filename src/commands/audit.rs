//! `carnelian audit`.

use super::{
    origin,
    output::{
        Cell, Columns, is_stdout_closed, names_of, print_documents, print_message, print_result, print_row, printable,
        row_of,
    },
};
use crate::{
    CliError,
    administration::{Administration, local::LocalAdministration},
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
        Audit::List(command) => follow(app, command).await,
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
const COLUMNS: &Columns = &[
    ("sequence", Cell::Same),
    ("at", Cell::Same),
    ("actor", Cell::Same),
    ("action", Cell::Same),
    ("object", Cell::Same),
    ("accountId", Cell::Number),
    ("fields", Cell::List),
    ("address", Cell::Same),
    ("requestId", Cell::Same),
    ("reason", Cell::Same),
    ("suppressed", Cell::Same),
];

/// The entries to list.
fn query(command: AuditList) -> Result<AuditQuery, CliError> {
    let AuditList { object, actor, action, account_id: account, request_id, since, until, .. } = command;
    let filter = AuditFilter { object, related: Vec::new(), actor, action, account, request_id, since, until };
    let takes_newest = command.newest_first || command.last || command.follow;
    Ok(AuditQuery {
        after: command.after,
        before: command.before,
        order: if takes_newest { AuditOrder::NewestFirst } else { AuditOrder::OldestFirst },
        filter,
        limit: usize::try_from(command.limit).map_err(CliError::failed)?,
        ..AuditQuery::default()
    })
}

/// Lists entries; [`follow`] needs the registry itself.
pub(super) async fn list(admin: &dyn Administration, command: AuditList) -> Result<(), CliError> {
    let (json, last) = (command.listing.json, command.last);
    let mut entries = find(admin, query(command)?).await?;
    if last {
        entries.reverse();
    }
    print_documents(json, COLUMNS, &entries)
}

/// The first entries that match a query, however many parts of the log have to be examined.
async fn find(admin: &dyn Administration, mut query: AuditQuery) -> Result<Vec<Value>, CliError> {
    let (limit, mut found) = (query.limit, Vec::new());
    loop {
        let (entries, next) = admin.find_audit(&query).await?;
        found.extend(entries);
        let Some(next) = next.filter(|_| found.len() < limit) else { return Ok(found) };
        query.limit = limit - found.len();
        query.continue_from(next);
    }
}

/// Lists the last entries, and then the new ones until SIGINT or until the reader of stdout closes it.
pub(super) async fn follow(app: &App, command: AuditList) -> Result<(), CliError> {
    let json = command.listing.json;
    let (last, admin) = (query(command)?, LocalAdministration::new(app, &origin(None)));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::failed)?;
    let mut ticks = every(FOLLOW_INTERVAL);
    let mut end = app.audit_end(&last.filter).await.map_err(CliError::failed)?;
    let mut query = AuditQuery { order: AuditOrder::OldestFirst, after: end, limit: PAGE, ..last.clone() };
    let mut entries = find(&admin, AuditQuery { before: Some(end + 1), ..last }).await?;
    entries.reverse();
    loop {
        entries.iter().try_for_each(|entry| print_row(json, &names_of(COLUMNS), row_of(COLUMNS, entry)))?;
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = ticks.tick() => {}
        }
        if is_stdout_closed() {
            return Ok(());
        }
        end = app.audit_end(&query.filter).await.map_err(CliError::failed)?;
        query.before = Some(end + 1);
        entries = if end > query.after { next_entries(&admin, &mut query).await? } else { Vec::new() };
    }
}

/// The next entries up to the end of a query, which continues after what was examined.
async fn next_entries(admin: &dyn Administration, query: &mut AuditQuery) -> Result<Vec<Value>, CliError> {
    let (entries, next) = admin.find_audit(query).await?;
    query.after = next.or(query.before.map(|before| before - 1)).unwrap_or(query.after);
    Ok(entries)
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

fn read(stored: &StoredEntry) -> Result<AuditEntry<'_>, CliError> {
    let unreadable = |error| CliError::failed(format!("entry {} of the audit log: {error}", stored.sequence));
    serde_json::from_str(&stored.entry).map_err(unreadable)
}
