//! Administration by a server, over HTTP.

use super::{Administration, Outcome, text};
use crate::{
    CliError,
    config::{SERVER_KEY_ENV, Settings},
    file_errors::explain,
    registry_files::{Access, check_key},
};
use async_trait::async_trait;
use carnelian_app::admin::keys::KeyTerms;
use carnelian_domain::{Timestamp, directory::user_status};
use carnelian_http::client::{ApiClient, ClientError, ClientOptions};
use carnelian_store::{AuditFilter, AuditQuery, Conflict, NewUser, UserChanges};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::{env, fs, path::Path, sync::Arc, time::Duration};

/// Where administration is.
const BASE: &str = "/admin/v1";

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many entries a page of a listing has.
const PAGE: usize = 50;

/// Administration by a server.
pub(crate) struct RemoteAdministration {
    client: ApiClient,
    reason: Option<Arc<str>>,
}

impl RemoteAdministration {
    /// Administers the registry of a server; its audit log records the reason.
    pub(crate) fn new(url: &str, settings: &Settings, reason: Option<Arc<str>>) -> Outcome<RemoteAdministration> {
        let user = settings.server_user.clone();
        let user = user.ok_or_else(|| CliError::usage("--server needs --server-user, the name of an operator"))?;
        let key = match &settings.server_key_file {
            Some(file) => {
                check_key(settings, file, Access::Owner)?;
                fs::read_to_string(file).map_err(|error| explain(file, &error))?
            }
            None => env::var(SERVER_KEY_ENV).map_err(|_| {
                CliError::usage(format!("--server needs the operator's key: --server-key-file, or {SERVER_KEY_ENV}"))
            })?,
        };
        let authorities = settings.server_ca_file.as_deref().map(read_authorities).transpose()?;
        let login = Some((user, key.trim().to_owned()));
        let client = ApiClient::new(url, ClientOptions { authorities, tls_name: None, login, timeout: TIMEOUT });
        Ok(RemoteAdministration { client: client.map_err(client_error)?, reason })
    }

    /// The settings of the server.
    pub(crate) async fn settings(&self) -> Outcome<Value> {
        self.get("/settings").await
    }

    /// Sends a request; fails with the server's message if it is refused.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Outcome<Value> {
        let reply = self.client.send(method, &format!("{BASE}{path}"), body.as_ref()).await.map_err(client_error)?;
        let document: Option<Value> = serde_json::from_slice(&reply.body).ok();
        let url = self.client.url();
        match document {
            Some(document) if reply.status.is_success() => Ok(document),
            Some(document) => match document["errorMessage"].as_str() {
                Some(message) => Err(CliError::failed(format!("{url}: {message}{}", fields(&document)))),
                None => Err(CliError::failed(format!("{url}: it answered {}", reply.status))),
            },
            None => Err(CliError::failed(format!("{url}: it answered {} without JSON", reply.status))),
        }
    }

    async fn get(&self, path: &str) -> Outcome<Value> {
        self.call("GET", path, None).await
    }

    /// Sends a request with a document, to which the reason is added.
    async fn send(&self, method: &str, path: &str, mut document: Value) -> Outcome<Value> {
        if let Some(reason) = &self.reason {
            document["reason"] = json!(&**reason);
        }
        self.call(method, path, Some(document)).await
    }

    /// Sends a request without a document, with the reason in its query.
    async fn change(&self, method: &str, path: &str) -> Outcome<Value> {
        let reason = self.reason.as_ref().map(|reason| format!("?reason={}", encoded(reason))).unwrap_or_default();
        self.call(method, &format!("{path}{reason}"), None).await
    }

    /// Reads every page of a listing whose entries are under `key`.
    async fn list(&self, path: &str, key: &str, query: &str) -> Outcome<Vec<Value>> {
        let mut entries = Vec::new();
        for page in 1.. {
            let reply = self.get(&format!("{path}?pageSize={PAGE}&pageNumber={page}{query}")).await?;
            entries.extend(reply[key].as_array().into_iter().flatten().cloned());
            if reply["lastPage"] != false {
                break;
            }
        }
        Ok(entries)
    }

    /// Finds the entry of a listing that has a name.
    async fn find(&self, kind: &Kind, name: &str) -> Outcome<Value> {
        let query = format!("&{}={}", kind.name, encoded(name));
        let found = self.list(kind.path, kind.key, &query).await?;
        found.into_iter().next().ok_or_else(|| CliError::failed(kind.missing))
    }

    /// The path of the object that has a name.
    async fn path_of(&self, kind: &Kind, name: &str) -> Outcome<String> {
        Ok(format!("{}/{}", kind.path, text(&self.find(kind, name).await?, kind.id)?))
    }

    async fn path_of_member(&self, group: &str, account: &str) -> Outcome<String> {
        Ok(format!("{}{}", self.path_of(&GROUP, group).await?, self.path_of(&ACCOUNT, account).await?))
    }
}

/// Objects that have names.
struct Kind {
    path: &'static str,
    /// The key of a listing's entries.
    key: &'static str,
    /// The key of the name, and the parameter that finds it.
    name: &'static str,
    /// The key of the id.
    id: &'static str,
    /// The error if there is none of a name.
    missing: Conflict,
}

const ACCOUNT: Kind =
    Kind { path: "/accounts", key: "accounts", name: "accountName", id: "accountId", missing: Conflict::NoSuchAccount };

const GROUP: Kind =
    Kind { path: "/groups", key: "groups", name: "groupName", id: "groupId", missing: Conflict::NoSuchGroup };

const USER: Kind = Kind { path: "/users", key: "users", name: "username", id: "userId", missing: Conflict::NoSuchUser };

/// The fields that broke rules.
fn fields(error: &Value) -> String {
    let fields = error["violations"].as_array().into_iter().flatten().filter_map(|one| one["field"].as_str());
    let fields: Vec<_> = fields.collect();
    if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Reads the certificates of authorities, in PEM.
pub(crate) fn read_authorities(file: &Path) -> Outcome<Vec<u8>> {
    fs::read(file).map_err(|error| explain(file, &error))
}

/// The error of a client as the error of a command.
pub(crate) fn client_error(error: ClientError) -> CliError {
    match error {
        ClientError::Unusable(why) => CliError::usage(why),
        ClientError::Failed(why) => CliError::failed(why),
    }
}

#[async_trait(?Send)]
impl Administration for RemoteAdministration {
    async fn create_account(&self, name: &str) -> Outcome<Value> {
        self.send("POST", ACCOUNT.path, json!({ "accountName": name })).await
    }

    async fn get_account(&self, name: &str) -> Outcome<Value> {
        self.find(&ACCOUNT, name).await
    }

    async fn list_accounts(&self) -> Outcome<Vec<Value>> {
        self.list(ACCOUNT.path, ACCOUNT.key, "").await
    }

    async fn request_erasure(&self, account: &str) -> Outcome<String> {
        let path = self.path_of(&ACCOUNT, account).await?;
        let requested = self.send("POST", &format!("{path}/erasure"), json!({})).await?;
        let erasures = self.list_erasures().await?;
        // An account has one erasure that was not cancelled.
        let erasure = erasures.iter().rev().find(|erasure| erasure["accountId"] == requested["accountId"]);
        Ok(text(erasure.unwrap_or(&Value::Null), "erasureId")?.to_owned())
    }

    async fn cancel_erasure(&self, account: &str) -> Outcome<Value> {
        let path = self.path_of(&ACCOUNT, account).await?;
        self.change("DELETE", &format!("{path}/erasure")).await
    }

    async fn list_erasures(&self) -> Outcome<Vec<Value>> {
        self.list("/erasures", "erasures", "").await
    }

    async fn get_erasure(&self, id: u64) -> Outcome<Value> {
        self.get(&format!("/erasures/{id}")).await
    }

    async fn create_group(&self, name: &str) -> Outcome<Value> {
        self.send("POST", GROUP.path, json!({ "groupName": name })).await
    }

    async fn get_group(&self, name: &str) -> Outcome<Value> {
        self.find(&GROUP, name).await
    }

    async fn list_groups(&self) -> Outcome<Vec<Value>> {
        self.list(GROUP.path, GROUP.key, "").await
    }

    async fn add_to_group(&self, group: &str, account: &str) -> Outcome<Value> {
        let path = self.path_of_member(group, account).await?;
        self.change("PUT", &path).await
    }

    async fn remove_from_group(&self, group: &str, account: &str) -> Outcome<Value> {
        let path = self.path_of_member(group, account).await?;
        self.change("DELETE", &path).await
    }

    async fn create_user(&self, new: NewUser) -> Outcome<Value> {
        let NewUser { name, account, group, role } = new;
        let user = json!({ "username": name, "accountName": account, "accountGroup": group, "roleName": role.name() });
        self.send("POST", USER.path, user).await
    }

    async fn get_user(&self, name: &str) -> Outcome<Value> {
        self.find(&USER, name).await
    }

    async fn list_users(&self) -> Outcome<Vec<Value>> {
        self.list(USER.path, USER.key, "").await
    }

    async fn edit_user(&self, name: &str, changes: UserChanges) -> Outcome<Value> {
        let UserChanges { role, group, enabled } = changes;
        let role = role.map(|role| ("roleName".to_owned(), json!(role.name())));
        let group = group.map(|group| ("accountGroup".to_owned(), json!(group)));
        let status = enabled.map(|enabled| ("status".to_owned(), json!(user_status(enabled))));
        let changes: Map<_, _> = [role, group, status].into_iter().flatten().collect();
        let path = self.path_of(&USER, name).await?;
        self.send("PATCH", &path, Value::Object(changes)).await
    }

    async fn issue_key(&self, user: &str, imported: Option<&str>, terms: KeyTerms) -> Outcome<Value> {
        let allowed: Vec<_> = terms.allowed.iter().map(ToString::to_string).collect();
        let key = json!({
            "label": terms.label,
            "lifetimeSeconds": terms.lifetime_seconds,
            "allowedAddresses": allowed,
            "key": imported,
        });
        let path = self.path_of(&USER, user).await?;
        self.send("POST", &format!("{path}/keys"), key).await
    }

    async fn get_key(&self, key_id: &str) -> Outcome<Value> {
        self.get(&format!("/keys/{}", encoded(key_id))).await
    }

    async fn list_keys(&self, user: &str) -> Outcome<Vec<Value>> {
        let path = self.path_of(&USER, user).await?;
        self.list(&format!("{path}/keys"), "keys", "").await
    }

    async fn revoke_key(&self, key_id: &str) -> Outcome<Value> {
        self.change("DELETE", &format!("/keys/{}", encoded(key_id))).await
    }

    async fn find_audit(&self, query: &AuditQuery) -> Outcome<(Vec<Value>, Option<u64>)> {
        let AuditFilter { object, actor, action, account, request_id, since, until, .. } = &query.filter;
        let parameters = [
            ("pageSize", Some(query.limit.min(PAGE).to_string())),
            ("after", (query.after > 0).then(|| query.after.to_string())),
            ("before", query.before.map(|before| before.to_string())),
            ("order", Some(query.order.name().to_owned())),
            ("object", object.clone()),
            ("actor", actor.map(|actor| actor.to_string())),
            ("action", action.map(|action| action.name().to_owned())),
            ("accountId", account.map(|account| account.to_string())),
            ("requestId", request_id.clone()),
            ("since", since.map(Timestamp::to_iso8601)),
            ("until", until.map(Timestamp::to_iso8601)),
        ];
        let given = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
        let mut page = self.get(&format!("/audit?{}", given.collect::<Vec<_>>().join("&"))).await?;
        let entries = page["entries"].as_array_mut().map(std::mem::take).unwrap_or_default();
        Ok((entries, page["next"].as_u64()))
    }

    async fn status(&self) -> Outcome<Value> {
        self.get("/status").await
    }
}
