//! `carnelian user`.

use super::output::{print_listing, print_message, print_result};
use crate::{CliError, cli::User};
use carnelian_app::App;
use carnelian_domain::Origin;
use carnelian_store::{NewUser, UserChanges};
use serde_json::json;

pub(super) async fn run(app: &App, command: User, origin: &Origin) -> Result<(), CliError> {
    match command {
        User::Create { username, account, group, role } => {
            let new = NewUser { name: username.clone(), account, group, role };
            let id = app.create_user(new, origin).await.map_err(CliError::failed)?;
            print_message(format_args!("created user {username:?}; create a key for it with `carnelian key issue`"));
            print_result(id)
        }
        User::List(options) => {
            let users = app.list_users().await.map_err(CliError::failed)?;
            let rows = users.iter().map(|user| {
                let status = if user.enabled { "ENABLED" } else { "DISABLED" };
                let (name, id, role) = (json!(user.name), json!(user.id.to_string()), json!(user.role.name()));
                vec![name, id, json!(user.account), json!(user.group), role, json!(status)]
            });
            let columns = ["userName", "userId", "accountName", "groupName", "role", "status"];
            print_listing(options.json, &columns, rows.collect())
        }
        User::Edit { username, role, group, no_group } => {
            let group = if no_group { Some(None) } else { group.map(Some) };
            let changes = UserChanges { role, group, enabled: None };
            app.edit_user(username.as_str().into(), changes, origin).await.map_err(CliError::failed)?;
            print_message(format_args!("updated user {username:?}"));
            Ok(())
        }
        User::Disable { username } => set_enabled(app, &username, false, origin).await,
        User::Enable { username } => set_enabled(app, &username, true, origin).await,
    }
}

async fn set_enabled(app: &App, username: &str, enabled: bool, origin: &Origin) -> Result<(), CliError> {
    let changes = UserChanges { enabled: Some(enabled), ..UserChanges::default() };
    app.edit_user(username.into(), changes, origin).await.map_err(CliError::failed)?;
    print_message(format_args!("{} user {username:?}", if enabled { "enabled" } else { "disabled" }));
    Ok(())
}
