//! Administration by an operator who calls the API. What is done is done by the functions of [`crate::administration`],
//! as on the command line. What is meant by an id is changed by that id: by then its name may be another one's.
//!
//! * [`log`]: the audit log

mod log;

pub use log::ListedEntry;

use crate::{
    App, Failure,
    accounts::{DirectoryReader, UserDetails},
    administration::{AdminError, KeyEntry},
    api_key::IssuedKey,
    directory::Account,
    erasure::ErasureRecord,
    failure::Internal,
    permit,
    requests::{RawKey, RawName, RawUser, RawUserChanges, reason},
};
use carnelian_domain::{
    AccountId, Caller, ErasureId, GroupId, Origin, Page, Permission, Problem, RawPaging, RawText, UserId,
};
use carnelian_store::{Conflict, GroupRecord, StoreError, Which};
use std::sync::Arc;

/// A caller who may administer.
pub struct Operator<'a> {
    app: &'a App,
    caller: &'a Caller,
    origin: Origin,
}

/// A group with the accounts in it.
#[derive(Clone)]
pub struct GroupDetails {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Its accounts, in the order of their ids.
    pub accounts: Vec<Arc<Account>>,
}

/// A key that was made or taken over.
#[derive(Debug)]
pub struct NewlyIssued {
    /// Its id.
    pub key_id: String,
    /// The key, if it was made here: this is the only time that it can be seen.
    pub key: Option<IssuedKey>,
}

impl App {
    /// A permit to administer, if the caller's role allows it; that it does not is written down.
    pub async fn operator<'a>(
        &'a self,
        caller: &'a Caller,
        origin: Origin,
        operation: &str,
    ) -> Result<Operator<'a>, Failure> {
        if let Err(refused) = permit(caller, Permission::Administer) {
            self.record_refusal(operation, &origin).await?;
            return Err(refused);
        }
        Ok(Operator { app: self, caller, origin })
    }
}

impl Operator<'_> {
    /// Creates an account.
    pub async fn create_account(&self, raw: &RawName<'_>) -> Result<Arc<Account>, Failure> {
        let (name, reason) = raw.check("accountName")?;
        let id = self.app.create_account(&name, &self.because(reason)).await.map_err(refused)?;
        self.account_now(id).await
    }

    /// Lists every account.
    pub async fn list_accounts(&self, paging: RawPaging<'_>) -> Result<Page<Arc<Account>>, Failure> {
        self.reader()?.list_accounts(paging).await
    }

    /// Reads an account; the id is `None` when the path held none.
    pub async fn get_account(&self, id: Option<AccountId>) -> Result<Arc<Account>, Failure> {
        self.reader()?.get_account(id).await
    }

    /// Puts an account into "erasure in progress".
    pub async fn request_erasure(&self, id: Option<AccountId>, why: RawText<'_>) -> Result<Arc<Account>, Failure> {
        let origin = self.because(reason(why)?);
        let account = self.get_account(id).await?;
        self.app.request_erasure(Which::Id(account.id), &origin).await.map_err(refused)?;
        self.account_now(account.id).await
    }

    /// Takes an erasure request back.
    pub async fn cancel_erasure(&self, id: Option<AccountId>, why: RawText<'_>) -> Result<Arc<Account>, Failure> {
        let origin = self.because(reason(why)?);
        let account = self.get_account(id).await?;
        self.app.cancel_erasure(Which::Id(account.id), &origin).await.map_err(refused)?;
        self.account_now(account.id).await
    }

    /// Lists every erasure of an account, in the order in which they were asked for.
    pub async fn list_erasures(&self, paging: RawPaging<'_>) -> Result<Page<ErasureRecord>, Failure> {
        let paging = paging.check()?;
        Ok(paging.page(self.app.list_erasures().await.map_err(refused)?))
    }

    /// Reads an erasure, with its receipt once there is one; the id is `None` when the path held none.
    pub async fn get_erasure(&self, id: Option<ErasureId>) -> Result<ErasureRecord, Failure> {
        let erasures = self.app.list_erasures().await.map_err(refused)?;
        Ok(erasures.into_iter().find(|erasure| Some(erasure.id) == id).ok_or(Problem::ErasureNotFound)?)
    }

    /// Creates a group without accounts.
    pub async fn create_group(&self, raw: &RawName<'_>) -> Result<GroupDetails, Failure> {
        let (name, reason) = raw.check("groupName")?;
        let id = self.app.create_group(&name, &self.because(reason)).await.map_err(refused)?;
        self.get_group(Some(id)).await
    }

    /// Lists every group, in the order of their ids.
    pub async fn list_groups(&self, paging: RawPaging<'_>) -> Result<Page<GroupDetails>, Failure> {
        let paging = paging.check()?;
        let page = paging.page(self.groups().await?);
        let entries = page.entries.into_iter().map(|group| self.group_details(group)).collect();
        Ok(Page { number: page.number, entries, last: page.last })
    }

    /// Reads a group; the id is `None` when the path held none.
    pub async fn get_group(&self, id: Option<GroupId>) -> Result<GroupDetails, Failure> {
        let group = self.groups().await?.into_iter().find(|group| Some(group.id) == id);
        Ok(self.group_details(group.ok_or(Problem::GroupNotFound)?))
    }

    /// Adds an account to a group.
    pub async fn add_to_group(
        &self,
        group: Option<GroupId>,
        account: Option<AccountId>,
        why: RawText<'_>,
    ) -> Result<GroupDetails, Failure> {
        let origin = self.because(reason(why)?);
        let (group, account) = (self.get_group(group).await?, self.get_account(account).await?);
        self.app.add_to_group(Which::Id(group.id), Which::Id(account.id), &origin).await.map_err(refused)?;
        self.get_group(Some(group.id)).await
    }

    /// Takes an account out of a group.
    pub async fn remove_from_group(
        &self,
        group: Option<GroupId>,
        account: Option<AccountId>,
        why: RawText<'_>,
    ) -> Result<GroupDetails, Failure> {
        let origin = self.because(reason(why)?);
        let (group, account) = (self.get_group(group).await?, self.get_account(account).await?);
        self.app.remove_from_group(Which::Id(group.id), Which::Id(account.id), &origin).await.map_err(refused)?;
        self.get_group(Some(group.id)).await
    }

    /// Creates a user.
    pub async fn create_user(&self, raw: &RawUser<'_>) -> Result<UserDetails, Failure> {
        let (new, reason) = raw.check()?;
        let id = self.app.create_user(new, &self.because(reason)).await.map_err(refused)?;
        self.user_now(id).await
    }

    /// Lists every user.
    pub async fn list_users(&self, paging: RawPaging<'_>) -> Result<Page<UserDetails>, Failure> {
        self.reader()?.list_users(paging).await
    }

    /// Reads a user; the id is `None` when the path held none.
    pub async fn get_user(&self, id: Option<UserId>) -> Result<UserDetails, Failure> {
        self.reader()?.get_user(id).await
    }

    /// Changes a user.
    pub async fn edit_user(&self, id: Option<UserId>, raw: &RawUserChanges<'_>) -> Result<UserDetails, Failure> {
        let (changes, reason) = raw.check()?;
        let user = self.get_user(id).await?;
        self.app.edit_user(Which::Id(user.id), changes, &self.because(reason)).await.map_err(refused)?;
        self.user_now(user.id).await
    }

    /// Lists a user's keys, never the keys themselves, in the order in which they were made.
    pub async fn list_keys(&self, user: Option<UserId>, paging: RawPaging<'_>) -> Result<Page<KeyEntry>, Failure> {
        let paging = paging.check()?;
        let user = self.get_user(user).await?;
        Ok(paging.page(self.app.list_keys(&Which::Id(user.id)).await.map_err(refused)?))
    }

    /// Makes a key for a user, or takes one over that was made elsewhere.
    pub async fn issue_key(&self, user: Option<UserId>, raw: &RawKey<'_>) -> Result<NewlyIssued, Failure> {
        let (terms, key, reason) = raw.check()?;
        let (user, origin) = (self.get_user(user).await?, self.because(reason));
        let issued = match key {
            Some(key) => {
                let key_id = self.app.import_key(Which::Id(user.id), &key, terms, &origin).await.map_err(refused)?;
                NewlyIssued { key_id, key: None }
            }
            None => {
                let key = self.app.issue_key(Which::Id(user.id), terms, &origin).await.map_err(refused)?;
                NewlyIssued { key_id: key.key_id.clone(), key: Some(key) }
            }
        };
        self.app.refresh_directory().await?;
        Ok(issued)
    }

    /// Revokes a key: it no longer works when this is answered. The id is `None` when the path held none.
    pub async fn revoke_key(&self, key_id: Option<&str>, why: RawText<'_>) -> Result<KeyEntry, Failure> {
        let origin = self.because(reason(why)?);
        let key_id = key_id.ok_or(Problem::KeyNotFound)?;
        self.app.revoke_key(key_id, &origin).await.map_err(refused)?;
        self.app.refresh_directory().await?;
        let keys = self.app.store.directory().await?.keys;
        let key = keys.into_iter().find(|key| key.key_id == key_id).ok_or(Problem::KeyNotFound)?;
        Ok(self.app.key_entry(key, self.app.clock.now()))
    }

    fn reader(&self) -> Result<DirectoryReader<'_>, Failure> {
        self.app.directory_reader(self.caller)
    }

    fn because(&self, reason: Option<String>) -> Origin {
        Origin { reason: reason.map(Into::into), ..self.origin.clone() }
    }

    /// An account that has just been changed.
    async fn account_now(&self, id: AccountId) -> Result<Arc<Account>, Failure> {
        self.app.refresh_directory().await?;
        self.get_account(Some(id)).await
    }

    /// A user that has just been changed.
    async fn user_now(&self, id: UserId) -> Result<UserDetails, Failure> {
        self.app.refresh_directory().await?;
        self.get_user(Some(id)).await
    }

    async fn groups(&self) -> Result<Vec<GroupRecord>, Failure> {
        self.app.refresh_directory().await?;
        Ok(self.app.store.directory().await?.groups)
    }

    /// A group with those of its accounts that are not erased.
    fn group_details(&self, group: GroupRecord) -> GroupDetails {
        let directory = self.app.directory.load();
        let accounts = group.accounts.iter().filter_map(|id| directory.account(*id).cloned()).collect();
        GroupDetails { id: group.id, name: group.name, accounts }
    }
}

/// What is answered to an operator.
fn refused(error: AdminError) -> Failure {
    match error {
        AdminError::Conflict(Conflict::NameTaken) => Problem::NameTaken.into(),
        AdminError::Conflict(conflict) => StoreError::Conflict(conflict).into(),
        AdminError::Store(error) => error.into(),
        AdminError::BadName { .. } | AdminError::NotImportable | AdminError::NotFixable => {
            Failure::Internal(Internal::new(format!("a rule was not checked: {error}")))
        }
    }
}
