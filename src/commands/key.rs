//! `carnelian key`.

use super::output::{print_listing, print_message, print_result};
use crate::{
    CliError,
    cli::{Key, Terms},
};
use carnelian_app::{App, administration::KeyTerms};
use carnelian_domain::{Origin, Timestamp};
use serde_json::json;
use std::io::{self, Read};

/// The maximum length of the input in bytes, far longer than any key.
const MAX_INPUT: u64 = 1024;

pub(super) async fn run(app: &App, command: Key, origin: &Origin) -> Result<(), CliError> {
    match command {
        Key::Issue { username, terms } => {
            let issued =
                app.issue_key(username.as_str().into(), terms.into(), origin).await.map_err(CliError::failed)?;
            print_message(format_args!(
                "created key {} for user {username:?}; the key is shown only once",
                issued.key_id
            ));
            print_result(issued.reveal())
        }
        Key::Import { username, terms } => {
            let mut key = String::new();
            io::stdin().take(MAX_INPUT).read_to_string(&mut key).map_err(CliError::failed)?;
            let imported = app.import_key(username.as_str().into(), key.trim(), terms.into(), origin).await;
            let key_id = imported.map_err(CliError::failed)?;
            print_result(key_id)?;
            print_message(format_args!("imported a key for user {username:?}"));
            Ok(())
        }
        Key::List { username, listing: options } => {
            let keys = app.list_keys(&username.into()).await.map_err(CliError::failed)?;
            let rows = keys.iter().map(|key| {
                let allowed: Vec<_> = key.allowed.iter().map(ToString::to_string).collect();
                vec![
                    json!(key.key_id),
                    json!(key.label),
                    json!(key.created_at.unix_seconds()),
                    json!(key.expires_at.map(Timestamp::unix_seconds)),
                    json!(key.last_used_at.map(Timestamp::unix_seconds)),
                    json!(allowed),
                    json!(key.status.name()),
                ]
            });
            let columns = ["keyId", "label", "createdAt", "expiresAt", "lastUsedAt", "allowedAddresses", "status"];
            print_listing(options.json, &columns, rows.collect())
        }
        Key::Revoke { key_id } => {
            app.revoke_key(&key_id, origin).await.map_err(CliError::failed)?;
            print_message(format_args!("revoked key {key_id}"));
            Ok(())
        }
    }
}

impl From<Terms> for KeyTerms {
    fn from(terms: Terms) -> KeyTerms {
        KeyTerms { label: terms.label, lifetime_seconds: terms.expires, allowed: terms.allow }
    }
}
