//! `carnelian account`.

use super::{
    input::read_text,
    output::{print_listing, print_message, print_result},
};
use crate::{CliError, cli::Account, seconds::Seconds};
use carnelian_app::App;
use carnelian_domain::{ErasureId, Origin, Paging, Timestamp};
use carnelian_store::ErasureRecord;
use serde_json::{Value, json};

pub(super) async fn run(app: &App, command: Account, origin: &Origin) -> Result<(), CliError> {
    let admin = app.local_admin(origin);
    match command {
        Account::Create { name } => {
            let account = admin.create_account(&name).await.map_err(CliError::failed)?;
            print_result(account.id)?;
            print_message(format_args!("created account {name:?}"));
            Ok(())
        }
        Account::List(options) => {
            let accounts = admin.list_accounts(Paging::ALL, None).await.map_err(CliError::failed)?.entries;
            let rows = accounts
                .iter()
                .map(|account| vec![json!(*account.name), json!(account.id.to_string()), json!(account.state.name())]);
            print_listing(options.json, &["accountName", "accountId", "status"], rows.collect())
        }
        Account::RequestErasure { name } => {
            let (_, erasure) = admin.request_erasure(&name.as_str().into()).await.map_err(CliError::failed)?;
            print_message(format_args!(
                "requested the erasure of account {name:?}; nothing can be created or edited in it"
            ));
            print_result(erasure)
        }
        Account::ErasureGrace { grace: None } => {
            print_result(Seconds(app.erasure_grace().await.map_err(CliError::failed)?))
        }
        Account::ErasureGrace { grace: Some(grace) } => {
            admin.set_erasure_grace(grace.0).await.map_err(CliError::failed)?;
            print_message(format_args!("erasures that are requested from now on begin {grace} later"));
            Ok(())
        }
        Account::CancelErasure { name } => {
            admin.cancel_erasure(&name.as_str().into()).await.map_err(CliError::failed)?;
            print_message(format_args!("cancelled the erasure of account {name:?}"));
            Ok(())
        }
        Account::Erasures(options) => {
            let erasures = admin.list_erasures(Paging::ALL).await.map_err(CliError::failed)?.entries;
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
            print_listing(options.json, &columns, erasures.iter().map(erasure_row).collect())
        }
        Account::Receipt { erasure } => {
            let receipt = admin.get_erasure(ErasureId(erasure)).await.map_err(CliError::failed)?.receipt;
            print_result(receipt.ok_or_else(|| CliError::failed(format!("erasure {erasure} has no receipt yet")))?)
        }
        Account::CheckReceipt { file } => {
            let text = read_text(&file).map_err(|error| CliError::failed(format!("{}: {error}", file.display())))?;
            if !app.is_receipt(text.strip_suffix("\n").unwrap_or(&text)) {
                return Err(CliError::failed(format!(
                    "{}: not a receipt of this registry, or altered",
                    file.display()
                )));
            }
            print_message("the receipt was signed by this registry and is unaltered");
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
