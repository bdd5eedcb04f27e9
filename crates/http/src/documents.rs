//! The JSON of the administration API, for commands that show the same without a server.

use crate::{
    admin::v1::{
        status::StatusReply,
        wire::{EntryReply, ErasureReply, GroupReply, IssuedReply, KeyReply, SettingsReply},
    },
    rws::v1::wire::{AccountReply, UserReply},
};
use carnelian_app::{
    admin::{
        audit::ListedEntry,
        groups::GroupDetails,
        keys::{AddedKey, KeyEntry},
        status::RegistryStatus,
    },
    directory::{Account, UserDetails},
    erasure::ErasureRecord,
    settings::SettingInForce,
};
use serde_json::{Value, json};

macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident: $value:ty => $reply:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(value: &$value) -> Value {
            json!($reply::from(value))
        }
    )*};
}

documents! {
    /// An account.
    account: Account => AccountReply;
    /// The erasure of an account.
    erasure: ErasureRecord => ErasureReply;
    /// A group with its accounts.
    group: GroupDetails => GroupReply;
    /// A user.
    user: UserDetails => UserReply;
    /// A key, without the key itself.
    key: KeyEntry => KeyReply;
    /// A new key.
    issued_key: AddedKey => IssuedReply;
    /// An entry of the audit log.
    entry: ListedEntry => EntryReply;
    /// The settings of a server.
    settings: [SettingInForce] => SettingsReply;
    /// How a registry and its server are doing.
    status: RegistryStatus => StatusReply;
}
