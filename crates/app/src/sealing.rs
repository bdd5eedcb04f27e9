//! Sealing a customer's personal details.
//!
//! The plain text is a JSON array: question, answer, contacts, billing address, shipping address. Contacts and addresses
//! are arrays too, in the order of the rule table. The account and the customer are authenticated with it, so that a row
//! copied elsewhere cannot be opened.

use crate::vault::{Entropy, SealingKey, UnsealError};
use carnelian_domain::{
    AccountId, Address, Contact, CustomerId, PersonalDetails, Text,
    rules::{ADDRESS_FIELDS, CONTACT_FIELDS},
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The initial capacity for a plain text, in bytes: nearly every one fits, and a longer one is reallocated.
const USUAL_LENGTH: usize = 512;

type Field<'a> = Option<Cow<'a, str>>;

#[derive(Serialize, Deserialize)]
struct Plain<'a>(
    #[serde(borrow)] Field<'a>,
    #[serde(borrow)] Field<'a>,
    #[serde(borrow)] Vec<[Field<'a>; CONTACT_FIELDS]>,
    #[serde(borrow)] Option<[Field<'a>; ADDRESS_FIELDS]>,
    #[serde(borrow)] Option<[Field<'a>; ADDRESS_FIELDS]>,
);

/// Seals a customer's details under the data key of its account.
pub(crate) fn seal(
    key: &SealingKey,
    entropy: &dyn Entropy,
    account: AccountId,
    customer: CustomerId,
    details: &PersonalDetails,
) -> Vec<u8> {
    key.seal(entropy, &context(account, customer), &encode(details))
}

/// Opens a customer's details.
pub(crate) fn open(
    key: &SealingKey,
    account: AccountId,
    customer: CustomerId,
    sealed: &[u8],
) -> Result<PersonalDetails, UnsealError> {
    decode(&key.open(&context(account, customer), sealed)?)
}

fn context(account: AccountId, customer: CustomerId) -> [u8; 16] {
    let mut context = [0; 16];
    context[..8].copy_from_slice(&account.0.to_be_bytes());
    context[8..].copy_from_slice(&customer.0.to_be_bytes());
    context
}

/// Encodes details as the plain text to be sealed.
pub fn encode(details: &PersonalDetails) -> Vec<u8> {
    let plain = Plain(
        borrow_text(&details.security_question),
        borrow_text(&details.security_answer),
        details.contacts.iter().map(|contact| contact.0.each_ref().map(borrow_text)).collect(),
        details.billing_address.as_ref().map(|address| address.0.each_ref().map(borrow_text)),
        details.shipping_address.as_ref().map(|address| address.0.each_ref().map(borrow_text)),
    );
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    serde_json::to_writer(&mut text, &plain).expect("strings and arrays can always be written");
    text
}

/// Decodes a plain text; never panics, whatever the bytes.
pub fn decode(plain: &[u8]) -> Result<PersonalDetails, UnsealError> {
    let plain: Plain<'_> = serde_json::from_slice(plain).map_err(|_| UnsealError)?;
    Ok(PersonalDetails {
        security_question: own_text(plain.0),
        security_answer: own_text(plain.1),
        contacts: plain.2.into_iter().map(|contact| Contact(contact.map(own_text))).collect(),
        billing_address: plain.3.map(|address| Address(address.map(own_text))),
        shipping_address: plain.4.map(|address| Address(address.map(own_text))),
    })
}

fn borrow_text(text: &Option<Text>) -> Field<'_> {
    text.as_ref().map(|text| Cow::Borrowed(text.as_str()))
}

fn own_text(field: Field<'_>) -> Option<Text> {
    field.map(|field| Text::trusted(field.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::{Counting, vault};

    fn details() -> PersonalDetails {
        let text = |text: &str| Some(Text::trusted(text.into()));
        PersonalDetails {
            security_question: text("FirstConcert"),
            security_answer: text("Journey \"live\" 😀"),
            contacts: vec![Contact([text("Ann"), None, text(""), None, text("ann@example.com")])],
            billing_address: Some(Address([text("123 Main"), None, None, None, text("USA"), None])),
            shipping_address: None,
        }
    }

    #[test]
    fn the_stored_form_is_pinned() {
        let plain = r#"["FirstConcert","Journey \"live\" 😀",[["Ann",null,"",null,"ann@example.com"]],["123 Main",null,null,null,"USA",null],null]"#;
        assert_eq!(String::from_utf8(encode(&details())).as_deref(), Ok(plain));
        assert_eq!(decode(plain.as_bytes()), Ok(details()));
    }

    #[test]
    fn details_open_only_for_their_account_and_customer() {
        let vault = vault();
        let (account, customer) = (AccountId(1), CustomerId(2));
        let key = vault.data_key(account, &vault.new_data_key(account)).expect("unwraps");
        let sealed = seal(&key, &Counting::default(), account, customer, &details());
        assert_eq!(open(&key, account, customer, &sealed), Ok(details()));
        assert_eq!(open(&key, AccountId(2), customer, &sealed), Err(UnsealError));
        assert_eq!(open(&key, account, CustomerId(1), &sealed), Err(UnsealError));
    }
}
