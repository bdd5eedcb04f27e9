//! The seal of the directory: rights cannot be granted, or restored after a revocation, without the key of the registry.
//!
//! Write access to the database is enough to make any user an operator. So the registry's row has a seal: a MAC of the version
//! of the directory and of everything in it that gives or takes rights. It covers the directory as a whole, so that a row
//! that was altered, copied, deleted or put back to an older state shows. The end of the audit log names the newest seal, so a
//! whole older directory shows that was put back together with its seal. If the end of the log was put back as well, the
//! version shows it to a running server.
//!
//! An adapter
//!
//! 1. stores the seal of the empty directory when it makes a registry ([`DirectorySnapshot::seal_with`]),
//! 2. in the transaction of each change of the directory reads it and calls [`DirectorySnapshot::check`] first, and fails
//!    with [`StoreError::Corrupt`](crate::StoreError::Corrupt) if that fails, so that no change seals what was altered,
//! 3. counts the version up with the change, reads the directory again, stores its seal, and has the end of the audit log
//!    name it ([`AuditLog::set_directory`](crate::AuditLog::set_directory)),
//! 4. does the same with a restored directory in [`Restoring::finish`](crate::Restoring::finish), and checks the directory in
//!    the transaction of [`Backups::back_up`](crate::Backups::back_up): a restore would seal what was altered before the
//!    backup.
//!
//! A reader of the directory checks it before it grants any rights.

use crate::{AccountRecord, DirectorySnapshot, GroupRecord, KeyKind, KeyRecord, Seal, UserRecord};
use carnelian_domain::AccountState;

/// Makes seals with the key of one registry ([`RegistryKeys`](crate::RegistryKeys)).
pub trait DirectoryKey: Send + Sync {
    /// The MAC of the content of a directory.
    fn seal(&self, content: &[u8]) -> Seal;
}

/// Why a directory is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// It is not what was sealed.
    #[error(
        "accounts, groups, users or keys were altered outside of Carnelian: nobody can sign in until the registry is \
         restored, or `carnelian directory reseal` accepts what is stored"
    )]
    Altered,
    /// It is not the newest one.
    #[error(
        "an older state of accounts, groups, users and keys was put back, or the end of the audit log was altered: nobody \
         can sign in until the registry is restored, or `carnelian directory reseal` accepts what is stored and the \
         server is started again"
    )]
    Older,
}

impl DirectorySnapshot {
    /// The seal of this directory.
    pub fn seal_with(&self, key: &dyn DirectoryKey) -> Seal {
        key.seal(&self.sealed_content())
    }

    /// Checks that the directory is what was sealed last.
    pub fn check(&self, key: &dyn DirectoryKey) -> Result<(), DirectoryError> {
        let expected = self.seal_with(key);
        // In constant time.
        let differences =
            expected.iter().zip(&self.seal).fold(0, |differences, (one, other)| differences | (one ^ other));
        if self.seal.len() != expected.len() || differences != 0 {
            return Err(DirectoryError::Altered);
        }
        if expected == self.newest { Ok(()) } else { Err(DirectoryError::Older) }
    }

    /// Everything in the directory that gives or takes rights, in a form that no other directory has.
    fn sealed_content(&self) -> Vec<u8> {
        let DirectorySnapshot { version, seal: _, newest: _, accounts, groups, users, keys } = self;
        let mut content = Content(Vec::new());
        content.number(*version);
        content.list(accounts, Content::account);
        content.list(groups, Content::group);
        content.list(users, Content::user);
        content.list(keys, Content::key);
        content.0
    }
}

/// The content of a directory as bytes: numbers have eight, texts and lists are preceded by their length.
struct Content(Vec<u8>);

impl Content {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn list<T>(&mut self, list: &[T], write: fn(&mut Content, &T)) {
        self.number(list.len() as u64);
        list.iter().for_each(|entry| write(self, entry));
    }

    fn option<T>(&mut self, option: Option<T>, write: impl FnOnce(&mut Content, T)) {
        self.number(option.is_some().into());
        if let Some(value) = option {
            write(self, value);
        }
    }

    fn account(&mut self, account: &AccountRecord) {
        // The wrapped key is bound to its account by what wraps it, and damage to it concerns one account alone.
        let AccountRecord { id, name, state, wrapped_key: _ } = account;
        self.number(id.0);
        self.text(name);
        self.number(match state {
            AccountState::Active => 0,
            AccountState::ErasureInProgress => 1,
            AccountState::Erased => 2,
        });
    }

    fn group(&mut self, group: &GroupRecord) {
        let GroupRecord { id, name, accounts } = group;
        self.number(id.0);
        self.text(name);
        self.list(accounts, |content, account| content.number(account.0));
    }

    fn user(&mut self, user: &UserRecord) {
        // When a user was created gives no rights.
        let UserRecord { id, name, account, group, role, enabled, created_at: _ } = user;
        self.number(id.0);
        self.option(name.as_deref(), Content::text);
        self.number(account.0);
        self.option(*group, |content, group| content.number(group.0));
        self.text(role.name());
        self.number((*enabled).into());
    }

    fn key(&mut self, key: &KeyRecord) {
        // When a key was last used gives no rights, and is noted without a change of the directory.
        let KeyRecord {
            key_id,
            user,
            digest,
            kind,
            label,
            created_at,
            expires_at,
            revoked_at,
            last_used_at: _,
            allowed,
        } = key;
        self.text(key_id);
        self.number(user.0);
        self.bytes(digest);
        self.number(match kind {
            KeyKind::Issued => 0,
            KeyKind::Imported => 1,
        });
        self.option(label.as_deref(), Content::text);
        self.number(created_at.0 as u64);
        self.option(*expires_at, |content, at| content.number(at.0 as u64));
        self.option(*revoked_at, |content, at| content.number(at.0 as u64));
        self.list(allowed, |content, range| content.text(&range.to_string()));
    }
}

#[cfg(all(test, feature = "contract"))]
mod tests {
    use super::*;
    use crate::{RegistryId, contract::TestKeys, keys::RegistryKeys};
    use carnelian_domain::{AccountId, GroupId, Role, Timestamp, UserId};

    fn directory() -> DirectorySnapshot {
        DirectorySnapshot {
            version: 7,
            seal: Vec::new(),
            newest: [0; 32],
            accounts: vec![
                AccountRecord {
                    id: AccountId(1),
                    name: "Acme".into(),
                    state: AccountState::Active,
                    wrapped_key: b"key".to_vec(),
                },
                AccountRecord {
                    id: AccountId(2),
                    name: "Other".into(),
                    state: AccountState::ErasureInProgress,
                    wrapped_key: b"other key".to_vec(),
                },
            ],
            groups: vec![GroupRecord { id: GroupId(1), name: "West".into(), accounts: vec![AccountId(1)] }],
            users: vec![UserRecord {
                id: UserId(1),
                name: Some("ada".into()),
                account: AccountId(1),
                group: None,
                role: Role::AccountReadOnly,
                enabled: false,
                created_at: Timestamp(5),
            }],
            keys: vec![KeyRecord {
                key_id: "k1".into(),
                user: UserId(1),
                digest: b"digest".to_vec(),
                kind: KeyKind::Issued,
                label: None,
                created_at: Timestamp(5),
                expires_at: Some(Timestamp(6)),
                revoked_at: None,
                last_used_at: None,
                allowed: vec!["10.0.0.0/8".parse().expect("a range")],
            }],
        }
    }

    #[test]
    fn a_seal_fits_no_directory_that_gives_other_rights_and_no_other_registry() {
        let key = TestKeys.directory_key(RegistryId([7; 16]));
        let mut sealed = directory();
        sealed.newest = sealed.seal_with(&*key);
        sealed.seal = sealed.newest.to_vec();
        assert_eq!(sealed.check(&*key), Ok(()));
        assert_eq!(sealed.check(&*TestKeys.directory_key(RegistryId([8; 16]))), Err(DirectoryError::Altered));
        type Alter = fn(&mut DirectorySnapshot);
        let altered: [Alter; 26] = [
            |directory| directory.version += 1,
            |directory| directory.seal.clear(),
            |directory| directory.seal[31] ^= 1,
            |directory| directory.seal[30..].iter_mut().for_each(|byte| *byte ^= 1),
            |directory| directory.seal.push(0),
            |directory| directory.accounts.swap(0, 1),
            |directory| drop(directory.accounts.pop()),
            |directory| directory.accounts[1].name.push('x'),
            |directory| directory.accounts[1].state = AccountState::Active,
            |directory| directory.groups.clear(),
            |directory| directory.groups[0].name.clear(),
            |directory| directory.groups[0].accounts.push(AccountId(2)),
            |directory| directory.users.clear(),
            |directory| directory.users[0].name = None,
            |directory| directory.users[0].name = Some("eva".into()),
            |directory| directory.users[0].account = AccountId(2),
            |directory| directory.users[0].group = Some(GroupId(1)),
            |directory| directory.users[0].role = Role::Operator,
            |directory| directory.users[0].enabled = true,
            |directory| directory.keys.clear(),
            |directory| directory.keys[0].user = UserId(2),
            |directory| directory.keys[0].digest = b"another".to_vec(),
            |directory| directory.keys[0].kind = KeyKind::Imported,
            |directory| directory.keys[0].expires_at = None,
            |directory| directory.keys[0].revoked_at = Some(Timestamp(1)),
            |directory| directory.keys[0].allowed.clear(),
        ];
        for (number, alter) in altered.into_iter().enumerate() {
            let mut directory = sealed.clone();
            alter(&mut directory);
            assert_eq!(directory.check(&*key), Err(DirectoryError::Altered), "alteration {number}");
        }
        sealed.keys[0].last_used_at = Some(Timestamp(9));
        sealed.accounts[0].wrapped_key.clear();
        assert_eq!(sealed.check(&*key), Ok(()), "neither gives rights");
        sealed.newest[0] ^= 1;
        assert_eq!(sealed.check(&*key), Err(DirectoryError::Older));
    }
}
