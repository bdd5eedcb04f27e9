//! `carnelian status`.

use super::output::{age_of, print_result, printable, size, span};
use crate::{CliError, administration::Administration, wiring};
use carnelian_domain::Timestamp;
use serde_json::Value;

pub(super) async fn run(admin: &dyn Administration, json: bool) -> Result<(), CliError> {
    let status = admin.status().await?;
    if json {
        return print_result(printable(&serde_json::to_string_pretty(&status).map_err(CliError::failed)?));
    }
    let lines = lines(&status, wiring::system_clock().now());
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    lines.iter().try_for_each(|(label, text)| print_result(printable(&format!("{label:width$}  {text}"))))
}

/// What a status says, with a label for each line.
fn lines(status: &Value, now: Timestamp) -> Vec<(&'static str, String)> {
    let (engine, writes, erasures) = (&status["engine"], &status["writes"], &status["erasures"]);
    let mut lines = vec![("Version", text(&status["version"]))];
    if let Some(uptime) = status["uptimeSeconds"].as_u64() {
        lines.push(("Running for", span(uptime)));
    }
    let log = engine["logBytes"].as_u64().map(|log| format!(", log {}", size(log))).unwrap_or_default();
    lines.extend([
        ("Engine", format!("{} {}, schema {}", text(&engine["name"]), text(&engine["version"]), engine["schema"])),
        ("Database", format!("{}{log}", size(engine["dataBytes"].as_u64().unwrap_or_default()))),
        ("Disk free", status["diskFreeBytes"].as_u64().map_or_else(|| "unknown".to_owned(), size)),
    ]);
    if !status["uptimeSeconds"].is_null() {
        let took = writes["lastCommitSeconds"].as_f64();
        let took = took.map(|took| format!(", the last commit took {:.1} ms", took * 1000.0)).unwrap_or_default();
        lines.push(("Writes", format!("{} of {} waiting{took}", writes["waiting"], writes["limit"])));
    }
    if let Value::Object(connections) = &status["connections"] {
        let [open, limit, per_address] = ["open", "limit", "limitPerAddress"].map(|key| &connections[key]);
        lines.push(("Connections", format!("{open} of {limit} open, at most {per_address} of one address")));
    }
    let [waiting, due, overdue] = ["waiting", "due", "overdue"].map(|key| &erasures[key]);
    lines.push(("Erasures", format!("{waiting} waiting, {due} due, {overdue} overdue")));
    lines.push(("Newest backup", age(&status["backup"]["newestBackupAt"], now)));
    lines.push(("Newest ledger", age(&status["backup"]["newestLedgerAt"], now)));
    for certificate in status["certificates"].as_array().into_iter().flatten() {
        let (subject, expires) = (text(&certificate["subject"]), text(&certificate["expiresAt"]));
        lines.push(("Certificate", format!("{subject}, {} days left, until {expires}", certificate["daysLeft"])));
    }
    lines
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("unknown").to_owned()
}

/// A moment and how long ago it was.
fn age(at: &Value, now: Timestamp) -> String {
    let Some(at) = at.as_str() else { return "none".to_owned() };
    Timestamp::from_iso8601(at).map_or_else(|| at.to_owned(), |moment| age_of(moment, now))
}
