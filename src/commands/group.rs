//! `carnelian group`.

use super::output::{data, listing, words};
use crate::{Refusal, cli::Group};
use carnelian_app::App;
use carnelian_domain::Origin;
use serde_json::json;

pub(super) async fn run(app: &App, command: Group, origin: &Origin) -> Result<(), Refusal> {
    match command {
        Group::Create { name } => {
            let id = app.create_group(&name, origin).await.map_err(Refusal::refused)?;
            data(id)?;
            words(format_args!("created group {name:?}"));
            Ok(())
        }
        Group::Add { group, account } => {
            app.add_to_group(group.as_str().into(), account.as_str().into(), origin).await.map_err(Refusal::refused)?;
            words(format_args!("account {account:?} is now in group {group:?}"));
            Ok(())
        }
        Group::Remove { group, account } => {
            app.remove_from_group(group.as_str().into(), account.as_str().into(), origin)
                .await
                .map_err(Refusal::refused)?;
            words(format_args!("account {account:?} is no longer in group {group:?}"));
            Ok(())
        }
        Group::List(options) => {
            let groups = app.list_groups().await.map_err(Refusal::refused)?;
            let rows =
                groups.iter().map(|group| vec![json!(group.name), json!(group.id.to_string()), json!(group.accounts)]);
            listing(options.json, &["groupName", "groupId", "accounts"], rows.collect())
        }
    }
}
