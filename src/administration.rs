//! The administration of a registry, by this process or by a server over HTTP. Both answer with the JSON of the
//! administration API ([`carnelian_http::documents`]), so that a command prints the same either way.
//!
//! * [`local`]: by the use cases, in this process
//! * [`remote`]: by a server that `--server` names

pub(crate) mod local;
pub(crate) mod remote;

use crate::CliError;
use async_trait::async_trait;
use carnelian_app::admin::keys::KeyTerms;
use carnelian_store::{AuditQuery, NewUser, UserChanges};
use serde_json::Value;

/// What an operation of administration returns.
pub(crate) type Outcome<T> = Result<T, CliError>;

/// The operations of administration. Accounts, groups and users are named by their names.
#[async_trait(?Send)]
pub(crate) trait Administration {
    /// Creates an account.
    async fn create_account(&self, name: &str) -> Outcome<Value>;
    /// Reads an account.
    async fn get_account(&self, name: &str) -> Outcome<Value>;
    /// Lists the accounts.
    async fn list_accounts(&self) -> Outcome<Vec<Value>>;
    /// Requests the erasure of an account; returns the erasure's id.
    async fn request_erasure(&self, account: &str) -> Outcome<String>;
    /// Cancels the erasure of an account.
    async fn cancel_erasure(&self, account: &str) -> Outcome<Value>;
    /// Lists the erasures.
    async fn list_erasures(&self) -> Outcome<Vec<Value>>;
    /// Reads an erasure.
    async fn get_erasure(&self, id: u64) -> Outcome<Value>;
    /// Creates a group.
    async fn create_group(&self, name: &str) -> Outcome<Value>;
    /// Reads a group.
    async fn get_group(&self, name: &str) -> Outcome<Value>;
    /// Lists the groups.
    async fn list_groups(&self) -> Outcome<Vec<Value>>;
    /// Adds an account to a group.
    async fn add_to_group(&self, group: &str, account: &str) -> Outcome<Value>;
    /// Removes an account from a group.
    async fn remove_from_group(&self, group: &str, account: &str) -> Outcome<Value>;
    /// Creates a user.
    async fn create_user(&self, new: NewUser) -> Outcome<Value>;
    /// Reads a user.
    async fn get_user(&self, name: &str) -> Outcome<Value>;
    /// Lists the users.
    async fn list_users(&self) -> Outcome<Vec<Value>>;
    /// Changes a user.
    async fn edit_user(&self, name: &str, changes: UserChanges) -> Outcome<Value>;
    /// Issues a key, or imports one.
    async fn issue_key(&self, user: &str, imported: Option<&str>, terms: KeyTerms) -> Outcome<Value>;
    /// Reads a key.
    async fn get_key(&self, key_id: &str) -> Outcome<Value>;
    /// Lists the keys of a user.
    async fn list_keys(&self, user: &str) -> Outcome<Vec<Value>>;
    /// Revokes a key.
    async fn revoke_key(&self, key_id: &str) -> Outcome<Value>;
    /// Finds the next entries of the audit log, and returns where to continue unless there are no further ones.
    async fn find_audit(&self, query: &AuditQuery) -> Outcome<(Vec<Value>, Option<u64>)>;
    /// How the registry and its server are doing.
    async fn status(&self) -> Outcome<Value>;
}

/// The text under a key of a document.
pub(crate) fn text<'a>(document: &'a Value, key: &str) -> Outcome<&'a str> {
    document[key].as_str().ok_or_else(|| CliError::failed(format!("the answer has no {key}: {document}")))
}
