//! The vocabulary of the audit log: actors, origins, objects and actions.
//!
//! An entry never contains a name or a value: objects and actors are recorded by id, so that entries can stay when an
//! account is erased.

use crate::ids::{AccountId, CustomerId, GroupId, JobId, UserId};
use std::{fmt, net::IpAddr, sync::Arc};

/// Recorded instead of field names if it is not known which fields changed.
pub const ANY_FIELD: &str = "*";

/// The author of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user of the HTTP API.
    User(UserId),
    /// A command on the server's machine.
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

impl Actor {
    /// Reads an actor as it is written in an entry.
    pub fn parse(text: &str) -> Option<Actor> {
        match text.split_once(':') {
            Some(("user", id)) => UserId::from_digits(id).map(Actor::User),
            None if text == "command_line" => Some(Actor::CommandLine),
            None if text == "server" => Some(Actor::Server),
            _ => None,
        }
    }
}

/// The origin of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its author.
    pub actor: Actor,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The id of the request.
    pub request_id: Option<Arc<str>>,
    /// The reason that the author gave.
    pub reason: Option<Arc<str>>,
    /// The version of the directory with which the author's rights were confirmed; `None` for commands and the server, which
    /// need none.
    pub directory_version: Option<u64>,
}

impl Origin {
    /// The origin of a change without a request.
    pub const fn new(actor: Actor) -> Origin {
        Origin { actor, address: None, request_id: None, reason: None, directory_version: None }
    }

    /// The same, of an author whose rights were confirmed with a version of the directory.
    #[must_use]
    pub fn confirmed_with(&self, directory_version: Option<u64>) -> Origin {
        Origin { directory_version, ..self.clone() }
    }
}

/// The object of a change.
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
    /// A key, by its id, which is not secret.
    Key(&'a str),
    /// A job of a server.
    Job(JobId),
    /// The whole registry.
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
            Object::Job(id) => write!(f, "job:{id}"),
            Object::Registry => f.write_str("registry"),
            Object::Operation(name) => write!(f, "operation:{name}"),
        }
    }
}

impl<'a> Object<'a> {
    /// Reads an object as it is written in an entry.
    pub fn parse(text: &'a str) -> Option<Object<'a>> {
        let Some((kind, id)) = text.split_once(':') else { return (text == "registry").then_some(Object::Registry) };
        match kind {
            "customer" => CustomerId::parse(id).map(Object::Customer),
            "account" => AccountId::from_digits(id).map(Object::Account),
            "group" => GroupId::from_digits(id).map(Object::Group),
            "user" => UserId::from_digits(id).map(Object::User),
            "key" => Some(Object::Key(id)),
            "job" => JobId::from_digits(id).map(Object::Job),
            "operation" => Some(Object::Operation(id)),
            _ => None,
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal;)*) => {
        /// An action that is recorded. An operation has the same name everywhere.
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
    /// A customer was replaced, and possibly moved to another account.
    EditCustomer = "edit_customer";
    /// A customer was erased.
    EraseCustomer = "erase_customer";
    /// The security answer of a customer was read.
    ReadSecurityAnswer = "read_security_answer";
    /// Customers were exported, with their personal data.
    ExportCustomers = "export_customers";
    /// An account was created.
    CreateAccount = "create_account";
    /// The erasure of an account was requested.
    RequestErasure = "request_erasure";
    /// A requested erasure was cancelled.
    CancelErasure = "cancel_erasure";
    /// An account was erased.
    EraseAccount = "erase_account";
    /// A backup was written.
    BackUp = "back_up";
    /// A ledger was written: the keys of all accounts that are not erased.
    WriteLedger = "write_ledger";
    /// A job was created: an import, an export or a backup in the server.
    CreateJob = "create_job";
    /// A job has ended.
    EndJob = "end_job";
    /// The cancellation of a job was requested.
    CancelJob = "cancel_job";
    /// A job that had ended was deleted with its files.
    DeleteJob = "delete_job";
    /// The result of a job was sent to a client.
    GetJobResult = "get_job_result";
    /// The registry was restored from a backup.
    Restore = "restore";
    /// Accounts, groups, users and keys that were altered outside of the program were accepted.
    ResealDirectory = "reseal_directory";
    /// The server was started with changed settings.
    ChangeSettings = "change_settings";
    /// A group was created.
    CreateGroup = "create_group";
    /// An account was added to a group.
    AddToGroup = "add_to_group";
    /// An account was removed from a group.
    RemoveFromGroup = "remove_from_group";
    /// A user was created.
    CreateUser = "create_user";
    /// The role or the group of a user was changed.
    EditUser = "edit_user";
    /// A user was enabled.
    EnableUser = "enable_user";
    /// A user was disabled.
    DisableUser = "disable_user";
    /// A key was issued.
    IssueKey = "issue_key";
    /// A key was imported.
    ImportKey = "import_key";
    /// A key was revoked.
    RevokeKey = "revoke_key";
    /// An administrative operation was refused: the caller is not an operator, or no operator would remain.
    Refuse = "refused";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_and_objects_read_back_as_they_are_written() {
        for text in ["user:7", "command_line", "server"] {
            assert_eq!(Actor::parse(text).expect(text).to_string(), text);
        }
        for text in ["customer:17", "account:1", "group:2", "user:3", "key:ab", "registry", "operation:create_user"] {
            assert_eq!(Object::parse(text).expect(text).to_string(), text);
        }
        for wrong in ["", "user", "user:", "user:x", "customer:-1", "registry:1", "server:1", "ann", "17"] {
            assert_eq!((Actor::parse(wrong), Object::parse(wrong)), (None, None), "{wrong}");
        }
    }
}
