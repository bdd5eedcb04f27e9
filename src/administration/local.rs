//! Administration by this process.

use super::{Administration, Outcome};
use crate::CliError;
use async_trait::async_trait;
use carnelian_app::{
    App,
    admin::{Admin, keys::KeyTerms},
};
use carnelian_domain::{ErasureId, Origin, Paging};
use carnelian_http::documents;
use carnelian_store::{AuditQuery, NewUser, UserChanges};
use serde_json::Value;

/// Administration by this process.
pub(crate) struct LocalAdministration<'a>(Admin<'a>);

impl<'a> LocalAdministration<'a> {
    /// Administers an opened registry; the audit log records the origin.
    pub(crate) fn new(app: &'a App, origin: &Origin) -> LocalAdministration<'a> {
        LocalAdministration(app.local_admin(origin))
    }
}

fn documents<T>(entries: &[T], document: impl Fn(&T) -> Value) -> Vec<Value> {
    entries.iter().map(document).collect()
}

#[async_trait(?Send)]
impl Administration for LocalAdministration<'_> {
    async fn create_account(&self, name: &str) -> Outcome<Value> {
        Ok(documents::account(&*self.0.create_account(name).await.map_err(CliError::failed)?))
    }

    async fn get_account(&self, name: &str) -> Outcome<Value> {
        Ok(documents::account(&*self.0.get_account(&name.into()).await.map_err(CliError::failed)?))
    }

    async fn list_accounts(&self) -> Outcome<Vec<Value>> {
        let accounts = self.0.list_accounts(Paging::ALL, None).await.map_err(CliError::failed)?.entries;
        Ok(documents(&accounts, |account| documents::account(account)))
    }

    async fn request_erasure(&self, account: &str) -> Outcome<String> {
        let (_, erasure) = self.0.request_erasure(&account.into()).await.map_err(CliError::failed)?;
        Ok(erasure.to_string())
    }

    async fn cancel_erasure(&self, account: &str) -> Outcome<Value> {
        Ok(documents::account(&*self.0.cancel_erasure(&account.into()).await.map_err(CliError::failed)?))
    }

    async fn list_erasures(&self) -> Outcome<Vec<Value>> {
        let erasures = self.0.list_erasures(Paging::ALL).await.map_err(CliError::failed)?.entries;
        Ok(documents(&erasures, documents::erasure))
    }

    async fn get_erasure(&self, id: u64) -> Outcome<Value> {
        Ok(documents::erasure(&self.0.get_erasure(ErasureId(id)).await.map_err(CliError::failed)?))
    }

    async fn create_group(&self, name: &str) -> Outcome<Value> {
        Ok(documents::group(&self.0.create_group(name).await.map_err(CliError::failed)?))
    }

    async fn get_group(&self, name: &str) -> Outcome<Value> {
        Ok(documents::group(&self.0.get_group(&name.into()).await.map_err(CliError::failed)?))
    }

    async fn list_groups(&self) -> Outcome<Vec<Value>> {
        let groups = self.0.list_groups(Paging::ALL, None).await.map_err(CliError::failed)?.entries;
        Ok(documents(&groups, documents::group))
    }

    async fn add_to_group(&self, group: &str, account: &str) -> Outcome<Value> {
        let added = self.0.add_to_group(&group.into(), &account.into()).await;
        Ok(documents::group(&added.map_err(CliError::failed)?))
    }

    async fn remove_from_group(&self, group: &str, account: &str) -> Outcome<Value> {
        let removed = self.0.remove_from_group(&group.into(), &account.into()).await;
        Ok(documents::group(&removed.map_err(CliError::failed)?))
    }

    async fn create_user(&self, new: NewUser) -> Outcome<Value> {
        Ok(documents::user(&self.0.create_user(new).await.map_err(CliError::failed)?))
    }

    async fn get_user(&self, name: &str) -> Outcome<Value> {
        Ok(documents::user(&self.0.get_user(&name.into()).await.map_err(CliError::failed)?))
    }

    async fn list_users(&self) -> Outcome<Vec<Value>> {
        let users = self.0.list_users(Paging::ALL, None).await.map_err(CliError::failed)?.entries;
        Ok(documents(&users, documents::user))
    }

    async fn edit_user(&self, name: &str, changes: UserChanges) -> Outcome<Value> {
        Ok(documents::user(&self.0.edit_user(&name.into(), changes).await.map_err(CliError::failed)?))
    }

    async fn issue_key(&self, user: &str, imported: Option<&str>, terms: KeyTerms) -> Outcome<Value> {
        let added = self.0.issue_key(&user.into(), imported, terms).await;
        Ok(documents::issued_key(&added.map_err(CliError::failed)?))
    }

    async fn get_key(&self, key_id: &str) -> Outcome<Value> {
        Ok(documents::key(&self.0.get_key(key_id).await.map_err(CliError::failed)?))
    }

    async fn list_keys(&self, user: &str) -> Outcome<Vec<Value>> {
        let keys = self.0.list_keys(&user.into(), Paging::ALL).await.map_err(CliError::failed)?.entries;
        Ok(documents(&keys, documents::key))
    }

    async fn revoke_key(&self, key_id: &str) -> Outcome<Value> {
        Ok(documents::key(&self.0.revoke_key(key_id).await.map_err(CliError::failed)?))
    }

    async fn find_audit(&self, query: &AuditQuery) -> Outcome<(Vec<Value>, Option<u64>)> {
        let found = self.0.list_audit(query.clone()).await.map_err(CliError::failed)?;
        Ok((documents(&found.entries, documents::entry), found.next))
    }

    async fn status(&self) -> Outcome<Value> {
        Ok(documents::status(&self.0.status().await.map_err(CliError::failed)?))
    }
}
