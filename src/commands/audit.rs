//! `carnelian audit`.

use super::output::{print_listing, print_message, print_result, printable};
use crate::{CliError, cli::Audit};
use carnelian_app::{
    App,
    audit::{AuditFilter, AuditVerdict},
};
use carnelian_store::{AuditEntry, PartitionId, StoredEntry};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

/// The number of entries that an export reads at once.
const PAGE: usize = 1000;

pub(super) async fn run(app: &App, command: Audit) -> Result<(), CliError> {
    match command {
        Audit::List { after, account_id: account, action, since, limit, last, listing: options } => {
            let filter = AuditFilter { after, account, action, since };
            let limit = usize::try_from(limit).map_err(CliError::failed)?;
            let entries = if last {
                app.last_audit_entries(&filter, limit).await.map(Vec::from)
            } else {
                app.find_audit_entries(&filter, 0, limit).await
            };
            let entries = entries.map_err(CliError::failed)?;
            let rows = entries.iter().map(row).collect::<Result<_, _>>()?;
            let columns = [
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
            print_listing(options.json, &columns, rows)
        }
        Audit::Verify { expect } => match app.verify_audit(&expect).await.map_err(CliError::failed)? {
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
