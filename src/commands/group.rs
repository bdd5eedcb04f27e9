//! `carnelian group`.

use super::output::{Cell, Columns, print_documents, print_message, print_result};
use crate::{
    CliError,
    administration::{Administration, text},
    cli::Group,
};

/// The columns of a listing.
const GROUPS: &Columns =
    &[("groupName", Cell::Same), ("groupId", Cell::Same), ("accounts", Cell::Names("accountName"))];

pub(super) async fn run(admin: &dyn Administration, command: Group) -> Result<(), CliError> {
    match command {
        Group::Create { name } => {
            print_result(text(&admin.create_group(&name).await?, "groupId")?)?;
            print_message(format_args!("created group {name:?}"));
            Ok(())
        }
        Group::Add { group, account } => {
            admin.add_to_group(&group, &account).await?;
            print_message(format_args!("added account {account:?} to group {group:?}"));
            Ok(())
        }
        Group::Remove { group, account, confirmation } => {
            admin.get_group(&group).await?;
            admin.get_account(&account).await?;
            if confirmation.allows(format_args!("remove account {account:?} from group {group:?}"), &account)? {
                admin.remove_from_group(&group, &account).await?;
                print_message(format_args!("removed account {account:?} from group {group:?}"));
            }
            Ok(())
        }
        Group::List(options) => print_documents(options.json, GROUPS, &admin.list_groups().await?),
    }
}
