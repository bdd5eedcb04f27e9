//! How customers look in JSON: the names and the order of their keys.

use carnelian_app::customers::{CustomerDetails, WrittenCustomer};
use carnelian_domain::{Address, Contact, Rules, Text, rules::TextRule};
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
pub(crate) struct CustomerReply<'a> {
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
    pub(crate) fn new(rules: &'a Rules, customer: &'a CustomerDetails) -> CustomerReply<'a> {
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
