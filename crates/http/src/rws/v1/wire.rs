//! How customers, accounts and users look in JSON: the names and the order of their keys.

use carnelian_app::{
    accounts::UserDetails,
    customers::{CustomerDetails, WrittenCustomer},
    directory::Account,
};
use carnelian_domain::{Address, Contact, Page, Rules, Text, rules::TextRule};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

/// The reply to create and edit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenReply {
    customer_id: u64,
    timestamp: i64,
}

impl From<&WrittenCustomer> for WrittenReply {
    fn from(written: &WrittenCustomer) -> WrittenReply {
        WrittenReply { customer_id: written.id.0, timestamp: written.at.unix_seconds() }
    }
}

/// The reply to get: every key is there, and absent values are null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomerReply<'a> {
    name: &'a str,
    account_name: &'a str,
    security_question: Option<&'a str>,
    security_answer: Option<&'a str>,
    ship_to_bill_address: bool,
    contacts: Contacts<'a>,
    billing_address: Option<Fields<'a>>,
    shipping_address: Option<Fields<'a>>,
    customer_id: u64,
}

impl<'a> CustomerReply<'a> {
    pub(super) fn new(rules: &'a Rules, customer: &'a CustomerDetails) -> CustomerReply<'a> {
        let details = &customer.details;
        let address = |address: &'a Address| Fields { rules: &rules.address, values: &address.0 };
        CustomerReply {
            name: &customer.name,
            account_name: &customer.account_name,
            security_question: details.security_question.as_ref().map(Text::as_str),
            security_answer: details.security_answer.as_ref().map(Text::as_str),
            ship_to_bill_address: customer.ship_to_bill_address,
            contacts: Contacts { rules, contacts: &details.contacts },
            billing_address: details.billing_address.as_ref().map(address),
            shipping_address: details.shown_shipping_address(customer.ship_to_bill_address).map(address),
            customer_id: customer.id.0,
        }
    }
}

struct Contacts<'a> {
    rules: &'a Rules,
    contacts: &'a [Contact],
}

impl Serialize for Contacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.contacts.len()))?;
        for contact in self.contacts {
            array.serialize_element(&Fields { rules: &self.rules.contact, values: &contact.0 })?;
        }
        array.end()
    }
}

/// A contact or an address: an object with the keys of its rules.
struct Fields<'a> {
    rules: &'a [TextRule],
    values: &'a [Option<Text>],
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.rules.len()))?;
        for (rule, value) in self.rules.iter().zip(self.values) {
            object.serialize_entry(rule.field, &value.as_ref().map(Text::as_str))?;
        }
        object.end()
    }
}

/// An account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountReply<'a> {
    account_name: &'a str,
    account_id: String,
    status: &'static str,
}

impl<'a> From<&'a Account> for AccountReply<'a> {
    fn from(account: &'a Account) -> AccountReply<'a> {
        AccountReply { account_name: &account.name, account_id: account.id.to_string(), status: account.state.name() }
    }
}

/// A user: never a key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserReply<'a> {
    user_name: &'a str,
    user_id: String,
    account_name: &'a str,
    account_group: Option<&'a str>,
    role: &'static str,
    status: &'static str,
}

impl<'a> From<&'a UserDetails> for UserReply<'a> {
    fn from(user: &'a UserDetails) -> UserReply<'a> {
        UserReply {
            user_name: &user.name,
            user_id: user.id.to_string(),
            account_name: &user.account_name,
            account_group: user.group_name.as_deref(),
            role: user.role.name(),
            status: if user.enabled { "ENABLED" } else { "DISABLED" },
        }
    }
}

/// A page of a listing.
pub(super) struct PageReply<T> {
    number: u32,
    key: &'static str,
    entries: Vec<T>,
    last: bool,
}

impl<T> PageReply<T> {
    /// The page, with its entries as `show` shows them, under a key of their own.
    pub(super) fn new<'a, E>(key: &'static str, page: &'a Page<E>, show: impl Fn(&'a E) -> T) -> PageReply<T> {
        PageReply { number: page.number, key, entries: page.entries.iter().map(show).collect(), last: page.last }
    }
}

impl<T: Serialize> Serialize for PageReply<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(3))?;
        object.serialize_entry("pageNumber", &self.number)?;
        object.serialize_entry(self.key, &self.entries)?;
        object.serialize_entry("lastPage", &self.last)?;
        object.end()
    }
}
