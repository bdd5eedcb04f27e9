//! Accounts, groups, users and keys.
//!
//! Every change here checks first and writes then, within one transaction, counts the directory's version up and seals it.
//!
//! * [`change`]: what changes have in common
//! * [`snapshot`]: reading everything

mod change;
pub(crate) mod snapshot;

pub(crate) use snapshot::{account_state, read_within, seal};

pub(crate) use change::Change;

use crate::{
    commit::job::WorkError,
    port::{erasure_rows, ledger_rows::given_ids},
    store::SqliteStore,
};
use carnelian_domain::{AccountId, Action, Actor, ErasureId, GroupId, Object, Origin, Timestamp, UserId, unique_name};
use carnelian_store::{
    AccountRecord, Conflict, Directory, DirectorySnapshot, ErasureRecord, GroupRecord, IdOrName, KeyKind, KeyRecord,
    NewKey, NewUser, RegistryId, StoreError, UserChanges, UserRecord, WrapKey,
};
use rusqlite::params;
use std::collections::HashMap;

const ADD_MEMBER: &str = "INSERT INTO group_account (group_id, account_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const REMOVE_MEMBER: &str = "DELETE FROM group_account WHERE group_id = ?1 AND account_id = ?2";

#[async_trait::async_trait]
impl Directory for SqliteStore {
    async fn registry_id(&self) -> Result<RegistryId, StoreError> {
        let select = "SELECT id FROM registry";
        self.readers
            .read_fresh(move |connection| connection.query_row(select, [], |row| row.get(0).map(RegistryId)))
            .await
    }

    async fn key_proof(&self, proof_if_new: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        // Nearly always there is one, and nothing to write: not on a full disk either.
        let select = "SELECT key_proof FROM registry";
        if let Some(proof) =
            self.readers.read_fresh(move |connection| connection.query_row(select, [], |row| row.get(0))).await?
        {
            return Ok(proof);
        }
        let settle = "UPDATE registry SET key_proof = ifnull(key_proof, ?1) RETURNING key_proof";
        self.write(move |tx| Ok(tx.connection.query_row(settle, [proof_if_new], |row| row.get(0))?)).await
    }

    async fn directory_version(&self) -> Result<u64, StoreError> {
        self.readers
            .read_fresh(|connection| {
                let mut select = connection.prepare_cached("SELECT directory_version FROM registry")?;
                select.query_row([], |row| row.get(0))
            })
            .await
    }

    async fn directory(&self) -> Result<DirectorySnapshot, StoreError> {
        let chain = self.audit_chain();
        self.read_synced(move |connection| snapshot::read(connection, &*chain)).await
    }

    async fn user_keys(&self, user: UserId) -> Result<Vec<KeyRecord>, StoreError> {
        self.read_synced(move |connection| snapshot::keys_of_user(connection, user)).await
    }

    async fn last_sign_ins(&self, users: Vec<UserId>) -> Result<HashMap<UserId, Timestamp>, StoreError> {
        self.read_synced(move |connection| snapshot::last_sign_ins(connection, &users)).await
    }

    async fn create_account(
        &self,
        name: String,
        wrap_key: WrapKey,
        origin: &Origin,
    ) -> Result<AccountRecord, StoreError> {
        self.change(origin, move |change| {
            let taken = "SELECT 1 FROM account WHERE unique_name = ?1 AND state <> 2";
            change.refuse_if_found(taken, &name, Conflict::NameTaken)?;
            // The key is wrapped for the id, so that must be known before the row is there.
            let id = AccountId(given_ids(change.connection())?.last_account + 1);
            let insert = "INSERT INTO account (id, name, unique_name, state, wrapped_key, created_at)
                VALUES (?1, ?2, ?3, 0, ?4, ?5)";
            change.execute(insert, params![id.0, name, unique_name(&name), wrap_key(id), change.now()])?;
            change.record(Action::CreateAccount, Object::Account(id), Some(id))?;
            Ok(snapshot::account_by_id(change.connection(), id)?)
        })
        .await
    }

    async fn request_erasure(
        &self,
        account: IdOrName<AccountId>,
        grace_seconds: u64,
        origin: &Origin,
    ) -> Result<ErasureRecord, StoreError> {
        self.change(origin, move |change| {
            let id = change.account_in(&account, 0, Conflict::ErasureInProgress)?;
            if matches!(change.origin.actor, Actor::User(_)) && change.holds_every_operator(id)? {
                return Err(Conflict::LastOperator.into());
            }
            change.set_state(id, 1)?;
            let insert = "INSERT INTO erasure (account_id, state, requested_at, requested_by, reason, due_at)
                VALUES (?1, 0, ?2, ?3, ?4, ?5)";
            let due_at = Timestamp(change.now()).plus_seconds(grace_seconds).0;
            let (actor, reason) = (change.origin.actor.to_string(), change.origin.reason.as_deref());
            change.execute(insert, params![id.0, change.now(), actor, reason, due_at])?;
            let erasure = ErasureId(change.connection().last_insert_rowid() as u64);
            change.record(Action::RequestErasure, Object::Account(id), Some(id))?;
            erasure_rows::find(change.connection(), erasure)
        })
        .await
    }

    async fn cancel_erasure(&self, account: IdOrName<AccountId>, origin: &Origin) -> Result<ErasureRecord, StoreError> {
        self.change(origin, move |change| {
            let id = change.account_in(&account, 1, Conflict::NoErasureInProgress)?;
            let cancel = "UPDATE erasure SET state = 4 WHERE account_id = ?1 AND state = 0 RETURNING id";
            let cancelled = change.find(cancel, [id.0], |row| Ok(ErasureId(row.get(0)?)))?;
            let cancelled = cancelled.ok_or(Conflict::ErasureRunning)?;
            change.set_state(id, 0)?;
            change.record(Action::CancelErasure, Object::Account(id), Some(id))?;
            erasure_rows::find(change.connection(), cancelled)
        })
        .await
    }

    async fn create_group(&self, name: String, origin: &Origin) -> Result<GroupRecord, StoreError> {
        self.change(origin, move |change| {
            let taken = "SELECT 1 FROM account_group WHERE unique_name = ?1";
            change.refuse_if_found(taken, &name, Conflict::NameTaken)?;
            let insert = "INSERT INTO account_group (name, unique_name) VALUES (?1, ?2)";
            change.execute(insert, params![name, unique_name(&name)])?;
            let id = GroupId(change.connection().last_insert_rowid() as u64);
            change.record(Action::CreateGroup, Object::Group(id), None)?;
            Ok(snapshot::group_by_id(change.connection(), id)?)
        })
        .await
    }

    async fn add_to_group(
        &self,
        group: IdOrName<GroupId>,
        account: IdOrName<AccountId>,
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError> {
        self.change_member(ADD_MEMBER, Action::AddToGroup, Conflict::AlreadyInGroup, (group, account), origin).await
    }

    async fn remove_from_group(
        &self,
        group: IdOrName<GroupId>,
        account: IdOrName<AccountId>,
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError> {
        let members = (group, account);
        self.change_member(REMOVE_MEMBER, Action::RemoveFromGroup, Conflict::NotInGroup, members, origin).await
    }

    async fn create_user(&self, new: NewUser, origin: &Origin) -> Result<UserRecord, StoreError> {
        self.change(origin, move |change| {
            let taken = "SELECT 1 FROM registry_user WHERE unique_name = ?1";
            change.refuse_if_found(taken, &new.name, Conflict::NameTaken)?;
            let account = change.account(&new.account.into())?.0;
            let group = new.group.map(|name| change.group(&name.into())).transpose()?;
            let insert =
                "INSERT INTO registry_user (name, unique_name, account_id, group_id, role, enabled, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)";
            let (group, unique) = (group.map(|group| group.0), unique_name(&new.name));
            change.execute(insert, params![new.name, unique, account.0, group, new.role.name(), change.now()])?;
            let id = UserId(change.connection().last_insert_rowid() as u64);
            change.record(Action::CreateUser, Object::User(id), Some(account))?;
            Ok(snapshot::user_by_id(change.connection(), id)?)
        })
        .await
    }

    async fn edit_user(
        &self,
        user: IdOrName<UserId>,
        changes: UserChanges,
        origin: &Origin,
    ) -> Result<UserRecord, StoreError> {
        self.change(origin, move |change| {
            let id = change.edit_user(&user, changes)?;
            Ok(snapshot::user_by_id(change.connection(), id)?)
        })
        .await
    }

    async fn add_key(&self, new: NewKey, origin: &Origin) -> Result<KeyRecord, StoreError> {
        self.change(origin, move |change| {
            let (user, account) = change.user(&new.user)?;
            let insert = "INSERT INTO api_key (key_id, user_id, digest, kind, label, created_at, expires_at, allowed)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
            let imported = new.kind == KeyKind::Imported;
            let expires_at = new.expires_at.map(|moment| moment.0);
            let kind = u8::from(imported);
            let allowed = snapshot::written_ranges(&new.allowed);
            let values = params![new.key_id, user.0, new.digest, kind, new.label, change.now(), expires_at, allowed];
            refuse_if_unchanged(change.execute(insert, values)?, Conflict::KeyKnown)?;
            let action = if imported { Action::ImportKey } else { Action::IssueKey };
            change.record(action, Object::Key(&new.key_id), Some(account))?;
            Ok(snapshot::key_by_id(change.connection(), &new.key_id)?)
        })
        .await
    }

    async fn revoke_key(&self, key_id: String, origin: &Origin) -> Result<KeyRecord, StoreError> {
        self.change(origin, move |change| {
            let account = change.account_of_key(&key_id)?;
            let update = "UPDATE api_key SET revoked_at = ?2 WHERE key_id = ?1 AND revoked_at IS NULL";
            refuse_if_unchanged(change.execute(update, params![key_id, change.now()])?, Conflict::AlreadyRevoked)?;
            change.record(Action::RevokeKey, Object::Key(&key_id), Some(account))?;
            Ok(snapshot::key_by_id(change.connection(), &key_id)?)
        })
        .await
    }

    async fn reseal_directory(&self, origin: &Origin) -> Result<DirectorySnapshot, StoreError> {
        let (origin, key) = (origin.clone(), self.directory_key());
        self.write(move |tx| {
            let mut change = Change { tx, origin: &origin, key: &*key };
            change.record(Action::ResealDirectory, Object::Registry, None)?;
            change.seal()
        })
        .await
    }

    async fn note_key_uses(&self, uses: Vec<(String, Timestamp)>) -> Result<(), StoreError> {
        let update = "UPDATE api_key SET last_used_at = ?2 WHERE key_id = ?1 AND ifnull(last_used_at, ?2 - 1) < ?2";
        self.write(move |tx| {
            let mut update = tx.connection.prepare_cached(update)?;
            for (key_id, at) in &uses {
                update.execute(params![key_id, at.0])?;
            }
            Ok(())
        })
        .await
    }
}

impl SqliteStore {
    /// Changes the directory, counts its version up and seals it, unless the change is refused or nothing differs after it.
    async fn change<T: Send + 'static>(
        &self,
        origin: &Origin,
        work: impl FnOnce(&mut Change<'_, '_>) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (by, key) = (origin.clone(), self.directory_key());
        self.write_for(origin, move |tx| carry_out(&mut Change { tx, origin: &by, key: &*key }, work)).await
    }

    /// Adds an account to a group, or removes it.
    async fn change_member(
        &self,
        statement: &'static str,
        action: Action,
        otherwise: Conflict,
        (group, account): (IdOrName<GroupId>, IdOrName<AccountId>),
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError> {
        self.change(origin, move |change| {
            let (group, account) = (change.group(&group)?, change.account(&account)?.0);
            refuse_if_unchanged(change.execute(statement, [group.0, account.0])?, otherwise)?;
            change.record(action, Object::Group(group), Some(account))?;
            Ok(snapshot::group_by_id(change.connection(), group)?)
        })
        .await
    }
}

fn carry_out<T>(
    change: &mut Change<'_, '_>,
    work: impl FnOnce(&mut Change<'_, '_>) -> Result<T, WorkError>,
) -> Result<T, WorkError> {
    change.check_seal()?;
    let before = change.connection().total_changes();
    let done = work(change)?;
    if change.connection().total_changes() != before {
        change.seal()?;
    }
    Ok(done)
}

fn refuse_if_unchanged(rows: usize, conflict: Conflict) -> Result<(), WorkError> {
    if rows == 0 { Err(conflict.into()) } else { Ok(()) }
}
