//! What can be wrong with a seed: names, references between its parts, and everything that the API would refuse.

use super::seed::{Seed, SeedUser, document};
use carnelian_app::{Failure, administration::AdminError, api_key::can_be_fixed};
use carnelian_domain::{
    CustomerField, NameError, Rules, Violation,
    directory::{check_name, check_user_name},
    rules::TextRule,
};
use carnelian_http::raw_customer;
use std::collections::HashSet;

/// Every mistake in a seed, with its place.
pub(super) fn check(seed: &Seed, rules: &Rules) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let accounts = mistakes.names("accounts", seed.accounts.iter().map(|account| &account.name), check_name);
    let groups = mistakes.names("groups", seed.groups.iter().map(|group| &group.name), check_name);
    for (index, group) in seed.groups.iter().enumerate() {
        let place = format!("groups[{index}] {:?}", group.name);
        let mut members = HashSet::new();
        for account in &group.accounts {
            mistakes.expect(accounts.contains(&**account), &place, || format!("there is no account {account:?}"));
            mistakes.expect(members.insert(account), &place, || format!("{account:?} stands there twice"));
        }
    }
    mistakes.names("users", seed.users.iter().map(|user| &user.name), check_user_name);
    let mut keys = HashSet::new();
    for (index, user) in seed.users.iter().enumerate() {
        mistakes.user(&format!("users[{index}] {:?}", user.name), user, &accounts, &groups, &mut keys);
    }
    let mut taken = HashSet::new();
    for (index, customer) in seed.customers.iter().enumerate() {
        mistakes.customer(&format!("customers[{index}]"), customer, rules, &accounts, &mut taken);
    }
    mistakes.0
}

#[derive(Default)]
struct Mistakes(Vec<String>);

impl Mistakes {
    fn expect(&mut self, holds: bool, place: &str, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.0.push(format!("{place}: {}", otherwise()));
        }
    }

    /// Names that must be good and different; they are returned.
    fn names<'a>(
        &mut self,
        list: &str,
        names: impl Iterator<Item = &'a String>,
        check: fn(&str) -> Result<(), NameError>,
    ) -> HashSet<&'a str> {
        let mut seen = HashSet::new();
        for (index, name) in names.enumerate() {
            let place = format!("{list}[{index}] {name:?}");
            if let Err(why) = check(name) {
                self.0.push(format!("{place}: {why}"));
            }
            self.expect(seen.insert(name.as_str()), &place, || "the name is taken".to_owned());
        }
        seen
    }

    fn user<'a>(
        &mut self,
        place: &str,
        user: &'a SeedUser,
        accounts: &HashSet<&str>,
        groups: &HashSet<&str>,
        keys: &mut HashSet<&'a str>,
    ) {
        let SeedUser { account, group, .. } = user;
        self.expect(accounts.contains(&**account), place, || format!("there is no account {account:?}"));
        if let Some(group) = group {
            self.expect(groups.contains(&**group), place, || format!("there is no group {group:?}"));
        }
        for key in &user.keys {
            self.expect(can_be_fixed(key), place, || AdminError::NotFixable.to_string());
            self.expect(keys.insert(key), place, || "a key stands there twice".to_owned());
        }
    }

    fn customer(
        &mut self,
        place: &str,
        customer: &toml::Table,
        rules: &Rules,
        accounts: &HashSet<&str>,
        taken: &mut HashSet<(String, String)>,
    ) {
        for key in unknown_keys(customer, rules) {
            self.0.push(format!("{place}: there is no field {key:?}"));
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
        self.expect(accounts.contains(&*account), place, || format!("there is no account {account:?}"));
        let name = (account.clone(), draft.name.unique_form());
        self.expect(taken.insert(name), place, || format!("the name is taken in {account:?}"));
    }
}

/// The message of the API, and the true limit where the message may differ from it.
fn explained(violation: &Violation) -> String {
    let limit = violation.limit.map(|limit| format!(" (at most {limit})")).unwrap_or_default();
    format!("{}: {}{limit}", violation.field, violation.problem.message())
}

/// What the API would ignore, and what in a seed is more likely mistyped.
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
