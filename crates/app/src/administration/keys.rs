//! Keys: made here, taken over from elsewhere, listed and revoked.

use super::{AdminError, named};
use crate::{
    App,
    api_key::{IssuedKey, is_importable, new_key_id},
};
use carnelian_domain::{AddressRange, Origin, Timestamp, UserId, directory::check_name};
use carnelian_store::{Conflict, KeyKind, KeyRecord, NewKey, Which};

/// A key as it is listed; the key itself is never shown again.
#[derive(Debug)]
pub struct KeyEntry {
    /// Its id.
    pub key_id: String,
    /// What the operator calls it.
    pub label: Option<String>,
    /// When it was issued or imported.
    pub created_at: Timestamp,
    /// From when on it no longer works.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, as far as it has been noted.
    pub last_used_at: Option<Timestamp>,
    /// Where it works from; from everywhere, if there is none.
    pub allowed: Vec<AddressRange>,
    /// Whether it works.
    pub status: KeyStatus,
}

/// What a key is made with.
#[derive(Clone, Debug, Default)]
pub struct KeyTerms {
    /// What to call it.
    pub label: Option<String>,
    /// For how many seconds it works; for good, if nobody says.
    pub lifetime_seconds: Option<u64>,
    /// Where it works from; from everywhere, if there is none.
    pub allowed: Vec<AddressRange>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyStatus {
    /// The status's name.
    pub fn name(self) -> &'static str {
        match self {
            KeyStatus::Active => "ACTIVE",
            KeyStatus::Expired => "EXPIRED",
            KeyStatus::Revoked => "REVOKED",
        }
    }
}

impl App {
    /// Makes a key for a user; this is the only time that it can be seen.
    pub async fn issue_key(
        &self,
        user: Which<UserId>,
        terms: KeyTerms,
        origin: &Origin,
    ) -> Result<IssuedKey, AdminError> {
        let issued = IssuedKey::generate(&*self.entropy);
        let new = self.new_key(issued.key_id.clone(), user, issued.reveal(), KeyKind::Issued, terms)?;
        self.store.add_key(new, origin).await?;
        Ok(issued)
    }

    /// Takes over a key made elsewhere, and says under which id.
    pub async fn import_key(
        &self,
        user: Which<UserId>,
        key: &str,
        terms: KeyTerms,
        origin: &Origin,
    ) -> Result<String, AdminError> {
        if !is_importable(key) {
            return Err(AdminError::NotImportable);
        }
        self.add_imported_key(user, key, terms, origin).await
    }

    /// Adds a key made elsewhere, whatever its shape.
    pub(crate) async fn add_imported_key(
        &self,
        user: Which<UserId>,
        key: &str,
        terms: KeyTerms,
        origin: &Origin,
    ) -> Result<String, AdminError> {
        let key_id = new_key_id(&*self.entropy);
        let new = self.new_key(key_id.clone(), user, key, KeyKind::Imported, terms)?;
        self.store.add_key(new, origin).await?;
        Ok(key_id)
    }

    fn new_key(
        &self,
        key_id: String,
        user: Which<UserId>,
        key: &str,
        kind: KeyKind,
        terms: KeyTerms,
    ) -> Result<NewKey, AdminError> {
        if let Some(label) = &terms.label {
            named("a key", label, check_name)?;
        }
        Ok(NewKey {
            key_id,
            user,
            digest: self.vault.digest(key).to_vec(),
            kind,
            label: terms.label,
            expires_at: terms.lifetime_seconds.map(|seconds| self.clock.now().plus_seconds(seconds)),
            allowed: terms.allowed,
        })
    }

    /// Every key of a user.
    pub async fn list_keys(&self, user: &Which<UserId>) -> Result<Vec<KeyEntry>, AdminError> {
        let directory = self.store.directory().await?;
        let user = directory
            .users
            .iter()
            .find(|candidate| candidate.name.as_deref().is_some_and(|name| user.is(candidate.id, name)));
        let user = user.ok_or(AdminError::Conflict(Conflict::NoSuchUser))?.id;
        let now = self.clock.now();
        Ok(directory.keys.into_iter().filter(|key| key.user == user).map(|key| self.key_entry(key, now)).collect())
    }

    /// Revokes a key.
    pub async fn revoke_key(&self, key_id: &str, origin: &Origin) -> Result<(), AdminError> {
        Ok(self.store.revoke_key(key_id.to_owned(), origin).await?)
    }

    /// A key as it is listed at a moment.
    pub(crate) fn key_entry(&self, key: KeyRecord, now: Timestamp) -> KeyEntry {
        let status = if key.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if key.expires_at.is_some_and(|end| end <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        };
        KeyEntry {
            last_used_at: key.last_used_at.max(self.key_uses.of(&key.key_id).noted()),
            key_id: key.key_id,
            label: key.label,
            created_at: key.created_at,
            expires_at: key.expires_at,
            allowed: key.allowed,
            status,
        }
    }
}
