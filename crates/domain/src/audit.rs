//! Who changed what, from where and why: the words of the audit log.
//!
//! Never a value that was changed, and never a name: objects and actors are told by their ids, so that what is written
//! down here need not be forgotten when an account is erased.

use crate::ids::{AccountId, CustomerId, GroupId, UserId};
use std::{fmt, net::IpAddr, sync::Arc};

/// Stands for the names of all fields where it is not known which ones changed.
pub const ANY_FIELD: &str = "*";

/// Who makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user, over HTTP.
    User(UserId),
    /// Whoever typed a command on the server's machine.
    CommandLine,
    /// The server itself.
    Server,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(id) => write!(f, "user:{id}"),
            Actor::CommandLine => f.write_str("command_line"),
            Actor::Server => f.write_str("server"),
        }
    }
}

/// Where a change comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who makes it.
    pub actor: Actor,
    /// The address that it was asked for from.
    pub address: Option<IpAddr>,
    /// The request that asked for it.
    pub request_id: Option<Arc<str>>,
    /// Why it is made, in the words of whoever asked for it.
    pub reason: Option<Arc<str>>,
}

impl Origin {
    /// A change that no request asked for.
    pub fn of(actor: Actor) -> Origin {
        Origin { actor, address: None, request_id: None, reason: None }
    }
}

/// What a change is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object<'a> {
    /// A customer.
    Customer(CustomerId),
    /// An account.
    Account(AccountId),
    /// A group of accounts.
    Group(GroupId),
    /// A user.
    User(UserId),
    /// A key, by its id, which is no secret.
    Key(&'a str),
    /// Everything there is.
    Registry,
    /// An operation that was refused.
    Operation(&'a str),
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Customer(id) => write!(f, "customer:{id}"),
            Object::Account(id) => write!(f, "account:{id}"),
            Object::Group(id) => write!(f, "group:{id}"),
            Object::User(id) => write!(f, "user:{id}"),
            Object::Key(id) => write!(f, "key:{id}"),
            Object::Registry => f.write_str("registry"),
            Object::Operation(name) => write!(f, "operation:{name}"),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal;)*) => {
        /// What is done; an operation has the name here that it has everywhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action { $($(#[$doc])* $action,)* }

        impl Action {
            /// Every action.
            pub const ALL: &[Action] = &[$(Action::$action,)*];

            /// The action's name.
            pub fn name(self) -> &'static str {
                match self { $(Action::$action => $name,)* }
            }

            /// The action with a name.
            pub fn from_name(name: &str) -> Option<Action> {
                Action::ALL.iter().copied().find(|action| action.name() == name)
            }
        }
    };
}

actions! {
    /// A customer was created.
    CreateCustomer = "create_customer";
    /// A customer was replaced, and perhaps moved.
    EditCustomer = "edit_customer";
    /// A customer was erased.
    EraseCustomer = "erase_customer";
    /// Customers were read out as a whole, with everything personal.
    ExportCustomers = "export_customers";
    /// An account was created.
    CreateAccount = "create_account";
    /// Erasure of an account was asked for.
    RequestErasure = "request_erasure";
    /// A request for erasure was taken back.
    CancelErasure = "cancel_erasure";
    /// An account was erased.
    EraseAccount = "erase_account";
    /// Everything was written into a backup.
    BackUp = "back_up";
    /// Everything was restored from a backup.
    Restore = "restore";
    /// The registry is served with other settings than before.
    ChangeSettings = "change_settings";
    /// A group was created.
    CreateGroup = "create_group";
    /// An account was added to a group.
    AddToGroup = "add_to_group";
    /// An account was taken out of a group.
    RemoveFromGroup = "remove_from_group";
    /// A user was created.
    CreateUser = "create_user";
    /// A user has another role or group.
    EditUser = "edit_user";
    /// A user may sign in again.
    EnableUser = "enable_user";
    /// A user may no longer sign in.
    DisableUser = "disable_user";
    /// A key was made.
    IssueKey = "issue_key";
    /// A key from elsewhere was taken over.
    ImportKey = "import_key";
    /// A key no longer works.
    RevokeKey = "revoke_key";
    /// Administration was refused: to whom it is not allowed, or because nobody could administer any more.
    Refuse = "refused";
}
