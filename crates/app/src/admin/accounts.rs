//! Accounts: create, list, read, and request or cancel their erasure.

use super::{Admin, AdminError, check_named};
use crate::{directory::Account, settings::grace_record};
use carnelian_domain::{AccountId, ErasureId, Page, Paging, directory::check_name};
use carnelian_store::{Conflict, IdOrName, WrapKey};
use std::sync::Arc;

/// Checks the name of a new account.
pub fn check_new_account(name: &str) -> Result<(), AdminError> {
    check_named("an account", name, check_name)
}

impl Admin<'_> {
    /// Creates an account with a data key of its own.
    pub async fn create_account(&self, name: &str) -> Result<Arc<Account>, AdminError> {
        check_new_account(name)?;
        let vault = self.app.keys.vault.clone();
        let wrap_key: WrapKey = Arc::new(move |id| vault.new_data_key(id));
        let create = self.change(|store, origin| store.create_account(name.to_owned(), wrap_key.clone(), origin));
        let created = create.await?;
        self.changed_account(created.id).await
    }

    /// Lists the accounts that are not erased, in the order of their ids: all of them, or the one with a name.
    pub async fn list_accounts(&self, paging: Paging, name: Option<&str>) -> Result<Page<Arc<Account>>, AdminError> {
        Ok(self.reader().list_accounts(paging, name).await?)
    }

    /// Reads an account.
    pub async fn get_account(&self, account: &IdOrName<AccountId>) -> Result<Arc<Account>, AdminError> {
        self.account(account).await
    }

    /// Requests the erasure of an account. It is carried out after the grace period; until then it can be cancelled.
    pub async fn request_erasure(
        &self,
        account: &IdOrName<AccountId>,
    ) -> Result<(Arc<Account>, ErasureId), AdminError> {
        let account = self.account(account).await?;
        let id = account.id;
        let grace = self.app.erasure_grace().await?;
        let request = self.change(|store, origin| store.request_erasure(IdOrName::Id(id), grace, origin));
        let erasure = request.await?;
        // Without a grace period the account may be erased before the directory is read again.
        let account = match self.changed_account(id).await {
            Err(AdminError::Conflict(Conflict::NoSuchAccount)) => Arc::new(account.being_erased()),
            changed => changed?,
        };
        Ok((account, erasure.id))
    }

    /// Sets the time between the request of an erasure and its start, in seconds, for every request from now on.
    pub async fn set_erasure_grace(&self, seconds: u64) -> Result<(), AdminError> {
        Ok(self.app.store.note_settings(vec![grace_record(seconds)], &self.origin).await?)
    }

    /// Cancels a requested erasure that has not begun.
    pub async fn cancel_erasure(&self, account: &IdOrName<AccountId>) -> Result<Arc<Account>, AdminError> {
        let id = self.account(account).await?.id;
        self.change(|store, origin| store.cancel_erasure(IdOrName::Id(id), origin)).await?;
        self.changed_account(id).await
    }

    async fn changed_account(&self, id: AccountId) -> Result<Arc<Account>, AdminError> {
        self.app.refresh_directory().await?;
        let account = self.app.directory.load().account(id).cloned();
        account.ok_or(AdminError::Conflict(Conflict::NoSuchAccount))
    }
}
