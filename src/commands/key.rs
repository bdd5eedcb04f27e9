//! `carnelian key`.

use super::output::{Cell, Columns, print_documents, print_message, print_result};
use crate::{
    CliError,
    administration::{Administration, text},
    cli::{Key, Terms},
};
use carnelian_app::admin::keys::KeyTerms;
use std::io::{self, Read};

/// The maximum length of the input in bytes, far longer than any key.
const MAX_INPUT: u64 = 1024;

/// The columns of a listing.
const KEYS: &Columns = &[
    ("keyId", Cell::Same),
    ("label", Cell::Same),
    ("createdAt", Cell::Same),
    ("expiresAt", Cell::Same),
    ("lastUsedAt", Cell::Same),
    ("allowedAddresses", Cell::Same),
    ("status", Cell::Same),
];

pub(super) async fn run(admin: &dyn Administration, command: Key) -> Result<(), CliError> {
    match command {
        Key::Issue { username, terms } => {
            let added = admin.issue_key(&username, None, terms.into()).await?;
            let key_id = text(&added, "keyId")?;
            if let Err(error) = print_result(text(&added, "key")?) {
                return Err(revoke_unseen(admin, key_id, error.message()).await);
            }
            print_message(format_args!("created key {key_id} for user {username:?}; the key is shown only once"));
            Ok(())
        }
        Key::Import { username, terms } => {
            let mut key = String::new();
            io::stdin().take(MAX_INPUT).read_to_string(&mut key).map_err(CliError::failed)?;
            let added = admin.issue_key(&username, Some(key.trim()), terms.into()).await?;
            print_result(text(&added, "keyId")?)?;
            print_message(format_args!("imported a key for user {username:?}"));
            Ok(())
        }
        Key::List { username, listing: options } => {
            print_documents(options.json, KEYS, &admin.list_keys(&username).await?)
        }
        Key::Revoke { key_id, confirmation } => {
            admin.get_key(&key_id).await?;
            if confirmation.allows(format_args!("revoke key {key_id}"), &key_id)? {
                admin.revoke_key(&key_id).await?;
                print_message(format_args!("revoked key {key_id}"));
            }
            Ok(())
        }
    }
}

/// Revokes a key that could not be shown, and returns the error of the command.
async fn revoke_unseen(admin: &dyn Administration, key_id: &str, why: &str) -> CliError {
    CliError::failed(match admin.revoke_key(key_id).await {
        Ok(_) => format!("the key could not be shown and was revoked: {why}"),
        Err(error) => {
            let error = error.message();
            format!("the key could not be shown: {why}; revoke it with `carnelian key revoke {key_id}`: {error}")
        }
    })
}

impl From<Terms> for KeyTerms {
    fn from(terms: Terms) -> KeyTerms {
        KeyTerms { label: terms.label, lifetime_seconds: terms.expires, allowed: terms.allow }
    }
}
