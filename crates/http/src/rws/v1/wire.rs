//! The JSON form of customers, accounts and users. The published schemas are derived from these types: a doc comment is
//! the description of its schema or field.

use carnelian_app::{
    customers::{CustomerDetails, Written},
    directory::{Account, UserDetails},
};
use carnelian_domain::{
    AccountState, Address, Contact, CustomerField, CustomerId, Page, Role, Rules, SelectableField, Text, Timestamp,
    directory::{USER_STATES, user_status},
    paging::MAX_PAGE_SIZE,
    rules::TextRule,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap, SerializeSeq},
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// A customer that was created, replaced or erased.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CustomerWritten")]
pub(crate) struct WrittenReply {
    #[schemars(range(min = 1, max = CustomerId::LIMIT - 1), example = 1234)]
    customer_id: u64,
    /// The time of the commit, in whole UNIX seconds.
    #[schemars(example = 1_527_590_173)]
    timestamp: i64,
}

impl From<&Written> for WrittenReply {
    fn from(written: &Written) -> WrittenReply {
        WrittenReply { customer_id: written.id.0, timestamp: written.at.unix_seconds() }
    }
}

/// A customer: the chosen fields are always present, and null if they have no value.
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

impl JsonSchema for CustomerReply<'_> {
    fn schema_name() -> Cow<'static, str> {
        "CustomerDetails".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rules = Rules::default();
        let contact = fields_schema(generator, "ContactDetails", &rules.contact);
        let address = fields_schema(generator, "AddressDetails", &rules.address);
        let property = |field: CustomerField| {
            let schema = match field {
                CustomerField::Name | CustomerField::AccountName => json!({ "type": "string" }),
                CustomerField::SecurityQuestion | CustomerField::SecurityAnswer => {
                    json!({ "type": ["string", "null"] })
                }
                CustomerField::ShipToBillAddress => json!({ "type": "boolean" }),
                CustomerField::Contacts => json!({ "type": "array", "items": contact }),
                CustomerField::BillingAddress | CustomerField::ShippingAddress => {
                    json!({ "anyOf": [address, { "type": "null" }] })
                }
                CustomerField::CustomerId => {
                    WrittenReply::json_schema(generator).as_value()["properties"]["customerId"].clone()
                }
            };
            (field.name().to_owned(), schema)
        };
        json_schema!({
            "type": "object",
            "description": format!("A customer. {SELECTION}"),
            "properties": CustomerField::ALL.into_iter().map(property).collect::<Map<_, _>>(),
        })
    }
}

/// Defines the schema of an object with the fields of the rules, and returns a reference to it.
fn fields_schema(generator: &mut SchemaGenerator, name: &str, rules: &[TextRule]) -> Schema {
    let property = |rule: &TextRule| (rule.field.to_owned(), json!({ "type": ["string", "null"] }));
    let schema = json!({
        "type": "object",
        "properties": rules.iter().map(property).collect::<Map<_, _>>(),
        "required": rules.iter().map(|rule| rule.field).collect::<Vec<_>>(),
    });
    generator.definitions_mut().insert(name.to_owned(), schema);
    Schema::new_ref(format!("#{}/{name}", generator.settings().definitions_path))
}

/// The text of an optional field.
pub fn shown(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(Text::as_str)
}

/// Contacts as an array of objects.
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

/// A contact or an address as an object whose keys the rules name.
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
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Account")]
pub(crate) struct AccountReply<'a> {
    #[schemars(example = &"Acme")]
    account_name: &'a str,
    #[schemars(regex(pattern = "^[0-9]+$"), example = &"1")]
    account_id: String,
    #[schemars(extend("enum" = LISTED_STATES.map(AccountState::name)))]
    status: &'static str,
}

/// The states of an account that a listing can show: erased accounts are not listed.
const LISTED_STATES: [AccountState; 2] = [AccountState::Active, AccountState::ErasureInProgress];

impl<'a> From<&'a Account> for AccountReply<'a> {
    fn from(account: &'a Account) -> AccountReply<'a> {
        AccountReply { account_name: &account.name, account_id: account.id.to_string(), status: account.state.name() }
    }
}

/// What a schema says of an object whose fields a request can select.
const SELECTION: &str = "It has the fields that `fields` names, or every field.";

/// An account or a user with selected fields.
pub(crate) struct Selected<'a, T: Selectable> {
    value: T,
    fields: &'a [T::Field],
}

/// An object whose fields a request can select.
pub(crate) trait Selectable {
    /// One of its fields.
    type Field: SelectableField;
}

impl<'a, T: Selectable> Selected<'a, T> {
    pub(crate) fn new(value: T, fields: &'a [T::Field]) -> Selected<'a, T> {
        Selected { value, fields }
    }
}

impl<T: Selectable + Serialize> Serialize for Selected<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = serde_json::to_value(&self.value).map_err(S::Error::custom)?;
        let names = self.fields.iter().map(|field| field.field_name());
        serializer.collect_map(names.map(|name| (name, &value[name])))
    }
}

impl<T: Selectable + JsonSchema> JsonSchema for Selected<'_, T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Selected{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.remove("required");
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{description} {SELECTION}");
        schema.insert("description".into(), json!(description));
        schema
    }
}

/// Defines the fields of an object as a type of their names.
macro_rules! selectable {
    ($reply:ident, $(#[$doc:meta])* $field:ident: $($name:literal)+) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $field(&'static str);

        impl SelectableField for $field {
            const EVERY: &'static [$field] = &[$($field($name)),+];

            fn field_name(self) -> &'static str {
                self.0
            }
        }

        impl Selectable for $reply<'_> {
            type Field = $field;
        }
    };
}

selectable! {
    AccountReply,
    /// A field of an account.
    AccountField: "accountName" "accountId" "status"
}

selectable! {
    UserReply,
    /// A field of a user.
    UserField: "userId" "username" "accountId" "accountName" "roleName" "status" "accountGroup" "customerGroup" "firstName"
        "lastName" "email" "phone" "language" "timeZone" "lastLogin" "dateAdded" "dateModified"
}

/// A user. It never contains a key. The fields that the registry has no value for are null; clients of the original
/// service read them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "User")]
pub(crate) struct UserReply<'a> {
    #[schemars(regex(pattern = "^[0-9]+$"), example = &"1")]
    user_id: String,
    #[schemars(example = &"ann")]
    username: &'a str,
    /// The id of the user's home account.
    #[schemars(regex(pattern = "^[0-9]+$"), example = &"1")]
    account_id: String,
    /// The user's home account.
    #[schemars(example = &"Acme")]
    account_name: &'a str,
    #[schemars(extend("enum" = Role::ALL.map(Role::name)), example = Role::AccountAdmin.name())]
    role_name: &'static str,
    #[schemars(extend("enum" = USER_STATES.map(|(name, _)| name)))]
    status: &'static str,
    /// The group whose accounts the user may also access.
    #[schemars(example = &"Acme Group")]
    account_group: Option<&'a str>,
    customer_group: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    language: Option<&'a str>,
    time_zone: Option<&'a str>,
    /// When the user last called the API. At another server of the registry it may be a minute older.
    #[schemars(extend("format" = "date-time"), example = &"2026-11-24T08:30:00.000Z")]
    last_login: Option<String>,
    #[schemars(extend("format" = "date-time"), example = &"2026-11-23T16:05:12.345Z")]
    date_added: String,
    date_modified: Option<&'a str>,
}

impl<'a> From<&'a UserDetails> for UserReply<'a> {
    fn from(user: &'a UserDetails) -> UserReply<'a> {
        UserReply {
            user_id: user.id.to_string(),
            username: &user.name,
            account_id: user.account.to_string(),
            account_name: &user.account_name,
            role_name: user.role.name(),
            status: user_status(user.enabled),
            account_group: user.group_name.as_deref(),
            customer_group: None,
            first_name: None,
            last_name: None,
            email: None,
            phone: None,
            language: None,
            time_zone: None,
            last_login: user.last_sign_in.map(Timestamp::to_iso8601),
            date_added: user.created_at.to_iso8601(),
            date_modified: None,
        }
    }
}

/// An entry of a listing.
pub(crate) trait Listed: JsonSchema {
    /// The key of the array of entries in a page.
    const KEY: &'static str;
}

impl Listed for CustomerReply<'_> {
    const KEY: &'static str = "customers";
}

impl<T: Selectable + Listed> Listed for Selected<'_, T> {
    const KEY: &'static str = T::KEY;
}

impl Listed for AccountReply<'_> {
    const KEY: &'static str = "accounts";
}

impl Listed for UserReply<'_> {
    const KEY: &'static str = "users";
}

/// A page of a listing.
pub(crate) struct PageReply<T> {
    number: u32,
    entries: Vec<T>,
    last: bool,
}

impl<T> PageReply<T> {
    /// Renders each entry of a page with `show`.
    pub(crate) fn new<'a, E>(page: &'a Page<E>, show: impl Fn(&'a E) -> T) -> PageReply<T> {
        PageReply { number: page.number, entries: page.entries.iter().map(show).collect(), last: page.last }
    }
}

impl<T: Listed + Serialize> Serialize for PageReply<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(3))?;
        object.serialize_entry("pageNumber", &self.number)?;
        object.serialize_entry(T::KEY, &self.entries)?;
        object.serialize_entry("lastPage", &self.last)?;
        object.end()
    }
}

impl<T: Listed> JsonSchema for PageReply<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Page", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "description": format!("A page of {}.", T::KEY),
            "properties": {
                "pageNumber": { "type": "integer", "minimum": 1, "maximum": u32::MAX, "examples": [1] },
                T::KEY: { "type": "array", "maxItems": MAX_PAGE_SIZE, "items": items },
                "lastPage": { "type": "boolean", "description": "Whether this is the last page.", "examples": [true] },
            },
            "required": ["pageNumber", T::KEY, "lastPage"],
        })
    }
}
