//! Reads seed files. A seed is validated as a whole before any of it is created: names, references, and customers by the
//! rules of the API.

use super::seed::{Seed, SeedUser, document};
use crate::{CliError, commands::input::read_text};
use carnelian_app::{Failure, admin::AdminError, api_key::can_be_fixed};
use carnelian_domain::{
    CustomerField, NameError, Rules, Violation,
    directory::{check_name, check_user_name},
    rules::TextRule,
    unique_name,
};
use carnelian_http::raw_customer;
use std::{borrow::Cow, collections::HashSet, path::Path};

/// Reads and validates a seed. The error names every invalid part with its position.
pub(super) fn read(path: &Path, rules: &Rules) -> Result<Seed, CliError> {
    let place = path.display();
    let text = read_text(path).map_err(|error| CliError::usage(format!("{place}: {error}")))?;
    let seed: Seed = toml::from_str(&text).map_err(|error| CliError::usage(format!("{place}: {error}")))?;
    let errors = check(&seed, rules);
    if errors.is_empty() {
        return Ok(seed);
    }
    let lines: Vec<_> = errors.iter().map(|error| format!("{place}: {error}")).collect();
    Err(CliError::usage(lines.join("\n")))
}

/// All errors in a seed, each with its position.
fn check(seed: &Seed, rules: &Rules) -> Vec<String> {
    let mut errors = Errors::default();
    let accounts = errors.names("accounts", seed.accounts.iter().map(|account| &account.name), check_name);
    let groups = errors.names("groups", seed.groups.iter().map(|group| &group.name), check_name);
    for (index, group) in seed.groups.iter().enumerate() {
        let place = format!("groups[{index}] {:?}", group.name);
        let mut members = HashSet::new();
        for account in &group.accounts {
            errors.expect(accounts.contains(&unique_name(account)), &place, || format!("unknown account {account:?}"));
            errors.expect(members.insert(unique_name(account)), &place, || format!("duplicate account {account:?}"));
        }
    }
    errors.names("users", seed.users.iter().map(|user| &user.name), check_user_name);
    let mut keys = HashSet::new();
    for (index, user) in seed.users.iter().enumerate() {
        errors.user(&format!("users[{index}] {:?}", user.name), user, &accounts, &groups, &mut keys);
    }
    let mut taken = HashSet::new();
    for (index, customer) in seed.customers.iter().enumerate() {
        errors.customer(&format!("customers[{index}]"), customer, rules, &accounts, &mut taken);
    }
    errors.0
}

/// The unique forms of the names in a list.
type Names<'a> = HashSet<Cow<'a, str>>;

#[derive(Default)]
struct Errors(Vec<String>);

impl Errors {
    fn expect(&mut self, holds: bool, place: &str, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.0.push(format!("{place}: {}", otherwise()));
        }
    }

    /// Checks that names are valid and unique, and returns their unique forms.
    fn names<'a>(
        &mut self,
        list: &str,
        names: impl Iterator<Item = &'a String>,
        check: fn(&str) -> Result<(), NameError>,
    ) -> Names<'a> {
        let mut seen = HashSet::new();
        for (index, name) in names.enumerate() {
            let place = format!("{list}[{index}] {name:?}");
            if let Err(error) = check(name) {
                self.0.push(format!("{place}: {error}"));
            }
            self.expect(seen.insert(unique_name(name)), &place, || "duplicate name".to_owned());
        }
        seen
    }

    fn user<'a>(
        &mut self,
        place: &str,
        user: &'a SeedUser,
        accounts: &Names<'_>,
        groups: &Names<'_>,
        keys: &mut HashSet<&'a str>,
    ) {
        let SeedUser { account, group, .. } = user;
        self.expect(accounts.contains(&unique_name(account)), place, || format!("unknown account {account:?}"));
        if let Some(group) = group {
            self.expect(groups.contains(&unique_name(group)), place, || format!("unknown group {group:?}"));
        }
        for key in &user.keys {
            self.expect(can_be_fixed(key), place, || AdminError::NotFixable.to_string());
            self.expect(keys.insert(key), place, || "duplicate key".to_owned());
        }
    }

    fn customer(
        &mut self,
        place: &str,
        customer: &toml::Table,
        rules: &Rules,
        accounts: &Names<'_>,
        taken: &mut HashSet<(String, String)>,
    ) {
        for key in unknown_keys(customer, rules) {
            self.0.push(format!("{place}: unknown field {key:?}"));
        }
        let document = document(customer);
        let checked = raw_customer(rules, &document).and_then(|raw| rules.check(&raw).map_err(Failure::Violations));
        let draft = match checked {
            Ok(draft) => draft,
            Err(Failure::Violations(violations)) => {
                return self.0.extend(violations.iter().map(|violation| format!("{place}: {}", explained(violation))));
            }
            Err(other) => return self.0.push(format!("{place}: {}", other.problem().message())),
        };
        let account = draft.account_name.as_str().to_owned();
        self.expect(accounts.contains(&unique_name(&account)), place, || format!("unknown account {account:?}"));
        let name = (unique_name(&account).into_owned(), draft.name.unique_form());
        self.expect(taken.insert(name), place, || format!("duplicate name in account {account:?}"));
    }
}

/// The message of the API, with the limit in force, which can differ from that in the message.
fn explained(violation: &Violation) -> String {
    let limit = violation.limit.map(|limit| format!(" (the limit is {limit})")).unwrap_or_default();
    format!("{}: {}{limit}", violation.field, violation.problem.message())
}

/// Fields that the API would ignore. In a seed they are probably mistyped.
fn unknown_keys(customer: &toml::Table, rules: &Rules) -> Vec<String> {
    let mut unknown = Vec::new();
    for (key, value) in customer {
        match key.as_str() {
            "billingAddress" | "shippingAddress" => unknown_within(key, value, &rules.address, &mut unknown),
            "contacts" => {
                for (index, contact) in value.as_array().into_iter().flatten().enumerate() {
                    unknown_within(&format!("contacts[{index}]"), contact, &rules.contact, &mut unknown);
                }
            }
            key => {
                let mut writable = CustomerField::ALL.iter().filter(|field| **field != CustomerField::CustomerId);
                if writable.all(|field| field.name() != key) {
                    unknown.push(key.to_owned());
                }
            }
        }
    }
    unknown
}

fn unknown_within(place: &str, value: &toml::Value, rules: &[TextRule], unknown: &mut Vec<String>) {
    for key in value.as_table().into_iter().flat_map(toml::Table::keys) {
        if rules.iter().all(|rule| rule.field != key) {
            unknown.push(format!("{place}.{key}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_seed_is_valid() {
        assert_eq!(check(&Seed::builtin(), &Rules::default()), Vec::<String>::new());
    }
}
