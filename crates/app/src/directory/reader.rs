//! The accounts and users within a scope, read from the directory in memory.

use super::{Account, LoadedDirectory, User};
use crate::{App, Failure, permit};
use carnelian_domain::{AccountId, Caller, Page, Paging, Permission, Problem, Role, Scope, Timestamp, UserId};
use std::sync::Arc;

/// Reads the accounts and users within a scope.
pub struct DirectoryReader<'a> {
    app: &'a App,
    scope: &'a Scope,
}

/// A user, without keys.
#[derive(Clone, Debug)]
pub struct UserDetails {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: Arc<str>,
    /// Its home account.
    pub account: AccountId,
    /// The name of its home account.
    pub account_name: Arc<str>,
    /// The name of its group.
    pub group_name: Option<Arc<str>>,
    /// Its role.
    pub role: Role,
    /// Whether it can sign in.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last signed in. Other servers note it once a minute.
    pub last_sign_in: Option<Timestamp>,
}

impl App {
    /// The permission of a caller to read accounts and users.
    pub fn directory_reader<'a>(&'a self, caller: &'a Caller) -> Result<DirectoryReader<'a>, Failure> {
        permit(caller, Permission::ReadDirectory)?;
        Ok(DirectoryReader::new(self, &caller.scope))
    }
}

impl<'a> DirectoryReader<'a> {
    pub(crate) fn new(app: &'a App, scope: &'a Scope) -> DirectoryReader<'a> {
        DirectoryReader { app, scope }
    }

    /// Lists the accounts in scope, in the order of their ids: all of them, or the one with a name.
    pub async fn list_accounts(&self, paging: Paging, name: Option<&str>) -> Result<Page<Arc<Account>>, Failure> {
        self.app.refresh_directory().await?;
        let directory = self.app.directory.load();
        Ok(match name {
            Some(name) => paging.page(directory.account_named(name, self.scope).cloned()),
            None => paging.page(directory.accounts().filter(|account| self.scope.includes(account.id)).cloned()),
        })
    }

    /// Reads an account.
    pub async fn get_account(&self, id: AccountId) -> Result<Arc<Account>, Failure> {
        let id = Some(id).filter(|id| self.scope.includes(*id)).ok_or(Problem::AccountNotFound)?;
        let account = self.find(|directory| directory.account(id).cloned()).await?;
        account.ok_or_else(|| Problem::AccountNotFound.into())
    }

    /// Lists the users whose home account is in scope, in the order of their ids: all of them, or the one with a name.
    pub async fn list_users(&self, paging: Paging, name: Option<&str>) -> Result<Page<UserDetails>, Failure> {
        self.app.refresh_directory().await?;
        let directory = self.app.directory.load();
        let details = |user| self.details(&directory, user);
        let mut page = match name {
            Some(name) => paging.page(directory.user(name).and_then(details)),
            None => paging.page(directory.users().filter_map(details)),
        };
        self.add_stored_sign_ins(&mut page.entries).await?;
        Ok(page)
    }

    /// Reads a user.
    pub async fn get_user(&self, id: UserId) -> Result<UserDetails, Failure> {
        self.find_user(id).await?.ok_or_else(|| Problem::UserNotFound.into())
    }

    pub(crate) async fn find_user(&self, id: UserId) -> Result<Option<UserDetails>, Failure> {
        let mut user = self.find(|directory| self.details(directory, directory.user_of_id(id)?)).await?;
        self.add_stored_sign_ins(user.as_mut_slice()).await?;
        Ok(user)
    }

    /// Finds an entry in the directory, which is refreshed if the entry is missing: another process may have created it.
    pub(crate) async fn find<T>(&self, find: impl Fn(&LoadedDirectory) -> Option<T>) -> Result<Option<T>, Failure> {
        if let Some(found) = find(&self.app.directory.load()) {
            return Ok(Some(found));
        }
        self.app.refresh_directory().await?;
        Ok(find(&self.app.directory.load()))
    }

    /// Adds the sign-ins of which this process does not know: those at other servers, and those before it was started.
    async fn add_stored_sign_ins(&self, users: &mut [UserDetails]) -> Result<(), Failure> {
        if users.is_empty() {
            return Ok(());
        }
        let stored = self.app.store.last_sign_ins(users.iter().map(|user| user.id).collect()).await?;
        for user in users {
            user.last_sign_in = user.last_sign_in.max(stored.get(&user.id).copied());
        }
        Ok(())
    }

    /// A user, if its home account is in scope and not erased, with the last sign-in of which this process knows.
    fn details(&self, directory: &LoadedDirectory, user: &User) -> Option<UserDetails> {
        let account = directory.account(user.account).filter(|account| self.scope.includes(account.id))?;
        Some(UserDetails {
            id: user.caller.user,
            name: user.caller.user_name.clone(),
            account: account.id,
            account_name: account.name.clone(),
            group_name: user.group_name.clone(),
            role: user.caller.role,
            enabled: user.enabled,
            created_at: user.created_at,
            last_sign_in: user.keys.iter().filter_map(|key| key.last_use.noted()).max(),
        })
    }
}
