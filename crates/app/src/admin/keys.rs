//! API keys: issue, import, list and revoke.

use super::{Admin, AdminError, check_named};
use crate::{
    App,
    api_key::{IssuedKey, can_be_fixed, is_importable, new_key_id},
    directory::User,
};
use carnelian_domain::{AddressRange, Page, Paging, Timestamp, UserId, directory::check_name};
use carnelian_store::{Conflict, IdOrName, KeyKind, KeyRecord, NewKey};

/// A key as it is listed, without the key itself.
#[derive(Debug)]
pub struct KeyEntry {
    /// Its id.
    pub key_id: String,
    /// Its label.
    pub label: Option<String>,
    /// When it was issued or imported.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the second; uses of the last minute by other servers may be missing.
    pub last_used_at: Option<Timestamp>,
    /// The address ranges that it is accepted from; empty if it is accepted from everywhere.
    pub allowed: Vec<AddressRange>,
    /// Whether it is accepted.
    pub status: KeyStatus,
}

/// The terms of a new key.
#[derive(Clone, Debug, Default)]
pub struct KeyTerms {
    /// Its label.
    pub label: Option<String>,
    /// Its lifetime in seconds; without one it does not expire.
    pub lifetime_seconds: Option<u64>,
    /// The address ranges that it is accepted from; empty if it is accepted from everywhere.
    pub allowed: Vec<AddressRange>,
}

/// A key that was issued or imported.
#[derive(Debug)]
pub struct AddedKey {
    /// Its id.
    pub key_id: String,
    /// The key itself if it was issued. It is not stored, so it can be shown only once.
    pub key: Option<IssuedKey>,
}

/// Whether a key is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It is accepted.
    Active,
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyStatus {
    /// The status's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            KeyStatus::Active => "Active",
            KeyStatus::Expired => "Expired",
            KeyStatus::Revoked => "Revoked",
        }
    }
}

impl Admin<'_> {
    /// Issues a key for a user, or imports one that was made elsewhere.
    pub async fn issue_key(
        &self,
        user: &IdOrName<UserId>,
        imported: Option<&str>,
        terms: KeyTerms,
    ) -> Result<AddedKey, AdminError> {
        let user = self.get_user(user).await?.id;
        match imported {
            Some(key) if is_importable(key) => self.import(user, key, terms).await,
            Some(_) => Err(AdminError::NotImportable),
            None => {
                let issued = IssuedKey::generate(&*self.app.entropy);
                let key_id = issued.key_id.clone();
                self.add(self.new_key(key_id.clone(), user, issued.reveal(), KeyKind::Issued, terms)?).await?;
                Ok(AddedKey { key_id, key: Some(issued) })
            }
        }
    }

    /// Gives a user of a sandbox a key that its seed contains; see [`can_be_fixed`].
    pub async fn add_fixed_key(&self, user: &IdOrName<UserId>, key: &str) -> Result<(), AdminError> {
        if !can_be_fixed(key) {
            return Err(AdminError::NotFixable);
        }
        let user = self.get_user(user).await?.id;
        self.import(user, key, KeyTerms::default()).await.map(drop)
    }

    /// Lists a user's keys, in the order of their creation.
    pub async fn list_keys(&self, user: &IdOrName<UserId>, paging: Paging) -> Result<Page<KeyEntry>, AdminError> {
        let user = self.get_user(user).await?.id;
        let keys = self.app.store.user_keys(user).await?;
        Ok(paging.page(keys.into_iter().map(|key| self.key_entry(key))))
    }

    /// Reads a key.
    pub async fn get_key(&self, key_id: &str) -> Result<KeyEntry, AdminError> {
        let has_key = |user: &&User| user.keys.iter().any(|key| &*key.key_id == key_id);
        let reader = self.reader();
        let user = reader.find(|directory| directory.users().find(has_key).map(|user| user.caller.user)).await?;
        let Some(user) = user else { return Err(AdminError::Conflict(Conflict::NoSuchKey)) };
        let key = self.app.store.user_keys(user).await?.into_iter().find(|key| key.key_id == key_id);
        key.map(|key| self.key_entry(key)).ok_or(AdminError::Conflict(Conflict::NoSuchKey))
    }

    /// Revokes a key. Once this returns, this server no longer accepts it.
    pub async fn revoke_key(&self, key_id: &str) -> Result<KeyEntry, AdminError> {
        let revoked = self.change(|store, origin| store.revoke_key(key_id.to_owned(), origin)).await?;
        self.app.refresh_directory().await?;
        Ok(self.key_entry(revoked))
    }

    async fn import(&self, user: UserId, key: &str, terms: KeyTerms) -> Result<AddedKey, AdminError> {
        let key_id = new_key_id(&*self.app.entropy);
        self.add(self.new_key(key_id.clone(), user, key, KeyKind::Imported, terms)?).await?;
        Ok(AddedKey { key_id, key: None })
    }

    async fn add(&self, new: NewKey) -> Result<(), AdminError> {
        self.change(|store, origin| store.add_key(new.clone(), origin)).await?;
        self.app.refresh_directory().await?;
        Ok(())
    }

    fn new_key(
        &self,
        key_id: String,
        user: UserId,
        key: &str,
        kind: KeyKind,
        terms: KeyTerms,
    ) -> Result<NewKey, AdminError> {
        if let Some(label) = &terms.label {
            check_named("a key", label, check_name)?;
        }
        let App { keys, clock, .. } = self.app;
        Ok(NewKey {
            key_id,
            user: IdOrName::Id(user),
            digest: keys.vault.digest(key).to_vec(),
            kind,
            label: terms.label,
            expires_at: terms.lifetime_seconds.map(|seconds| clock.now().plus_seconds(seconds)),
            allowed: terms.allowed,
        })
    }

    fn key_entry(&self, key: KeyRecord) -> KeyEntry {
        let status = if key.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if key.expires_at.is_some_and(|end| end <= self.app.clock.now()) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        };
        KeyEntry {
            last_used_at: key.last_used_at.max(self.app.directory.key_uses.get(&key.key_id).noted()),
            key_id: key.key_id,
            label: key.label,
            created_at: key.created_at,
            expires_at: key.expires_at,
            allowed: key.allowed,
            status,
        }
    }
}
