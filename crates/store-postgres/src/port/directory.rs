//! Accounts, groups, users and keys.
//!
//! Every change locks the audit log first, and so waits for every other change: what it checks stays true until its commit.
//! It checks the seal of the directory, and seals what it has made of it.
//!
//! * [`change`]: what changes have in common
//! * [`snapshot`]: reading everything

mod change;
mod snapshot;

pub(crate) use change::Change;
pub(crate) use snapshot::{read_within, seal};

use crate::{
    core::PARTITION_NUMBER,
    port::{erasure_rows, rows::number},
    store::PostgresStore,
};
use carnelian_domain::{
    AccountId, AccountState, Action, Actor, ErasureId, GroupId, Object, Origin, Timestamp, UserId, unique_name,
};
use carnelian_store::{
    AccountRecord, Conflict, Directory, DirectorySnapshot, ErasureRecord, GroupRecord, IdOrName, KeyKind, KeyRecord,
    NewKey, NewUser, RegistryId, StoreError, UserChanges, UserRecord, WrapKey,
};
use std::collections::HashMap;

const KEY_PROOF: &str = "SELECT key_proof FROM registry";
const SETTLE_KEY_PROOF: &str = "UPDATE registry SET key_proof = coalesce(key_proof, $1) RETURNING key_proof";

const NEXT_ACCOUNT: &str = "UPDATE registry SET last_account = last_account + 1 RETURNING last_account";
const NEXT_GROUP: &str = "UPDATE registry SET last_group = last_group + 1 RETURNING last_group";
const NEXT_USER: &str = "UPDATE registry SET last_user = last_user + 1 RETURNING last_user";
const NEXT_KEY: &str = "UPDATE registry SET last_key = last_key + 1 RETURNING last_key";
const NEXT_ERASURE: &str = "UPDATE registry SET last_erasure = last_erasure + 1 RETURNING last_erasure";

const ACCOUNT_NAME: &str = "SELECT account_id FROM account_name WHERE unique_name = $1";
const ADD_ACCOUNT_NAME: &str = "INSERT INTO account_name (unique_name, account_id) VALUES ($1, $2)";
const ADD_ACCOUNT: &str = "
    INSERT INTO account (partition, id, name, state, wrapped_key, created_at) VALUES ($1, $2, $3, 0, $4, $5)";

const REQUEST_ERASURE: &str = "
    INSERT INTO erasure (id, account_id, state, requested_at, requested_by, reason, due_at, customers, users, keys, purged)
    VALUES ($1, $2, 0, $3, $4, $5, $6, 0, 0, 0, FALSE)";
const CANCEL_ERASURE: &str = "UPDATE erasure SET state = 4 WHERE account_id = $1 AND state = 0 RETURNING id";

const GROUP_NAME: &str = "SELECT id FROM account_group WHERE unique_name = $1";
const ADD_GROUP: &str = "INSERT INTO account_group (id, name, unique_name) VALUES ($1, $2, $3)";
const ADD_MEMBER: &str = "INSERT INTO group_account (group_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const REMOVE_MEMBER: &str = "DELETE FROM group_account WHERE group_id = $1 AND account_id = $2";

const USER_NAME: &str = "SELECT id FROM registry_user WHERE unique_name = $1";
const ADD_USER: &str = "
    INSERT INTO registry_user (id, name, unique_name, account_id, group_id, role, enabled, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7)";

const ADD_KEY: &str = "
    INSERT INTO api_key (id, key_id, user_id, digest, imported, label, created_at, expires_at, allowed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
const REVOKE_KEY: &str = "UPDATE api_key SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL";

const LAST_SIGN_INS: &str = "
    SELECT user_id, max(last_used_at) FROM api_key WHERE user_id = ANY ($1) AND last_used_at IS NOT NULL GROUP BY user_id";

/// In the order of the keys, so that two servers do not wait for each other.
const NOTE_USES: &str = "
    UPDATE api_key SET last_used_at = t.at FROM unnest($1::TEXT[], $2::BIGINT[]) AS t (key_id, at)
    WHERE api_key.key_id = t.key_id AND (last_used_at IS NULL OR last_used_at < t.at)";

#[async_trait::async_trait]
impl Directory for PostgresStore {
    async fn registry_id(&self) -> Result<RegistryId, StoreError> {
        Ok(self.core.sessions.reader().await?.registry_id().await?)
    }

    async fn key_proof(&self, proof_if_new: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let known = self.core.sessions.reader().await?.one(KEY_PROOF, &[]).await?;
        if let Some(proof) = known.get(0) {
            return Ok(proof);
        }
        let transaction = self.core.begin().await?;
        let settled = transaction.one(SETTLE_KEY_PROOF, &[&proof_if_new]).await?.get(0);
        transaction.commit().await?;
        Ok(settled)
    }

    async fn directory_version(&self) -> Result<u64, StoreError> {
        // Servers look all the time, so a database that changes is noticed soon.
        self.check().await
    }

    async fn directory(&self) -> Result<DirectorySnapshot, StoreError> {
        Ok(snapshot::read(&self.core.sessions, &*self.core.audit_chain()).await?)
    }

    async fn user_keys(&self, user: UserId) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = self.core.sessions.read(snapshot::KEYS_OF_USER, &[&user.0.cast_signed()]).await?;
        Ok(rows.iter().map(snapshot::key).collect::<Result<_, _>>()?)
    }

    async fn last_sign_ins(&self, users: Vec<UserId>) -> Result<HashMap<UserId, Timestamp>, StoreError> {
        let users: Vec<_> = users.iter().map(|user| user.0.cast_signed()).collect();
        let rows = self.core.sessions.read(LAST_SIGN_INS, &[&users]).await?;
        Ok(rows.iter().map(|row| (UserId(number(row, 0)), Timestamp(row.get(1)))).collect())
    }

    async fn create_account(
        &self,
        name: String,
        wrap_key: WrapKey,
        origin: &Origin,
    ) -> Result<AccountRecord, StoreError> {
        let mut change = self.change(origin).await?;
        change.refuse_if_found(ACCOUNT_NAME, &name).await?;
        let id = change.next_id(NEXT_ACCOUNT).await?;
        let (account, number) = (AccountId(id), id.cast_signed());
        let wrapped_key = wrap_key(account);
        change.run(ADD_ACCOUNT_NAME, &[&unique_name(&name), &number]).await?;
        change.run(ADD_ACCOUNT, &[&PARTITION_NUMBER, &number, &name, &wrapped_key, &change.now()]).await?;
        change.record(Action::CreateAccount, Object::Account(account), Some(account));
        change.finish(AccountRecord { id: account, name, state: AccountState::Active, wrapped_key }).await
    }

    async fn request_erasure(
        &self,
        account: IdOrName<AccountId>,
        grace_seconds: u64,
        origin: &Origin,
    ) -> Result<ErasureRecord, StoreError> {
        let mut change = self.change(origin).await?;
        let account = change.account_in(&account, AccountState::Active, Conflict::ErasureInProgress).await?;
        if matches!(origin.actor, Actor::User(_)) && change.holds_every_operator(account).await? {
            return Err(Conflict::LastOperator.into());
        }
        change.set_state(account, AccountState::ErasureInProgress).await?;
        let id = change.next_id(NEXT_ERASURE).await?;
        let (number, actor, reason) = (account.0.cast_signed(), origin.actor.to_string(), origin.reason.as_deref());
        let due_at = Timestamp(change.now()).plus_seconds(grace_seconds).0;
        change.run(REQUEST_ERASURE, &[&id.cast_signed(), &number, &change.now(), &actor, &reason, &due_at]).await?;
        change.record(Action::RequestErasure, Object::Account(account), Some(account));
        let requested = erasure_rows::find(&change, ErasureId(id)).await?;
        change.finish(requested).await
    }

    async fn cancel_erasure(&self, account: IdOrName<AccountId>, origin: &Origin) -> Result<ErasureRecord, StoreError> {
        let mut change = self.change(origin).await?;
        let account =
            change.account_in(&account, AccountState::ErasureInProgress, Conflict::NoErasureInProgress).await?;
        let cancelled = change.first(CANCEL_ERASURE, &[&account.0.cast_signed()]).await?;
        let cancelled = ErasureId(number(&cancelled.ok_or(Conflict::ErasureRunning)?, 0));
        change.set_state(account, AccountState::Active).await?;
        change.record(Action::CancelErasure, Object::Account(account), Some(account));
        let cancelled = erasure_rows::find(&change, cancelled).await?;
        change.finish(cancelled).await
    }

    async fn create_group(&self, name: String, origin: &Origin) -> Result<GroupRecord, StoreError> {
        let mut change = self.change(origin).await?;
        change.refuse_if_found(GROUP_NAME, &name).await?;
        let id = change.next_id(NEXT_GROUP).await?;
        change.run(ADD_GROUP, &[&id.cast_signed(), &name, &unique_name(&name)]).await?;
        change.record(Action::CreateGroup, Object::Group(GroupId(id)), None);
        change.finish(GroupRecord { id: GroupId(id), name, accounts: Vec::new() }).await
    }

    async fn add_to_group(
        &self,
        group: IdOrName<GroupId>,
        account: IdOrName<AccountId>,
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError> {
        self.change_member(ADD_MEMBER, Action::AddToGroup, Conflict::AlreadyInGroup, (&group, &account), origin).await
    }

    async fn remove_from_group(
        &self,
        group: IdOrName<GroupId>,
        account: IdOrName<AccountId>,
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError> {
        let members = (&group, &account);
        self.change_member(REMOVE_MEMBER, Action::RemoveFromGroup, Conflict::NotInGroup, members, origin).await
    }

    async fn create_user(&self, new: NewUser, origin: &Origin) -> Result<UserRecord, StoreError> {
        let mut change = self.change(origin).await?;
        change.refuse_if_found(USER_NAME, &new.name).await?;
        let (account, _) = change.account(&new.account.into()).await?;
        let group = match new.group {
            Some(name) => Some(change.group(&name.into()).await?),
            None => None,
        };
        let id = change.next_id(NEXT_USER).await?;
        let group_number = group.map(|group| group.0.cast_signed());
        let (role, now) = (new.role.name(), change.now());
        let (number, unique, home) = (id.cast_signed(), unique_name(&new.name), account.0.cast_signed());
        change.run(ADD_USER, &[&number, &new.name, &unique, &home, &group_number, &role, &now]).await?;
        change.record(Action::CreateUser, Object::User(UserId(id)), Some(account));
        let (name, role, created_at) = (Some(new.name), new.role, Timestamp(now));
        change.finish(UserRecord { id: UserId(id), name, account, group, role, enabled: true, created_at }).await
    }

    async fn edit_user(
        &self,
        user: IdOrName<UserId>,
        changes: UserChanges,
        origin: &Origin,
    ) -> Result<UserRecord, StoreError> {
        let mut change = self.change(origin).await?;
        let edited = change.edit_user(&user, changes).await?;
        change.finish(edited).await
    }

    async fn add_key(&self, new: NewKey, origin: &Origin) -> Result<KeyRecord, StoreError> {
        let mut change = self.change(origin).await?;
        let (user, account) = change.user(&new.user).await?;
        let id = change.next_id(NEXT_KEY).await?;
        let imported = new.kind == KeyKind::Imported;
        let (expires_at, now) = (new.expires_at.map(|moment| moment.0), change.now());
        let (number, user, allowed) = (id.cast_signed(), user.0.cast_signed(), snapshot::written_ranges(&new.allowed));
        let added = change
            .run(
                ADD_KEY,
                &[&number, &new.key_id, &user, &new.digest, &imported, &new.label, &now, &expires_at, &allowed],
            )
            .await?;
        refuse_if_unchanged(added.count, Conflict::KeyKnown)?;
        let action = if imported { Action::ImportKey } else { Action::IssueKey };
        change.record(action, Object::Key(&new.key_id), Some(account));
        let added = snapshot::key_by_id(&change, &new.key_id).await?;
        change.finish(added).await
    }

    async fn revoke_key(&self, key_id: String, origin: &Origin) -> Result<KeyRecord, StoreError> {
        let mut change = self.change(origin).await?;
        let account = change.account_of_key(&key_id).await?;
        let revoked = change.run(REVOKE_KEY, &[&key_id, &change.now()]).await?;
        refuse_if_unchanged(revoked.count, Conflict::AlreadyRevoked)?;
        change.record(Action::RevokeKey, Object::Key(&key_id), Some(account));
        let revoked = snapshot::key_by_id(&change, &key_id).await?;
        change.finish(revoked).await
    }

    async fn reseal_directory(&self, origin: &Origin) -> Result<DirectorySnapshot, StoreError> {
        let mut change = Change::unchecked(self.core.begin().await?, &self.core, origin).await?;
        change.record(Action::ResealDirectory, Object::Registry, None);
        change.seal().await
    }

    async fn note_key_uses(&self, mut uses: Vec<(String, Timestamp)>) -> Result<(), StoreError> {
        uses.sort_unstable();
        let keys: Vec<_> = uses.iter().map(|(key_id, _)| key_id.as_str()).collect();
        let moments: Vec<_> = uses.iter().map(|(_, at)| at.0).collect();
        let transaction = self.core.begin().await?;
        transaction.run(NOTE_USES, &[&keys, &moments]).await?;
        transaction.commit().await
    }
}

impl PostgresStore {
    /// Begins a change of the directory.
    pub(crate) async fn change<'a>(&self, origin: &'a Origin) -> Result<Change<'a>, StoreError> {
        Change::begin(&self.core, origin).await
    }

    /// Adds an account to a group, or removes it.
    async fn change_member(
        &self,
        statement: &'static str,
        action: Action,
        otherwise: Conflict,
        (group, account): (&IdOrName<GroupId>, &IdOrName<AccountId>),
        origin: &Origin,
    ) -> Result<GroupRecord, StoreError> {
        let mut change = self.change(origin).await?;
        let (group, (account, _)) = (change.group(group).await?, change.account(account).await?);
        let changed = change.run(statement, &[&group.0.cast_signed(), &account.0.cast_signed()]).await?;
        refuse_if_unchanged(changed.count, otherwise)?;
        change.record(action, Object::Group(group), Some(account));
        let changed = snapshot::group_by_id(&change, group).await?;
        change.finish(changed).await
    }
}

fn refuse_if_unchanged(rows: u64, conflict: Conflict) -> Result<(), Conflict> {
    if rows == 0 { Err(conflict) } else { Ok(()) }
}
