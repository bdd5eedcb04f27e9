//! `carnelian group`.

use super::output::{print_listing, print_message, print_result};
use crate::{CliError, cli::Group};
use carnelian_app::App;
use carnelian_domain::Origin;
use serde_json::json;

pub(super) async fn run(app: &App, command: Group, origin: &Origin) -> Result<(), CliError> {
    match command {
        Group::Create { name } => {
            let id = app.create_group(&name, origin).await.map_err(CliError::failed)?;
            print_result(id)?;
            print_message(format_args!("created group {name:?}"));
            Ok(())
        }
        Group::Add { group, account } => {
            app.add_to_group(group.as_str().into(), account.as_str().into(), origin).await.map_err(CliError::failed)?;
            print_message(format_args!("added account {account:?} to group {group:?}"));
            Ok(())
        }
        Group::Remove { group, account } => {
            app.remove_from_group(group.as_str().into(), account.as_str().into(), origin)
                .await
                .map_err(CliError::failed)?;
            print_message(format_args!("removed account {account:?} from group {group:?}"));
            Ok(())
        }
        Group::List(options) => {
            let groups = app.list_groups().await.map_err(CliError::failed)?;
            let rows =
                groups.iter().map(|group| vec![json!(group.name), json!(group.id.to_string()), json!(group.accounts)]);
            print_listing(options.json, &["groupName", "groupId", "accounts"], rows.collect())
        }
    }
}
