//! Customers as values that have passed the rules: holding one means that it is valid.

use crate::rules::{ADDRESS_FIELDS, CONTACT_FIELDS};
use std::fmt;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// A text that has passed its rule; its content is personal and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Takes a text that a rule has passed, or that was stored after one did.
    pub fn trusted(text: String) -> Text {
        Text(text)
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// A customer's name, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerName(pub Text);

impl CustomerName {
    /// The form under which the name is unique in its account: trimmed, in Unicode NFC, case kept.
    pub fn unique_form(&self) -> String {
        composed(self.0.as_str().trim())
    }

    /// What the unique forms of names begin with that begin with this.
    pub fn unique_prefix(prefix: &str) -> String {
        composed(prefix.trim_start())
    }
}

fn composed(text: &str) -> String {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.to_owned(),
        _ => text.nfc().collect(),
    }
}

/// A contact: its fields in the order of [`Rules::contact`](crate::Rules).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(pub [Option<Text>; CONTACT_FIELDS]);

/// An address: its fields in the order of [`Rules::address`](crate::Rules).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub [Option<Text>; ADDRESS_FIELDS]);

/// What is sealed before it is stored: everything personal but the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonalDetails {
    /// The security question; there is one exactly if there is an answer.
    pub security_question: Option<Text>,
    /// The answer to the security question.
    pub security_answer: Option<Text>,
    /// At most four contacts.
    pub contacts: Vec<Contact>,
    /// Where bills go.
    pub billing_address: Option<Address>,
    /// Where goods go, as it was sent; see `ship_to_bill_address` for what is shown.
    pub shipping_address: Option<Address>,
}

/// A customer that has passed every rule that needs no look at the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerDraft {
    /// The customer's name.
    pub name: CustomerName,
    /// The name of the account that the customer is to belong to.
    pub account_name: Text,
    /// Whether the billing address is shown as the shipping address.
    pub ship_to_bill_address: bool,
    /// The part that is sealed.
    pub details: PersonalDetails,
}

impl PersonalDetails {
    /// The shipping address that a reader is shown.
    pub fn shown_shipping_address(&self, ship_to_bill_address: bool) -> Option<&Address> {
        if ship_to_bill_address { self.billing_address.as_ref() } else { self.shipping_address.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unique(name: &str) -> String {
        CustomerName(Text::trusted(name.to_owned())).unique_form()
    }

    #[test]
    fn names_are_compared_trimmed_and_composed_but_with_their_case() {
        assert_eq!(unique("  Jose\u{301}\u{a0}"), "José");
        assert_eq!(unique("José"), unique("Jose\u{301}"));
        assert_ne!(unique("ACME"), unique("Acme"));
        assert_eq!(unique("Acme  Inc"), "Acme  Inc");
    }

    #[test]
    fn debug_output_never_shows_a_text() {
        assert!(!format!("{:?}", Text::trusted("Journey".into())).contains("Journey"));
    }
}
