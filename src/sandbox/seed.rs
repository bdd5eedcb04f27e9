//! What a registry begins with: a file that is read and checked as a whole before anything is made of it.

use super::checking::check;
use crate::Refusal;
use carnelian_app::{
    App,
    administration::AdminError,
    sandbox::{Planted, sower},
};
use carnelian_domain::{Actor, Origin, Role, Rules};
use carnelian_http::{json::Json, raw_customer};
use carnelian_store::NewUser;
use serde::{Deserialize, Deserializer, de::Error};
use std::{fs, path::Path};

/// The seed of a sandbox, and of the demo, unless there is another.
const DEFAULT: &str = include_str!("default.toml");

/// Everything that a registry begins with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Seed {
    pub(crate) accounts: Vec<SeedAccount>,
    pub(crate) groups: Vec<SeedGroup>,
    pub(crate) users: Vec<SeedUser>,
    /// As the API takes them.
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
    #[serde(default = "usual_role", deserialize_with = "role")]
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) keys: Vec<String>,
}

fn usual_role() -> Role {
    Role::AccountAdmin
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

impl Seed {
    /// The seed of everybody who names no other.
    pub(crate) fn usual() -> Seed {
        toml::from_str(DEFAULT).expect("the seed of the program is well formed")
    }

    /// Reads a seed and holds it against the rules; every mistake is named with its place.
    pub(crate) fn read(path: &Path, rules: &Rules) -> Result<Seed, Refusal> {
        let place = path.display();
        let text = fs::read_to_string(path).map_err(|error| Refusal::usage(format!("{place}: {error}")))?;
        let seed: Seed = toml::from_str(&text).map_err(|error| Refusal::usage(format!("{place}: {error}")))?;
        let mistakes = check(&seed, rules);
        if mistakes.is_empty() {
            return Ok(seed);
        }
        let lines: Vec<_> = mistakes.iter().map(|mistake| format!("{place}: {mistake}")).collect();
        Err(Refusal::usage(lines.join("\n")))
    }

    /// Puts everything into a new registry, in the order of the file, so that ids are always the same.
    pub(super) async fn plant(&self, app: &App) -> Result<Planted, String> {
        self.plant_directory(app).await.map_err(|error| error.to_string())?;
        // Users and accounts were made beside the directory that is in memory.
        app.refresh_directory().await.map_err(|error| error.to_string())?;
        self.plant_customers(app).await?;
        Ok(Planted {
            accounts: self.accounts.len(),
            groups: self.groups.len(),
            users: self.users.len(),
            customers: self.customers.len(),
        })
    }

    async fn plant_directory(&self, app: &App) -> Result<(), AdminError> {
        let origin = Origin::of(Actor::Server);
        for account in &self.accounts {
            app.create_account(&account.name, &origin).await?;
        }
        for group in &self.groups {
            app.create_group(&group.name, &origin).await?;
            for account in &group.accounts {
                app.add_to_group(group.name.as_str().into(), account.as_str().into(), &origin).await?;
            }
        }
        for user in &self.users {
            app.create_user(user.new_user(), &origin).await?;
            for key in &user.keys {
                app.fix_key(&user.name, key, &origin).await?;
            }
        }
        Ok(())
    }

    async fn plant_customers(&self, app: &App) -> Result<(), String> {
        let (sower, origin) = (sower(), Origin::of(Actor::Server));
        let writer = app.customer_writer(&sower, &origin).map_err(|failure| format!("{failure:?}"))?;
        for (index, customer) in self.customers.iter().enumerate() {
            let document = document(customer);
            let refused = |failure| format!("customers[{index}]: {failure:?}");
            let raw = raw_customer(app.rules(), &document).map_err(refused)?;
            writer.create_customer(&raw, None).await.map_err(refused)?;
        }
        Ok(())
    }
}

impl SeedUser {
    /// The user as it is created.
    pub(crate) fn new_user(&self) -> NewUser {
        NewUser { name: self.name.clone(), account: self.account.clone(), group: self.group.clone(), role: self.role }
    }
}

/// A customer of a seed as if it had come over the API.
pub(super) fn document(customer: &toml::Table) -> Json<'_> {
    Json::Object(customer.iter().map(|(key, value)| (key.into(), json(value))).collect())
}

fn json(value: &toml::Value) -> Json<'_> {
    match value {
        toml::Value::String(text) => Json::Text(text.into()),
        toml::Value::Boolean(value) => Json::Bool(*value),
        // No field of the API is any of these.
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Datetime(_) => Json::Number(None),
        toml::Value::Array(values) => Json::Array(values.iter().map(json).collect()),
        toml::Value::Table(table) => document(table),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_seed_has_no_mistakes() {
        assert_eq!(check(&Seed::usual(), &Rules::default()), Vec::<String>::new());
    }
}
