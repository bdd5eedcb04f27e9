//! States of accounts, and the rules for names.

use std::fmt;

/// The state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Customers can be created, read and edited.
    Active,
    /// Erasure was requested: nothing can be created or edited, everything can be read.
    ErasureInProgress,
    /// The account and its customers are erased.
    Erased,
}

impl AccountState {
    /// The state's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            AccountState::Active => "Active",
            AccountState::ErasureInProgress => "ErasureInProgress",
            AccountState::Erased => "Erased",
        }
    }
}

/// The states of a user by their names in the API, and whether the user can sign in.
pub const USER_STATES: [(&str, bool); 2] = [("Active", true), ("Disabled", false)];

/// The name of a user's state in the API.
pub fn user_status(enabled: bool) -> &'static str {
    if enabled { USER_STATES[0].0 } else { USER_STATES[1].0 }
}

/// Why a name of an account, a group or a user, or a label, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It is empty or has leading or trailing white space.
    Blank,
    /// It has more than [`MAX_NAME`] characters.
    TooLong,
    /// It contains a control character.
    Control,
    /// It is a user name with a colon, which HTTP Basic authentication cannot transmit.
    Colon,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Blank => f.write_str("it must not be empty or have leading or trailing white space"),
            NameError::TooLong => write!(f, "it must have at most {MAX_NAME} characters"),
            NameError::Control => f.write_str("it must not contain control characters"),
            NameError::Colon => f.write_str("it must not contain a colon, which HTTP Basic uses as separator"),
        }
    }
}

/// The largest number of characters of a name.
pub const MAX_NAME: usize = 100;

/// Checks the name of an account or a group, the label of a key, or a reason.
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

/// Checks the name of a user.
pub fn check_user_name(name: &str) -> Result<(), NameError> {
    check_name(name)?;
    if name.contains(':') { Err(NameError::Colon) } else { Ok(()) }
}

/// Whether a character is a control character, which no text may contain: U+0000 to U+001F and U+007F.
pub fn is_control(character: char) -> bool {
    character.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_bounded_and_free_of_control_characters() {
        assert_eq!(check_name("Acme Europe"), Ok(()));
        assert_eq!(check_name(&"😀".repeat(MAX_NAME)), Ok(()));
        assert_eq!(check_name(&"a".repeat(MAX_NAME + 1)), Err(NameError::TooLong));
        assert_eq!(check_name(""), Err(NameError::Blank));
        assert_eq!(check_name(" Acme"), Err(NameError::Blank));
        assert_eq!(check_name("Ac\u{7f}me"), Err(NameError::Control));
        assert_eq!(check_user_name("a:b"), Err(NameError::Colon));
    }

    #[test]
    fn the_text_of_a_refusal_says_which_rule_the_name_breaks() {
        for (error, rule) in [
            (NameError::Blank, "leading or trailing white space"),
            (NameError::TooLong, "at most 100 characters"),
            (NameError::Control, "control characters"),
            (NameError::Colon, "a colon"),
        ] {
            assert!(error.to_string().contains(rule), "{error:?}: {error}");
        }
    }
}
