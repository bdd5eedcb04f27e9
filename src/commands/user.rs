//! `carnelian user`.

use super::output::{Cell, Columns, print_documents, print_message, print_result};
use crate::{
    CliError,
    administration::{Administration, text},
    cli::User,
};
use carnelian_domain::Role;
use carnelian_store::{NewUser, UserChanges};
use serde_json::Value;

/// The columns of a listing.
const USERS: &Columns = &[
    ("username", Cell::Same),
    ("userId", Cell::Same),
    ("accountName", Cell::Same),
    ("accountGroup", Cell::Same),
    ("roleName", Cell::Same),
    ("status", Cell::Same),
];

pub(super) async fn run(admin: &dyn Administration, command: User) -> Result<(), CliError> {
    match command {
        User::Create { username, account, group, role } => {
            let user = admin.create_user(NewUser { name: username.clone(), account, group, role }).await?;
            print_message(format_args!("created user {username:?}; create a key for it with `carnelian key issue`"));
            print_result(text(&user, "userId")?)
        }
        User::List(options) => print_documents(options.json, USERS, &admin.list_users().await?),
        User::Edit { username, role, group, no_group, confirmation } => {
            let group = if no_group { Some(None) } else { group.map(Some) };
            let changes = UserChanges { role, group, enabled: None };
            let before = admin.get_user(&username).await?;
            let takes_away = takes_away(&before, &changes);
            if (takes_away || confirmation.dry_run)
                && !confirmation.allows(format_args!("change the rights of user {username:?}"), &username)?
            {
                return Ok(());
            }
            admin.edit_user(&username, changes).await?;
            print_message(format_args!("updated user {username:?}"));
            Ok(())
        }
        User::Disable { username, confirmation } => {
            admin.get_user(&username).await?;
            if confirmation.allows(format_args!("disable user {username:?}"), &username)? {
                set_enabled(admin, &username, false).await?;
            }
            Ok(())
        }
        User::Enable { username } => set_enabled(admin, &username, true).await,
    }
}

/// Whether changes take rights away that a user has.
fn takes_away(user: &Value, changes: &UserChanges) -> bool {
    let role = user["roleName"].as_str().and_then(|role| role.parse::<Role>().ok());
    let loses_role = role.zip(changes.role).is_some_and(|(before, after)| before.allows_more_than(after));
    let group = user["accountGroup"].as_str();
    let loses_group = changes.group.as_ref().is_some_and(|after| group.is_some() && after.as_deref() != group);
    loses_role || loses_group
}

async fn set_enabled(admin: &dyn Administration, username: &str, enabled: bool) -> Result<(), CliError> {
    let changes = UserChanges { enabled: Some(enabled), ..UserChanges::default() };
    admin.edit_user(username, changes).await?;
    print_message(format_args!("{} user {username:?}", if enabled { "enabled" } else { "disabled" }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lower_role_and_another_group_take_rights_away() {
        let user = json!({ "roleName": "ACCOUNTADMIN", "accountGroup": "West" });
        let alone = json!({ "roleName": "ACCOUNTADMIN", "accountGroup": null });
        let role = |role| UserChanges { role: Some(role), ..UserChanges::default() };
        let group = |group: Option<&str>| UserChanges { group: Some(group.map(Into::into)), ..UserChanges::default() };
        assert!(takes_away(&user, &role(Role::AccountReadOnly)));
        assert!(takes_away(&user, &group(None)) && takes_away(&user, &group(Some("East"))));
        assert!(!takes_away(&user, &role(Role::Operator)) && !takes_away(&user, &role(Role::AccountAdmin)));
        assert!(!takes_away(&user, &group(Some("West"))) && !takes_away(&alone, &group(Some("West"))));
    }
}
