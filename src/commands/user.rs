//! `carnelian user`.

use super::output::{print_listing, print_message, print_result};
use crate::{CliError, cli::User};
use carnelian_app::{App, admin::Admin};
use carnelian_domain::{Origin, Paging, directory::user_status};
use carnelian_store::{NewUser, UserChanges};
use serde_json::json;

pub(super) async fn run(app: &App, command: User, origin: &Origin) -> Result<(), CliError> {
    let admin = app.local_admin(origin);
    match command {
        User::Create { username, account, group, role } => {
            let new = NewUser { name: username.clone(), account, group, role };
            let user = admin.create_user(new).await.map_err(CliError::failed)?;
            print_message(format_args!("created user {username:?}; create a key for it with `carnelian key issue`"));
            print_result(user.id)
        }
        User::List(options) => {
            let users = admin.list_users(Paging::ALL, None).await.map_err(CliError::failed)?.entries;
            let rows = users.iter().map(|user| {
                let status = user_status(user.enabled);
                let (name, id, role) = (json!(*user.name), json!(user.id.to_string()), json!(user.role.name()));
                vec![name, id, json!(*user.account_name), json!(user.group_name.as_deref()), role, json!(status)]
            });
            let columns = ["username", "userId", "accountName", "accountGroup", "roleName", "status"];
            print_listing(options.json, &columns, rows.collect())
        }
        User::Edit { username, role, group, no_group } => {
            let group = if no_group { Some(None) } else { group.map(Some) };
            let changes = UserChanges { role, group, enabled: None };
            admin.edit_user(&username.as_str().into(), changes).await.map_err(CliError::failed)?;
            print_message(format_args!("updated user {username:?}"));
            Ok(())
        }
        User::Disable { username } => set_enabled(&admin, &username, false).await,
        User::Enable { username } => set_enabled(&admin, &username, true).await,
    }
}

async fn set_enabled(admin: &Admin<'_>, username: &str, enabled: bool) -> Result<(), CliError> {
    let changes = UserChanges { enabled: Some(enabled), ..UserChanges::default() };
    admin.edit_user(&username.into(), changes).await.map_err(CliError::failed)?;
    print_message(format_args!("{} user {username:?}", if enabled { "enabled" } else { "disabled" }));
    Ok(())
}
