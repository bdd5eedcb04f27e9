//! Seeds: the initial data of a registry.

use carnelian_app::{
    App,
    admin::AdminError,
    sandbox::{SeedCounts, seed_caller},
};
use carnelian_domain::{Actor, Origin, Role};
use carnelian_http::{json::Json, raw_customer};
use carnelian_store::{IdOrName, NewUser};
use serde::{Deserialize, Deserializer, de::Error};

/// The built-in seed of a sandbox and of the demo.
const DEFAULT: &str = include_str!("default.toml");

/// The initial data of a registry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Seed {
    pub(crate) accounts: Vec<SeedAccount>,
    pub(crate) groups: Vec<SeedGroup>,
    pub(crate) users: Vec<SeedUser>,
    /// In the form of API requests.
    pub(super) customers: Vec<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedAccount {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedGroup {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) accounts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedUser {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) group: Option<String>,
    #[serde(default = "default_role", deserialize_with = "role")]
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
}

fn default_role() -> Role {
    Role::AccountAdmin
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

impl Seed {
    /// The built-in seed.
    pub(crate) fn builtin() -> Seed {
        toml::from_str(DEFAULT).expect("the built-in seed is valid, as a test checks")
    }

    /// Creates everything in an empty registry, in the order of the file, so that ids are deterministic.
    pub(super) async fn apply(&self, app: &App) -> Result<SeedCounts, String> {
        self.create_directory(app).await.map_err(|error| error.to_string())?;
        self.create_customers(app).await?;
        Ok(SeedCounts {
            accounts: self.accounts.len(),
            groups: self.groups.len(),
            users: self.users.len(),
            customers: self.customers.len(),
        })
    }

    async fn create_directory(&self, app: &App) -> Result<(), AdminError> {
        let admin = app.local_admin(&Origin::new(Actor::Server));
        for account in &self.accounts {
            admin.create_account(&account.name).await?;
        }
        for group in &self.groups {
            admin.create_group(&group.name).await?;
            for account in &group.accounts {
                admin.add_to_group(&group.name.as_str().into(), &account.as_str().into()).await?;
            }
        }
        for user in &self.users {
            let id = admin.create_user(user.new_user()).await?.id;
            for key in &user.keys {
                admin.add_fixed_key(&IdOrName::Id(id), key).await?;
            }
        }
        Ok(())
    }

    async fn create_customers(&self, app: &App) -> Result<(), String> {
        let (caller, origin) = (seed_caller(), Origin::new(Actor::Server));
        let writer = app.customer_writer(&caller, &origin).map_err(|failure| format!("{failure:?}"))?;
        for (index, customer) in self.customers.iter().enumerate() {
            let document = document(customer);
            let failed = |failure| format!("customers[{index}]: {failure:?}");
            let raw = raw_customer(app.rules(), &document).map_err(failed)?;
            writer.create_customer(&raw, None).await.map_err(failed)?;
        }
        Ok(())
    }
}

impl SeedUser {
    /// The user to create.
    pub(crate) fn new_user(&self) -> NewUser {
        NewUser { name: self.name.clone(), account: self.account.clone(), group: self.group.clone(), role: self.role }
    }
}

/// A customer of a seed as the JSON of an API request.
pub(super) fn document(customer: &toml::Table) -> Json<'_> {
    Json::Object(customer.iter().map(|(key, value)| (key.into(), json(value))).collect())
}

fn json(value: &toml::Value) -> Json<'_> {
    match value {
        toml::Value::String(text) => Json::Text(text.into()),
        toml::Value::Boolean(value) => Json::Bool(*value),
        // Invalid for every field of the API.
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Datetime(_) => Json::Number(None),
        toml::Value::Array(values) => Json::Array(values.iter().map(json).collect()),
        toml::Value::Table(table) => document(table),
    }
}
