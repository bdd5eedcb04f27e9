//! `carnelian key`.

use super::output::{print_listing, print_message, print_result};
use crate::{
    CliError,
    cli::{Key, Terms},
};
use carnelian_app::{
    App,
    admin::{
        Admin,
        keys::{AddedKey, KeyTerms},
    },
};
use carnelian_domain::{Origin, Paging, Timestamp};
use serde_json::json;
use std::io::{self, Read};

/// The maximum length of the input in bytes, far longer than any key.
const MAX_INPUT: u64 = 1024;

pub(super) async fn run(app: &App, command: Key, origin: &Origin) -> Result<(), CliError> {
    let admin = app.local_admin(origin);
    match command {
        Key::Issue { username, terms } => {
            let added = admin.issue_key(&username.as_str().into(), None, terms.into()).await;
            let AddedKey { key_id, key } = added.map_err(CliError::failed)?;
            let shown = key.map_or(Ok(()), |issued| print_result(issued.reveal()));
            if let Err(error) = shown {
                return Err(revoke_unseen(&admin, &key_id, error.message()).await);
            }
            print_message(format_args!("created key {key_id} for user {username:?}; the key is shown only once"));
            Ok(())
        }
        Key::Import { username, terms } => {
            let mut key = String::new();
            io::stdin().take(MAX_INPUT).read_to_string(&mut key).map_err(CliError::failed)?;
            let added = admin.issue_key(&username.as_str().into(), Some(key.trim()), terms.into()).await;
            print_result(added.map_err(CliError::failed)?.key_id)?;
            print_message(format_args!("imported a key for user {username:?}"));
            Ok(())
        }
        Key::List { username, listing: options } => {
            let keys = admin.list_keys(&username.into(), Paging::ALL).await.map_err(CliError::failed)?.entries;
            let rows = keys.iter().map(|key| {
                let allowed: Vec<_> = key.allowed.iter().map(ToString::to_string).collect();
                vec![
                    json!(key.key_id),
                    json!(key.label),
                    json!(key.created_at.to_iso8601()),
                    json!(key.expires_at.map(Timestamp::to_iso8601)),
                    json!(key.last_used_at.map(Timestamp::to_iso8601)),
                    json!(allowed),
                    json!(key.status.name()),
                ]
            });
            let columns = ["keyId", "label", "createdAt", "expiresAt", "lastUsedAt", "allowedAddresses", "status"];
            print_listing(options.json, &columns, rows.collect())
        }
        Key::Revoke { key_id } => {
            admin.revoke_key(&key_id).await.map_err(CliError::failed)?;
            print_message(format_args!("revoked key {key_id}"));
            Ok(())
        }
    }
}

/// Revokes a key that could not be shown, and returns the error of the command.
async fn revoke_unseen(admin: &Admin<'_>, key_id: &str, why: &str) -> CliError {
    CliError::failed(match admin.revoke_key(key_id).await {
        Ok(_) => format!("the key could not be shown and was revoked: {why}"),
        Err(error) => {
            format!("the key could not be shown: {why}; revoke it with `carnelian key revoke {key_id}`: {error}")
        }
    })
}

impl From<Terms> for KeyTerms {
    fn from(terms: Terms) -> KeyTerms {
        KeyTerms { label: terms.label, lifetime_seconds: terms.expires, allowed: terms.allow }
    }
}
