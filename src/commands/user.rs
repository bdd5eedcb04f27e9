//! `carnelian user`.

use super::output::{data, listing, words};
use crate::{Refusal, cli::User};
use carnelian_app::App;
use carnelian_domain::Origin;
use carnelian_store::{NewUser, UserChanges};
use serde_json::json;

pub(super) async fn run(app: &App, command: User, origin: &Origin) -> Result<(), Refusal> {
    match command {
        User::Create { username, account, group, role } => {
            let new = NewUser { name: username.clone(), account, group, role };
            let id = app.create_user(new, origin).await.map_err(Refusal::refused)?;
            words(format_args!("created user {username:?}; `carnelian key issue` makes a key for it"));
            data(id)
        }
        User::List(options) => {
            let users = app.list_users().await.map_err(Refusal::refused)?;
            let rows = users.iter().map(|user| {
                let status = if user.enabled { "ENABLED" } else { "DISABLED" };
                let (name, id, role) = (json!(user.name), json!(user.id.to_string()), json!(user.role.name()));
                vec![name, id, json!(user.account), json!(user.group), role, json!(status)]
            });
            let columns = ["userName", "userId", "accountName", "groupName", "role", "status"];
            listing(options.json, &columns, rows.collect())
        }
        User::Edit { username, role, group, no_group } => {
            let group = if no_group { Some(None) } else { group.map(Some) };
            let changes = UserChanges { role, group, enabled: None };
            app.edit_user(username.as_str().into(), changes, origin).await.map_err(Refusal::refused)?;
            words(format_args!("changed user {username:?}"));
            Ok(())
        }
        User::Disable { username } => set_enabled(app, &username, false, origin).await,
        User::Enable { username } => set_enabled(app, &username, true, origin).await,
    }
}

async fn set_enabled(app: &App, username: &str, enabled: bool, origin: &Origin) -> Result<(), Refusal> {
    let changes = UserChanges { enabled: Some(enabled), ..UserChanges::default() };
    app.edit_user(username.into(), changes, origin).await.map_err(Refusal::refused)?;
    words(format_args!("user {username:?} {} sign in", if enabled { "can" } else { "can no longer" }));
    Ok(())
}
