//! What is sealed of a customer, and in which form.
//!
//! The plain text is a JSON array by position: question, answer, contacts, billing address, shipping address; contacts
//! and addresses are arrays too, in the order of the rule table. The account and the customer are part of the seal, so
//! that a row copied elsewhere does not open.

use crate::vault::{DoesNotOpen, Entropy, SealingKey};
use carnelian_domain::{
    AccountId, Address, Contact, CustomerId, PersonalDetails, Text,
    rules::{ADDRESS_FIELDS, CONTACT_FIELDS},
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// As long as nearly every plain text is at most, in bytes: one that is longer is moved while it grows.
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
) -> Result<PersonalDetails, DoesNotOpen> {
    decode(&key.open(&context(account, customer), sealed)?)
}

fn context(account: AccountId, customer: CustomerId) -> [u8; 16] {
    let mut context = [0; 16];
    context[..8].copy_from_slice(&account.0.to_be_bytes());
    context[8..].copy_from_slice(&customer.0.to_be_bytes());
    context
}

/// The plain text of a seal.
pub fn encode(details: &PersonalDetails) -> Vec<u8> {
    let plain = Plain(
        lend(&details.security_question),
        lend(&details.security_answer),
        details.contacts.iter().map(|contact| contact.0.each_ref().map(lend)).collect(),
        details.billing_address.as_ref().map(|address| address.0.each_ref().map(lend)),
        details.shipping_address.as_ref().map(|address| address.0.each_ref().map(lend)),
    );
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    serde_json::to_writer(&mut text, &plain).expect("strings and arrays can always be written");
    text
}

/// Reads the plain text of a seal; total for any bytes.
pub fn decode(plain: &[u8]) -> Result<PersonalDetails, DoesNotOpen> {
    let plain: Plain<'_> = serde_json::from_slice(plain).map_err(|_| DoesNotOpen)?;
    Ok(PersonalDetails {
        security_question: keep(plain.0),
        security_answer: keep(plain.1),
        contacts: plain.2.into_iter().map(|contact| Contact(contact.map(keep))).collect(),
        billing_address: plain.3.map(|address| Address(address.map(keep))),
        shipping_address: plain.4.map(|address| Address(address.map(keep))),
    })
}

fn lend(text: &Option<Text>) -> Field<'_> {
    text.as_ref().map(|text| Cow::Borrowed(text.as_str()))
}

fn keep(field: Field<'_>) -> Option<Text> {
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
        assert_eq!(open(&key, AccountId(2), customer, &sealed), Err(DoesNotOpen));
        assert_eq!(open(&key, account, CustomerId(1), &sealed), Err(DoesNotOpen));
    }
}
