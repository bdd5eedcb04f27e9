//! `carnelian directory`.

use super::{
    origin,
    output::{print_listing, print_message},
};
use crate::{CliError, cli::Directory};
use carnelian_app::App;
use carnelian_domain::AccountState;
use carnelian_store::DirectorySnapshot;
use serde_json::{Value, json};

pub(super) async fn run(app: &App, command: Directory) -> Result<(), CliError> {
    match command {
        Directory::Verify => {
            app.verify_directory().await.map_err(CliError::failed)?.map_err(CliError::failed)?;
            print_message("accounts, groups, users and keys are as Carnelian has stored them");
            Ok(())
        }
        Directory::Reseal { yes: false, .. } => {
            show(&app.stored_directory().await.map_err(CliError::failed)?)?;
            print_message("nothing was changed; --yes accepts these users and their keys");
            Ok(())
        }
        Directory::Reseal { yes: true, reason } => {
            let accepted = app.local_admin(&origin(reason)).reseal_directory().await.map_err(CliError::failed)?;
            show(&accepted)?;
            print_message("accounts, groups, users and keys were accepted as they are stored");
            Ok(())
        }
    }
}

/// Prints every user with its rights.
fn show(directory: &DirectorySnapshot) -> Result<(), CliError> {
    let columns =
        ["userId", "username", "roleName", "enabled", "accountName", "accountStatus", "groupAccounts", "keyIds"];
    let users = directory.users.iter().filter(|user| user.name.is_some());
    let row = |user: &carnelian_store::UserRecord| -> Vec<Value> {
        let account = directory.accounts.iter().find(|account| account.id == user.account);
        let group = directory.groups.iter().find(|group| Some(group.id) == user.group);
        let names = directory.accounts.iter().filter(|account| {
            account.state != AccountState::Erased && group.is_some_and(|group| group.accounts.contains(&account.id))
        });
        let keys = directory.keys.iter().filter(|key| key.user == user.id && key.revoked_at.is_none());
        vec![
            json!(user.id.0),
            json!(user.name),
            json!(user.role.name()),
            json!(user.enabled),
            json!(account.map(|account| &account.name)),
            json!(account.map(|account| account.state.name())),
            json!(names.map(|account| &*account.name).collect::<Vec<_>>()),
            json!(keys.map(|key| &*key.key_id).collect::<Vec<_>>()),
        ]
    };
    print_listing(false, &columns, users.map(row).collect())
}
