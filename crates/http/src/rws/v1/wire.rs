//! How customers, accounts and users look in JSON: the names and the order of their keys.

use carnelian_app::{
    accounts::UserDetails,
    customers::{CustomerDetails, Written},
    directory::Account,
};
use carnelian_domain::{Address, Contact, CustomerField, Page, Rules, Text, rules::TextRule};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

/// The reply to create, edit and erase.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenReply {
    customer_id: u64,
    timestamp: i64,
}

impl From<&Written> for WrittenReply {
    fn from(written: &Written) -> WrittenReply {
        WrittenReply { customer_id: written.id.0, timestamp: written.at.unix_seconds() }
    }
}

/// A customer, or some of its parts: whatever is asked for is there, and absent values are null.
pub(crate) struct CustomerReply<'a> {
    rules: &'a Rules,
    customer: &'a CustomerDetails,
    fields: &'a [CustomerField],
}

impl<'a> CustomerReply<'a> {
    pub(crate) fn new(
        rules: &'a Rules,
        customer: &'a CustomerDetails,
        fields: &'a [CustomerField],
    ) -> CustomerReply<'a> {
        CustomerReply { rules, customer, fields }
    }

    fn address(&self, address: Option<&'a Address>) -> Option<Fields<'a>> {
        address.map(|address| Fields { rules: &self.rules.address, values: &address.0 })
    }
}

impl Serialize for CustomerReply<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CustomerReply { rules, customer, fields } = self;
        let CustomerDetails { details, ship_to_bill_address, .. } = customer;
        let mut object = serializer.serialize_map(Some(fields.len()))?;
        for field in *fields {
            object.serialize_key(field.name())?;
            match field {
                CustomerField::Name => object.serialize_value(&customer.name),
                CustomerField::AccountName => object.serialize_value(&*customer.account_name),
                CustomerField::SecurityQuestion => object.serialize_value(&shown(&details.security_question)),
                CustomerField::SecurityAnswer => object.serialize_value(&shown(&details.security_answer)),
                CustomerField::ShipToBillAddress => object.serialize_value(ship_to_bill_address),
                CustomerField::Contacts => object.serialize_value(&Contacts { rules, contacts: &details.contacts }),
                CustomerField::BillingAddress => {
                    object.serialize_value(&self.address(details.billing_address.as_ref()))
                }
                CustomerField::ShippingAddress => {
                    object.serialize_value(&self.address(details.shown_shipping_address(*ship_to_bill_address)))
                }
                CustomerField::CustomerId => object.serialize_value(&customer.id.0),
            }?;
        }
        object.end()
    }
}

/// A text as it is shown: null if there is none.
pub fn shown(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(Text::as_str)
}

/// Contacts: an array of objects.
pub struct Contacts<'a> {
    /// The rules that name the keys.
    pub rules: &'a Rules,
    /// The contacts.
    pub contacts: &'a [Contact],
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
pub struct Fields<'a> {
    /// The rules that name the keys.
    pub rules: &'a [TextRule],
    /// The values, in the order of the rules.
    pub values: &'a [Option<Text>],
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.rules.len()))?;
        for (rule, value) in self.rules.iter().zip(self.values) {
            object.serialize_entry(rule.field, &shown(value))?;
        }
        object.end()
    }
}

/// An account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountReply<'a> {
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
pub(crate) struct UserReply<'a> {
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
pub(crate) struct PageReply<T> {
    number: u32,
    key: &'static str,
    entries: Vec<T>,
    last: bool,
}

impl<T> PageReply<T> {
    /// The page, with its entries as `show` shows them, under a key of their own.
    pub(crate) fn new<'a, E>(key: &'static str, page: &'a Page<E>, show: impl Fn(&'a E) -> T) -> PageReply<T> {
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
