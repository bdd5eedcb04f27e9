//! `carnelian account`.

use super::output::{data, listing, words};
use crate::{Refusal, cli::Account};
use carnelian_app::App;
use carnelian_domain::Origin;
use serde_json::json;

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
            app.request_erasure(&name, origin).await.map_err(Refusal::refused)?;
            words(format_args!("erasure of account {name:?} is in progress: nothing can be created or edited in it"));
            Ok(())
        }
        Account::CancelErasure { name } => {
            app.cancel_erasure(&name, origin).await.map_err(Refusal::refused)?;
            words(format_args!("account {name:?} is active again"));
            Ok(())
        }
    }
}
