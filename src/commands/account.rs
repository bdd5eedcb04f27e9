//! `carnelian account`.

use super::output::{data, listing, words};
use crate::{Refusal, cli::Account};
use carnelian_app::App;
use carnelian_domain::{Origin, Timestamp};
use carnelian_store::ErasureRecord;
use serde_json::{Value, json};
use std::fs;

pub(super) async fn run(app: &App, command: Account, origin: &Origin) -> Result<(), Refusal> {
    match command {
        Account::Create { name } => {
            let id = app.create_account(&name, origin).await.map_err(Refusal::refused)?;
            data(id)?;
            words(format_args!("created account {name:?}"));
            Ok(())
        }
        Account::List(options) => {
            let accounts = app.list_accounts().await.map_err(Refusal::refused)?;
            let rows = accounts
                .iter()
                .map(|account| vec![json!(account.name), json!(account.id.to_string()), json!(account.state.name())]);
            listing(options.json, &["accountName", "accountId", "status"], rows.collect())
        }
        Account::RequestErasure { name } => {
            let erasure = app.request_erasure(name.as_str().into(), origin).await.map_err(Refusal::refused)?;
            words(format_args!("erasure of account {name:?} is in progress: nothing can be created or edited in it"));
            data(erasure)
        }
        Account::CancelErasure { name } => {
            app.cancel_erasure(name.as_str().into(), origin).await.map_err(Refusal::refused)?;
            words(format_args!("account {name:?} is active again"));
            Ok(())
        }
        Account::Erasures(options) => {
            let erasures = app.list_erasures().await.map_err(Refusal::refused)?;
            let columns = [
                "erasureId",
                "accountId",
                "status",
                "requestedAt",
                "requestedBy",
                "reason",
                "dueAt",
                "erasedAt",
                "customers",
            ];
            listing(options.json, &columns, erasures.iter().map(erasure_row).collect())
        }
        Account::Receipt { erasure } => {
            let erasures = app.list_erasures().await.map_err(Refusal::refused)?;
            let found = erasures.into_iter().find(|found| found.id.0 == erasure);
            let receipt = found.ok_or_else(|| Refusal::refused("there is no such erasure"))?.receipt;
            data(receipt.ok_or_else(|| Refusal::refused("this erasure has no receipt yet"))?)
        }
        Account::CheckReceipt { file } => {
            let text = fs::read_to_string(&file);
            let text = text.map_err(|error| Refusal::refused(format!("{}: {error}", file.display())))?;
            if !app.is_receipt(text.trim()) {
                return Err(Refusal::refused(format!("{}: this is no receipt of this registry", file.display())));
            }
            words("the receipt is one of this registry, as it was written");
            Ok(())
        }
    }
}

fn erasure_row(erasure: &ErasureRecord) -> Vec<Value> {
    vec![
        json!(erasure.id.0),
        json!(erasure.account.0),
        json!(erasure.state.name()),
        json!(erasure.requested_at.to_iso8601()),
        json!(erasure.requested_by),
        json!(erasure.reason),
        json!(erasure.due_at.to_iso8601()),
        json!(erasure.erased_at.map(Timestamp::to_iso8601)),
        json!(erasure.customers),
    ]
}
