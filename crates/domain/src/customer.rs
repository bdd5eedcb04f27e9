//! Customers as types that hold only values that have passed the rules.

use crate::{
    names::unique_name,
    rules::{ADDRESS_FIELDS, CONTACT_FIELDS},
};
use std::fmt;

/// A text that has passed its rule. It is personal data, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Wraps a text that has passed its rule, or that was stored after it did.
    pub fn trusted(text: String) -> Text {
        Text(text)
    }

    /// The text as received.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// A customer's name, as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerName(pub Text);

impl CustomerName {
    /// The form that is unique within an account.
    pub fn unique_form(&self) -> String {
        unique_name(self.0.as_str()).into_owned()
    }
}

/// A contact: its fields in the order of [`Rules::contact`](crate::Rules).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(pub [Option<Text>; CONTACT_FIELDS]);

/// An address: its fields in the order of [`Rules::address`](crate::Rules).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub [Option<Text>; ADDRESS_FIELDS]);

/// The data that is sealed before it is stored: all personal data except the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonalDetails {
    /// The security question, present if and only if the answer is.
    pub security_question: Option<Text>,
    /// The answer to the security question.
    pub security_answer: Option<Text>,
    /// At most four contacts.
    pub contacts: Vec<Contact>,
    /// The billing address.
    pub billing_address: Option<Address>,
    /// The shipping address as received; see [`PersonalDetails::shown_shipping_address`].
    pub shipping_address: Option<Address>,
}

/// A customer that has passed every rule that needs no access to the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerDraft {
    /// The customer's name.
    pub name: CustomerName,
    /// The name of the customer's account.
    pub account_name: Text,
    /// Whether responses show the billing address as the shipping address.
    pub ship_to_bill_address: bool,
    /// The sealed part.
    pub details: PersonalDetails,
}

impl PersonalDetails {
    /// The shipping address in a response.
    pub fn shown_shipping_address(&self, ship_to_bill_address: bool) -> Option<&Address> {
        if ship_to_bill_address { self.billing_address.as_ref() } else { self.shipping_address.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_show_a_text() {
        assert!(!format!("{:?}", Text::trusted("Journey".into())).contains("Journey"));
    }
}
