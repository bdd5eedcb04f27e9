//! Backups: everything in a registry at one moment, as records that no engine is part of.
//!
//! A backup that was made on one engine is restored on any other. What can be derived from records is not part of them:
//! indexes, hashes of names, counters of the directory. Remembered idempotent writes and unfinished imports are left out,
//! since they mean nothing to another registry.

use crate::{DirectorySnapshot, ErasureRecord, ErasureState, PartitionId, RegistryId, StoreError};
use carnelian_domain::{AccountId, AccountState, CustomerId, Role};
use serde::{Deserialize, Serialize};

/// A part of a registry. Ids are numbers, times are milliseconds since the UNIX epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// The registry as a whole; one, and the first.
    Registry {
        /// Proves which master key is the registry's.
        #[serde(with = "optional_base64")]
        key_proof: Option<Vec<u8>>,
        /// The ids that are never given again.
        ids: GivenIds,
    },
    /// An account.
    Account {
        /// Its id.
        id: u64,
        /// Its name; empty once erased.
        name: String,
        /// Its state.
        #[serde(with = "account_state")]
        state: AccountState,
        /// When it was created.
        created_at: i64,
        /// Its wrapped data key. It is never written to a backup: only a ledger has it.
        #[serde(skip)]
        wrapped_key: Vec<u8>,
    },
    /// A group of accounts.
    Group {
        /// Its id.
        id: u64,
        /// Its name.
        name: String,
    },
    /// An account in a group.
    Member {
        /// The group.
        group: u64,
        /// The account.
        account: u64,
    },
    /// A user.
    User(BackupUser),
    /// An API key: the digest, never the key.
    Key(BackupKey),
    /// A setting that the registry was last served with.
    Setting {
        /// Its name.
        name: String,
        /// A keyed digest of its value.
        #[serde(with = "base64")]
        digest: Vec<u8>,
    },
    /// An erasure of an account.
    Erasure(BackupErasure),
    /// A customer that was erased one by one, and must not come back.
    ErasedCustomer {
        /// Its id.
        id: u64,
    },
    /// An entry of the audit log.
    AuditEntry {
        /// The partition of the log.
        #[serde(with = "partition")]
        partition: PartitionId,
        /// Numbers the entries of a log from 1.
        sequence: u64,
        /// When it was written.
        at: i64,
        /// What it says.
        entry: String,
        /// What stands for it and every entry before it.
        #[serde(with = "base64")]
        link: Vec<u8>,
    },
    /// The end of an audit log.
    AuditEnd {
        /// The partition of the log.
        #[serde(with = "partition")]
        partition: PartitionId,
        /// How many entries it has.
        sequence: u64,
        /// The seal of the last one.
        #[serde(with = "base64")]
        seal: Vec<u8>,
    },
    /// A customer.
    Customer(BackupCustomer),
}

/// A user, as a backup has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupUser {
    /// Its id.
    pub id: u64,
    /// Its name; `None` once erased.
    pub name: Option<String>,
    /// Its home account.
    pub account: u64,
    /// The group whose accounts it may act in, too.
    pub group: Option<u64>,
    /// What it may do.
    #[serde(with = "role")]
    pub role: Role,
    /// Whether it can sign in.
    pub enabled: bool,
    /// When it was created.
    pub created_at: i64,
}

/// An API key, as a backup has it: the digest, never the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupKey {
    /// Its public id.
    pub key_id: String,
    /// Its user.
    pub user: u64,
    /// The account of the user.
    pub account: u64,
    /// The digest.
    #[serde(with = "base64")]
    pub digest: Vec<u8>,
    /// Whether it was made by another system.
    pub imported: bool,
    /// What it is for.
    pub label: Option<String>,
    /// When it was added.
    pub created_at: i64,
    /// When it stops working.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was last used.
    pub last_used_at: Option<i64>,
    /// The address ranges that it works from, separated by commas; from everywhere if `None`.
    pub allowed: Option<String>,
}

/// An erasure of an account, as a backup has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupErasure {
    /// Its id.
    pub id: u64,
    /// The account.
    pub account: u64,
    /// How far it has come.
    pub state: ErasureState,
    /// When it was requested.
    pub requested_at: i64,
    /// Who requested it.
    pub requested_by: String,
    /// Why.
    pub reason: Option<String>,
    /// When it begins.
    pub due_at: i64,
    /// When the account's data key was destroyed.
    pub erased_at: Option<i64>,
    /// How many customers were erased.
    pub customers: u64,
    /// How many users were erased.
    pub users: u64,
    /// How many keys were erased.
    pub keys: u64,
    /// The receipt.
    pub receipt: Option<String>,
}

impl From<ErasureRecord> for BackupErasure {
    fn from(erasure: ErasureRecord) -> BackupErasure {
        BackupErasure {
            id: erasure.id.0,
            account: erasure.account.0,
            state: erasure.state,
            requested_at: erasure.requested_at.0,
            requested_by: erasure.requested_by,
            reason: erasure.reason,
            due_at: erasure.due_at.0,
            erased_at: erasure.erased_at.map(|at| at.0),
            customers: erasure.customers,
            users: erasure.users,
            keys: erasure.keys,
            receipt: erasure.receipt,
        }
    }
}

/// A customer, as a backup has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupCustomer {
    /// Its id.
    pub id: u64,
    /// Its account.
    pub account: u64,
    /// Its name as it was sent.
    pub name: String,
    /// The form of the name that is unique in the account.
    pub unique_name: String,
    /// Counts its edits.
    pub version: u64,
    /// Whether the billing address is shown as the shipping address.
    pub ship_to_bill_address: bool,
    /// When it was created.
    pub created_at: i64,
    /// When it was last changed.
    pub modified_at: i64,
    /// Everything personal but the name, sealed under the key of its account.
    #[serde(with = "base64")]
    pub sealed: Vec<u8>,
}

impl Record {
    /// The account whose data the record holds, erased or not; `None` if it holds no data of an account.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Record::Account { id, .. } => Some(AccountId(*id)),
            Record::User(user) => Some(AccountId(user.account)),
            Record::Key(key) => Some(AccountId(key.account)),
            Record::Customer(customer) => Some(AccountId(customer.account)),
            _ => None,
        }
    }
}

/// The ids that a registry has given. It gives none of them again, also if what had them is not there: a restored registry
/// knows ids that were given after the backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenIds {
    /// The first customer id that was never reserved.
    pub next_customer: u64,
    /// The highest id of an account; 0 if there was none.
    pub last_account: u64,
    /// The highest id of a group.
    pub last_group: u64,
    /// The highest id of a user.
    pub last_user: u64,
    /// The highest id of an erasure of an account.
    pub last_erasure: u64,
}

impl GivenIds {
    /// The ids that one or the other has given.
    #[must_use]
    pub fn and(self, other: GivenIds) -> GivenIds {
        GivenIds {
            next_customer: self.next_customer.max(other.next_customer),
            last_account: self.last_account.max(other.last_account),
            last_group: self.last_group.max(other.last_group),
            last_user: self.last_user.max(other.last_user),
            last_erasure: self.last_erasure.max(other.last_erasure),
        }
    }
}

/// What a registry knows that a restore of an older backup must respect.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The directory: erased accounts, and what users may do.
    pub directory: DirectorySnapshot,
    /// The ids that were given, read after it.
    pub ids: GivenIds,
    /// The customers that were erased one by one.
    pub erased_customers: Vec<CustomerId>,
}

/// Takes the records of a backup.
#[async_trait::async_trait]
pub trait RecordSink: Send {
    /// Takes the next records; an error ends the backup.
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError>;
}

/// What can be backed up.
#[async_trait::async_trait]
pub trait Backups: Send + Sync {
    /// Hands out every record as of one moment, while others read and write. A few thousand records at most are in memory.
    ///
    /// The order is that of [`Record`]'s variants, so that whatever a record refers to comes before it, but for audit
    /// entries, and keys come in the order in which they were added.
    async fn back_up(&self, sink: &mut dyn RecordSink) -> Result<(), StoreError>;

    /// The ids that were given.
    async fn given_ids(&self) -> Result<GivenIds, StoreError>;

    /// The customers erased one by one whose ids are greater than `after`: the next `limit` ones in the order of their ids.
    async fn erased_customers(&self, after: CustomerId, limit: usize) -> Result<Vec<CustomerId>, StoreError>;
}

/// A registry that is being filled from records.
#[async_trait::async_trait]
pub trait Restoring: Send {
    /// Stores the next records, in the order of a backup.
    async fn put(&mut self, records: Vec<Record>) -> Result<(), StoreError>;

    /// Appends entries to the restored audit log, as [`AuditEntry::record`](crate::AuditEntry::record) wrote them.
    async fn append_audit(&mut self, entries: Vec<String>) -> Result<(), StoreError>;

    /// Checks that the registry is consistent, and makes it usable.
    ///
    /// Fails with [`StoreError::Corrupt`] if it is not consistent.
    async fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// What can be restored into.
#[async_trait::async_trait]
pub trait Restores: Send + Sync {
    /// Begins to fill the registry, which must be empty, else it fails with
    /// [`Conflict::NotEmpty`](crate::Conflict::NotEmpty). It takes the id of the registry that was backed up, and from now
    /// on uses the keys of that id. Until the end it must not be used otherwise: one that was not finished cannot be
    /// opened.
    async fn begin_restore(&self, registry: RegistryId) -> Result<Box<dyn Restoring + '_>, StoreError>;
}

/// Bytes as text, since JSON has none.
mod base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

mod optional_base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| BASE64.encode(bytes)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| BASE64.decode(text.as_bytes()).map_err(D::Error::custom)).transpose()
    }
}

/// A state by its name.
mod account_state {
    use carnelian_domain::AccountState::{self, Active, Erased, ErasureInProgress};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(state: &AccountState, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(state.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccountState, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = [Active, ErasureInProgress, Erased].into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| D::Error::custom("not the name of a state"))
    }
}

/// A role by its name.
mod role {
    use carnelian_domain::Role;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(role.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A partition by its number.
mod partition {
    use crate::PartitionId;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(partition: &PartitionId, serializer: S) -> Result<S::Ok, S::Error> {
        partition.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PartitionId, D::Error> {
        Deserialize::deserialize(deserializer).map(PartitionId)
    }
}
