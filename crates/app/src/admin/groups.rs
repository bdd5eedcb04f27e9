//! Groups of accounts.

use super::{Admin, AdminError, check_named};
use crate::directory::{Account, LoadedDirectory};
use carnelian_domain::{AccountId, GroupId, Page, Paging, directory::check_name};
use carnelian_store::{GroupRecord, IdOrName};
use std::sync::Arc;

/// A group and its accounts.
#[derive(Clone)]
pub struct GroupDetails {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Its accounts that are not erased, in the order of their ids.
    pub accounts: Vec<Arc<Account>>,
}

impl GroupDetails {
    fn new(group: &GroupRecord, directory: &LoadedDirectory) -> GroupDetails {
        let accounts = group.accounts.iter().filter_map(|id| directory.account(*id).cloned()).collect();
        GroupDetails { id: group.id, name: group.name.clone(), accounts }
    }
}

/// Checks the name of a new group.
pub fn check_new_group(name: &str) -> Result<(), AdminError> {
    check_named("a group", name, check_name)
}

impl Admin<'_> {
    /// Creates a group without accounts.
    pub async fn create_group(&self, name: &str) -> Result<GroupDetails, AdminError> {
        check_new_group(name)?;
        let created = self.change(|store, origin| store.create_group(name.to_owned(), origin)).await?;
        self.changed_group(created.id).await
    }

    /// Lists the groups, in the order of their ids: all of them, or the one with a name.
    pub async fn list_groups(&self, paging: Paging, name: Option<&str>) -> Result<Page<GroupDetails>, AdminError> {
        self.app.refresh_directory().await?;
        let directory = self.app.directory.load();
        let only = name.map(IdOrName::<GroupId>::from);
        let groups = directory.groups().iter();
        let groups = groups.filter(|group| only.as_ref().is_none_or(|only| only.is(group.id, &group.name)));
        Ok(paging.page(groups.map(|group| GroupDetails::new(group, &directory))))
    }

    /// Reads a group.
    pub async fn get_group(&self, group: &IdOrName<GroupId>) -> Result<GroupDetails, AdminError> {
        self.app.refresh_directory().await?;
        let group = self.group(group).await?;
        Ok(GroupDetails::new(&group, &self.app.directory.load()))
    }

    /// Adds an account to a group.
    pub async fn add_to_group(
        &self,
        group: &IdOrName<GroupId>,
        account: &IdOrName<AccountId>,
    ) -> Result<GroupDetails, AdminError> {
        let (group, account) = (self.group(group).await?.id, self.account(account).await?.id);
        self.change(|store, origin| store.add_to_group(IdOrName::Id(group), IdOrName::Id(account), origin)).await?;
        self.changed_group(group).await
    }

    /// Removes an account from a group.
    pub async fn remove_from_group(
        &self,
        group: &IdOrName<GroupId>,
        account: &IdOrName<AccountId>,
    ) -> Result<GroupDetails, AdminError> {
        let (group, account) = (self.group(group).await?.id, self.account(account).await?.id);
        self.change(|store, origin| store.remove_from_group(IdOrName::Id(group), IdOrName::Id(account), origin))
            .await?;
        self.changed_group(group).await
    }

    async fn changed_group(&self, id: GroupId) -> Result<GroupDetails, AdminError> {
        self.get_group(&IdOrName::Id(id)).await
    }
}
