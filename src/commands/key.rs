//! `carnelian key`.

use super::output::{data, listing, words};
use crate::{Refusal, cli::Key};
use carnelian_app::App;
use carnelian_domain::Origin;
use serde_json::json;
use std::io::{self, Read};

/// Far more than any key has, and little enough to read at once.
const MAX_INPUT: u64 = 1024;

pub(super) async fn run(app: &App, command: Key, origin: &Origin) -> Result<(), Refusal> {
    match command {
        Key::Issue { username, expires, label } => {
            let issued = app.issue_key(&username, label.as_deref(), expires, origin).await.map_err(Refusal::refused)?;
            words(format_args!("issued key {} for user {username:?}; it is shown this once", issued.key_id));
            data(issued.reveal())
        }
        Key::Import { username } => {
            let mut key = String::new();
            io::stdin().take(MAX_INPUT).read_to_string(&mut key).map_err(Refusal::refused)?;
            let key_id = app.import_key(&username, key.trim(), origin).await.map_err(Refusal::refused)?;
            data(key_id)?;
            words(format_args!("imported a key for user {username:?}"));
            Ok(())
        }
        Key::List { username, listing: options } => {
            let keys = app.list_keys(&username).await.map_err(Refusal::refused)?;
            let rows = keys.iter().map(|key| {
                let expires = key.expires_at.map(|moment| moment.unix_seconds());
                let created = key.created_at.unix_seconds();
                vec![json!(key.key_id), json!(key.label), json!(created), json!(expires), json!(key.status.name())]
            });
            listing(options.json, &["keyId", "label", "createdAt", "expiresAt", "status"], rows.collect())
        }
        Key::Revoke { key_id } => {
            app.revoke_key(&key_id, origin).await.map_err(Refusal::refused)?;
            words(format_args!("key {key_id} no longer works"));
            Ok(())
        }
    }
}
