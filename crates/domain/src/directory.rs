//! Accounts, groups and users: their states and what they may be called.

use std::fmt;

/// The state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Customers can be created, read and edited.
    Active,
    /// Erasure was requested: nothing can be created or edited; reads go on.
    ErasureInProgress,
    /// Nothing is left of it.
    Erased,
}

impl AccountState {
    /// The state's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            AccountState::Active => "ACTIVE",
            AccountState::ErasureInProgress => "ERASURE_IN_PROGRESS",
            AccountState::Erased => "ERASED",
        }
    }
}

/// Why a name for an account, a group, a user or a label is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no character but white space, or white space around it.
    Blank,
    /// It has more than [`MAX_NAME`] characters.
    TooLong,
    /// It holds a control character.
    Control,
    /// It is a user name with a colon, which no client could sign in with.
    Colon,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Blank => f.write_str("it must have a character, and no white space around it"),
            NameError::TooLong => write!(f, "it must have at most {MAX_NAME} characters"),
            NameError::Control => f.write_str("it must not hold control characters"),
            NameError::Colon => f.write_str("it must not hold a colon, which HTTP Basic uses as separator"),
        }
    }
}

/// The most characters that the name of an account, a group or a user can have.
pub const MAX_NAME: usize = 100;

/// Says whether an account, a group or a key's label can be called this, or a reason can be put so.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() || name.trim() != name {
        Err(NameError::Blank)
    } else if name.chars().count() > MAX_NAME {
        Err(NameError::TooLong)
    } else if name.chars().any(is_control) {
        Err(NameError::Control)
    } else {
        Ok(())
    }
}

/// Says whether a user can be called this.
pub fn check_user_name(name: &str) -> Result<(), NameError> {
    check_name(name)?;
    if name.contains(':') { Err(NameError::Colon) } else { Ok(()) }
}

/// Whether a character is one that no text of the registry may hold: U+0000 to U+001F and U+007F.
pub fn is_control(character: char) -> bool {
    character.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_visible_bounded_and_free_of_control_characters() {
        assert_eq!(check_name("Acme Europe"), Ok(()));
        assert_eq!(check_name(&"😀".repeat(MAX_NAME)), Ok(()));
        assert_eq!(check_name(&"a".repeat(MAX_NAME + 1)), Err(NameError::TooLong));
        assert_eq!(check_name(""), Err(NameError::Blank));
        assert_eq!(check_name(" Acme"), Err(NameError::Blank));
        assert_eq!(check_name("Ac\u{7f}me"), Err(NameError::Control));
        assert_eq!(check_user_name("a:b"), Err(NameError::Colon));
    }
}
