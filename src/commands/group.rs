//! `carnelian group`.

use super::output::{print_listing, print_message, print_result};
use crate::{CliError, cli::Group};
use carnelian_app::App;
use carnelian_domain::{Origin, Paging};
use serde_json::json;

pub(super) async fn run(app: &App, command: Group, origin: &Origin) -> Result<(), CliError> {
    let admin = app.local_admin(origin);
    match command {
        Group::Create { name } => {
            let group = admin.create_group(&name).await.map_err(CliError::failed)?;
            print_result(group.id)?;
            print_message(format_args!("created group {name:?}"));
            Ok(())
        }
        Group::Add { group, account } => {
            let added = admin.add_to_group(&group.as_str().into(), &account.as_str().into()).await;
            added.map_err(CliError::failed)?;
            print_message(format_args!("added account {account:?} to group {group:?}"));
            Ok(())
        }
        Group::Remove { group, account } => {
            let removed = admin.remove_from_group(&group.as_str().into(), &account.as_str().into()).await;
            removed.map_err(CliError::failed)?;
            print_message(format_args!("removed account {account:?} from group {group:?}"));
            Ok(())
        }
        Group::List(options) => {
            let groups = admin.list_groups(Paging::ALL, None).await.map_err(CliError::failed)?.entries;
            let rows = groups.iter().map(|group| {
                let accounts: Vec<_> = group.accounts.iter().map(|account| &*account.name).collect();
                vec![json!(group.name), json!(group.id.to_string()), json!(accounts)]
            });
            print_listing(options.json, &["groupName", "groupId", "accounts"], rows.collect())
        }
    }
}
