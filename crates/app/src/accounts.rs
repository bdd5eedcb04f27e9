//! The accounts and users that a caller may see: those in scope. They come from the directory in memory.

use crate::{
    App, Failure,
    directory::{Account, Directory, User},
    permit,
};
use carnelian_domain::{AccountId, Caller, Page, Permission, Problem, RawPaging, Role, UserId};
use std::sync::Arc;

/// A caller who may read accounts and users.
pub struct DirectoryReader<'a> {
    app: &'a App,
    caller: &'a Caller,
}

/// A user as a caller may see it: never a key.
#[derive(Clone, Debug)]
pub struct UserDetails {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: Arc<str>,
    /// Its home account.
    pub account: AccountId,
    /// That account's name.
    pub account_name: Arc<str>,
    /// The name of its group.
    pub group_name: Option<Arc<str>>,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub enabled: bool,
}

impl App {
    /// A permit to read accounts and users, if the caller's role allows it.
    pub fn directory_reader<'a>(&'a self, caller: &'a Caller) -> Result<DirectoryReader<'a>, Failure> {
        permit(caller, Permission::ReadDirectory)?;
        Ok(DirectoryReader { app: self, caller })
    }
}

impl DirectoryReader<'_> {
    /// Lists the accounts in scope, in the order of their ids.
    pub async fn list_accounts(&self, paging: RawPaging<'_>) -> Result<Page<Arc<Account>>, Failure> {
        let paging = paging.check()?;
        self.app.refresh_directory().await?;
        let directory = self.app.directory.load();
        Ok(paging.page(directory.accounts().filter(|account| self.sees(account.id)).cloned()))
    }

    /// Reads an account; the id is `None` when the path held none.
    pub async fn get_account(&self, id: Option<AccountId>) -> Result<Arc<Account>, Failure> {
        let id = id.filter(|id| self.sees(*id)).ok_or(Problem::AccountNotFound)?;
        self.found(|directory| directory.account(id).cloned()).await?.ok_or_else(|| Problem::AccountNotFound.into())
    }

    /// Lists the users whose home account is in scope, in the order of their ids.
    pub async fn list_users(&self, paging: RawPaging<'_>) -> Result<Page<UserDetails>, Failure> {
        let paging = paging.check()?;
        self.app.refresh_directory().await?;
        let directory = self.app.directory.load();
        Ok(paging.page(directory.users().filter_map(|user| self.details(&directory, user))))
    }

    /// Reads a user; the id is `None` when the path held none.
    pub async fn get_user(&self, id: Option<UserId>) -> Result<UserDetails, Failure> {
        let id = id.ok_or(Problem::UserNotFound)?;
        let find = |directory: &Directory| self.details(directory, directory.user_of_id(id)?);
        self.found(find).await?.ok_or_else(|| Problem::UserNotFound.into())
    }

    /// Finds something in the directory, also if another process has just made it.
    async fn found<T>(&self, find: impl Fn(&Directory) -> Option<T>) -> Result<Option<T>, Failure> {
        if let Some(found) = find(&self.app.directory.load()) {
            return Ok(Some(found));
        }
        self.app.refresh_directory().await?;
        Ok(find(&self.app.directory.load()))
    }

    fn sees(&self, account: AccountId) -> bool {
        self.caller.scope.includes(account)
    }

    /// A user, if the caller may see it. One whose home account is erased is nobody's.
    fn details(&self, directory: &Directory, user: &User) -> Option<UserDetails> {
        let account = directory.account(user.account).filter(|account| self.sees(account.id))?;
        Some(UserDetails {
            id: user.caller.user,
            name: user.caller.user_name.clone(),
            account: account.id,
            account_name: account.name.clone(),
            group_name: user.group_name.clone(),
            role: user.caller.role,
            enabled: user.enabled,
        })
    }
}
