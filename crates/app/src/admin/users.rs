//! Users.

use super::{Admin, AdminError, check_named};
use crate::directory::UserDetails;
use carnelian_domain::{Page, Paging, UserId, directory::check_user_name};
use carnelian_store::{Conflict, IdOrName, NewUser, UserChanges};

impl Admin<'_> {
    /// Creates a user.
    pub async fn create_user(&self, new: NewUser) -> Result<UserDetails, AdminError> {
        check_named("a user", &new.name, check_user_name)?;
        let created = self.change(|store, origin| store.create_user(new.clone(), origin)).await?;
        self.changed_user(created.id).await
    }

    /// Lists the users whose home account is not erased, in the order of their ids: all of them, or the one with a name.
    pub async fn list_users(&self, paging: Paging, name: Option<&str>) -> Result<Page<UserDetails>, AdminError> {
        Ok(self.reader().list_users(paging, name).await?)
    }

    /// Reads a user.
    pub async fn get_user(&self, user: &IdOrName<UserId>) -> Result<UserDetails, AdminError> {
        let id = self.user(user).await?;
        let user = self.reader().find_user(id).await?;
        user.ok_or(AdminError::Conflict(Conflict::NoSuchUser))
    }

    /// Changes a user. The last operator with access must remain.
    pub async fn edit_user(&self, user: &IdOrName<UserId>, changes: UserChanges) -> Result<UserDetails, AdminError> {
        let id = self.get_user(user).await?.id;
        self.change(|store, origin| store.edit_user(IdOrName::Id(id), changes.clone(), origin)).await?;
        self.changed_user(id).await
    }

    async fn changed_user(&self, id: UserId) -> Result<UserDetails, AdminError> {
        self.app.refresh_directory().await?;
        self.get_user(&IdOrName::Id(id)).await
    }
}
