//! The credentials and the example request that a demo or a sandbox prints at start.

use crate::sandbox::{Seed, SeedUser};
use carnelian_domain::{Permission, Role};
use data_encoding::BASE64;

/// The maximum number of users shown.
const SHOWN: usize = 12;

/// The body of the example request; the account name goes between the parts.
const BODY: [&str; 2] = [
    r#"{
   "name": "Acme Customer",
   "accountName": "#,
    r#",
   "securityQuestion": "FirstConcert",
   "securityAnswer": "Journey",
   "shipToBillAddress": true,
   "billingAddress":
      {
      "addressLine1": "123 Main",
      "addressLine2": "string",
      "city": "Anytown",
      "state": "FLA",
      "country": "USA",
      "postalCode": "36301"
      }
}"#,
];

/// A user with one of its keys.
pub(super) struct DemoLogin<'a> {
    pub(super) user: &'a SeedUser,
    pub(super) key: &'a str,
}

/// The logins, and a request to try.
pub(super) fn quickstart(heading: &str, seed: &Seed, logins: &[DemoLogin<'_>], url: &str) -> String {
    let mut text = format!("\n{heading}\n");
    for DemoLogin { user, key } in logins.iter().take(SHOWN) {
        text += &format!("  {} ({})  {key}\n", user.name, scope(seed, user));
    }
    if logins.len() > SHOWN {
        text += &format!("  and {} more\n", logins.len() - SHOWN);
    }
    let writer = logins.iter().find(|login| login.user.role.allows(Permission::WriteCustomers));
    text + &writer.map(|writer| request(writer, url)).unwrap_or_default()
}

/// The accounts that a user may access, and its role unless it is the default.
fn scope(seed: &Seed, SeedUser { account, group, role, .. }: &SeedUser) -> String {
    let members = group.as_ref().and_then(|name| seed.groups.iter().find(|group| group.name == *name));
    let accounts = match members {
        _ if *role == Role::Operator => "all accounts".to_owned(),
        Some(group) if group.accounts.contains(account) => format!("all accounts of {:?}", group.name),
        Some(group) => format!("{account:?} and all accounts of {:?}", group.name),
        None => format!("{account:?}"),
    };
    if *role == Role::AccountAdmin { accounts } else { format!("{accounts}, {role}") }
}

fn request(DemoLogin { user, key }: &DemoLogin<'_>, url: &str) -> String {
    let credentials = BASE64.encode(format!("{}:{key}", user.name).as_bytes());
    let account = serde_json::Value::from(user.account.as_str()).to_string();
    // In single quotes, a shell interprets nothing but the closing quote.
    let body = BODY.join(&account).replace('\'', r"'\''");
    let mut text = String::from("\nCreate a customer:\n\n");
    text += "curl -X POST --header \"Content-Type: application/json\" --header \"Accept: application/json\" ";
    text += &format!("--header \"Authorization: Basic {credentials}\" ");
    text + &format!("-d '{body}' \"{url}/rws/api/v1/customers\"\n")
}
