//! `carnelian audit`.

use super::output::{data, listing, words};
use crate::{Refusal, cli::Audit};
use carnelian_app::{
    App,
    audit::{AuditFilter, AuditVerdict},
};
use carnelian_store::{AuditEntry, StoredEntry};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

/// How many entries an export reads at once.
const PART: usize = 1000;

pub(super) async fn run(app: &App, command: Audit) -> Result<(), Refusal> {
    match command {
        Audit::List { after, account_id: account, action, since, limit, last, listing: options } => {
            let filter = AuditFilter { after, account, action, since };
            let entries = if last {
                app.last_audit_entries(&filter, limit).await.map(Vec::from)
            } else {
                app.find_audit_entries(&filter, 0, limit).await
            };
            let entries = entries.map_err(Refusal::refused)?;
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
            ];
            listing(options.json, &columns, rows)
        }
        Audit::Verify => match app.verify_audit().await.map_err(Refusal::refused)? {
            AuditVerdict::Whole(head) => {
                words(format_args!("all {} entries are there as they were written", head.sequence));
                data(format_args!("{} {}", head.sequence, HEXLOWER.encode(&head.link)))
            }
            AuditVerdict::Broken { sequence, why } => {
                Err(Refusal::refused(format!("the audit log is not what was written: entry {sequence}: {why}")))
            }
        },
        Audit::Export => export(app).await,
    }
}

async fn export(app: &App) -> Result<(), Refusal> {
    let mut after = 0;
    loop {
        let entries = app.audit_entries(after, PART).await.map_err(Refusal::refused)?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.sequence;
        for stored in &entries {
            let entry = read(stored)?;
            let place = json!({ "sequence": stored.sequence, "at": stored.at.to_iso8601() });
            let link = json!({ "link": HEXLOWER.encode(&stored.link) });
            let parts = [place, json!(entry), link].into_iter().filter_map(|part| match part {
                Value::Object(part) => Some(part),
                _ => None,
            });
            data(Value::Object(parts.flatten().collect()))?;
        }
    }
}

fn row(stored: &StoredEntry) -> Result<Vec<Value>, Refusal> {
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
    ])
}

fn read(stored: &StoredEntry) -> Result<AuditEntry<'_>, Refusal> {
    let unreadable = |error| Refusal::refused(format!("entry {} of the audit log: {error}", stored.sequence));
    serde_json::from_str(&stored.entry).map_err(unreadable)
}
