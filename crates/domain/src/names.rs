//! How names are compared: those of customers, accounts, groups and users alike.

use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The form in which names are unique and are looked up: trimmed, in Unicode NFC, case-sensitive. What is shown is the name
/// as received.
pub fn unique_name(name: &str) -> Cow<'_, str> {
    composed(name.trim())
}

/// The prefix of the unique forms of all names with this prefix.
pub fn unique_prefix(prefix: &str) -> Cow<'_, str> {
    composed(prefix.trim_start())
}

fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_trimmed_composed_and_case_sensitive() {
        assert_eq!(unique_name("  Jose\u{301}\u{a0}"), "José");
        assert_eq!(unique_name("José"), unique_name("Jose\u{301}"));
        assert_ne!(unique_name("ACME"), unique_name("Acme"));
        assert_eq!(unique_name("Acme  Inc"), "Acme  Inc");
        assert_eq!(unique_prefix(" Jose\u{301} "), "José ");
    }
}
