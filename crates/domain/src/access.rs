//! Roles, permissions and scopes.

use crate::ids::{AccountId, UserId};
use std::{fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

/// The role of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads and writes customers.
    AccountAdmin,
    /// Reads customers.
    AccountReadOnly,
    /// Administers accounts, groups and users, and reads and writes customers of every account.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::AccountAdmin, Role::AccountReadOnly, Role::Operator];

    /// The role's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Role::AccountAdmin => "ACCOUNTADMIN",
            Role::AccountReadOnly => "ACCOUNTREADONLY",
            Role::Operator => "OPERATOR",
        }
    }

    /// Whether the role allows a permission.
    pub fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::ReadCustomers | Permission::ReadDirectory => true,
            Permission::WriteCustomers => self != Role::AccountReadOnly,
            Permission::Administer => self == Role::Operator,
        }
    }

    /// Whether the role allows something that another one does not.
    pub fn allows_more_than(self, other: Role) -> bool {
        Permission::ALL.into_iter().any(|permission| self.allows(permission) && !other.allows(permission))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        let found = Role::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| format!("a role is one of {}", Role::ALL.map(Role::name).join(", ")))
    }
}

/// A permission that an operation requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To read customers.
    ReadCustomers,
    /// To create and edit customers, and to see security answers.
    WriteCustomers,
    /// To read accounts and users.
    ReadDirectory,
    /// To administer accounts, groups, users and keys, and to read the audit log.
    Administer,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Permission; 4] =
        [Permission::ReadCustomers, Permission::WriteCustomers, Permission::ReadDirectory, Permission::Administer];
}

/// The accounts that a user can access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every account.
    Every,
    /// These accounts: the home account and those of the user's group.
    Accounts(Vec<AccountId>),
}

impl Scope {
    /// Whether an account is in scope.
    pub fn includes(&self, account: AccountId) -> bool {
        match self {
            Scope::Every => true,
            Scope::Accounts(accounts) => accounts.contains(&account),
        }
    }
}

/// An authenticated user and the user's rights at the time of the sign-in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user's id.
    pub user: UserId,
    /// The user's name.
    pub user_name: Arc<str>,
    /// The user's home account; `None` for a caller inside the program.
    pub account: Option<AccountId>,
    /// The user's role.
    pub role: Role,
    /// The accounts that the user can access.
    pub scope: Arc<Scope>,
    /// How the user signed in; `None` for a caller inside the program, whose rights do not end.
    pub sign_in: Option<SignIn>,
}

/// A sign-in: what is needed to check later that it is still valid.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The id of the key that was used.
    pub key_id: Arc<str>,
    /// The client's address.
    pub address: IpAddr,
    /// The version of the directory that the rights were read from.
    pub directory_version: u64,
    /// When the rights were checked, on the monotonic clock.
    pub checked_at: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_role_reads_and_does_not_write() {
        assert!(Role::AccountReadOnly.allows(Permission::ReadCustomers));
        assert!(Role::AccountReadOnly.allows(Permission::ReadDirectory));
        assert!(!Role::AccountReadOnly.allows(Permission::WriteCustomers));
        assert!(Role::AccountAdmin.allows(Permission::WriteCustomers));
        assert!(Role::Operator.allows(Permission::WriteCustomers));
    }

    #[test]
    fn only_an_operator_administers() {
        let allowed = Role::ALL.map(|role| role.allows(Permission::Administer));
        assert_eq!(allowed, [false, false, true]);
    }

    #[test]
    fn a_role_allows_more_than_another_that_lacks_one_of_its_permissions() {
        let (reads, writes, operates) = (Role::AccountReadOnly, Role::AccountAdmin, Role::Operator);
        for (role, other) in [(writes, reads), (operates, reads), (operates, writes)] {
            assert!(role.allows_more_than(other) && !other.allows_more_than(role), "{role} and {other}");
        }
        assert!(Role::ALL.iter().all(|role| !role.allows_more_than(*role)));
    }

    #[test]
    fn parsing_reverses_formatting() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("ADMIN".parse::<Role>().is_err());
    }
}
