//! What there is to try on a new registry, ready to paste.

use crate::sandbox::{Seed, SeedUser};
use carnelian_domain::{Permission, Role};
use data_encoding::BASE64;

/// How many users are shown; a seed may have many.
const SHOWN: usize = 12;

/// The call of the API's documentation; the account goes between the parts.
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

/// A user and a key of it.
pub(super) struct Guest<'a> {
    pub(super) user: &'a SeedUser,
    pub(super) key: &'a str,
}

/// Who can sign in, and a call to try.
pub(super) fn welcome(heading: &str, seed: &Seed, guests: &[Guest<'_>], url: &str) -> String {
    let mut text = format!("\n{heading}\n");
    for Guest { user, key } in guests.iter().take(SHOWN) {
        text += &format!("  {} ({})  {key}\n", user.name, scope(seed, user));
    }
    if guests.len() > SHOWN {
        text += &format!("  and {} more\n", guests.len() - SHOWN);
    }
    let writer = guests.iter().find(|guest| guest.user.role.allows(Permission::WriteCustomers));
    text + &writer.map(|writer| call(writer, url)).unwrap_or_default()
}

/// Where a user may act, and what it may do there if not everything.
fn scope(seed: &Seed, SeedUser { account, group, role, .. }: &SeedUser) -> String {
    let members = group.as_ref().and_then(|name| seed.groups.iter().find(|group| group.name == *name));
    let accounts = match members {
        _ if *role == Role::Operator => "every account".to_owned(),
        Some(group) if group.accounts.contains(account) => format!("every account of {:?}", group.name),
        Some(group) => format!("{account:?} and every account of {:?}", group.name),
        None => format!("{account:?} alone"),
    };
    if *role == Role::AccountAdmin { accounts } else { format!("{accounts}, {role}") }
}

fn call(Guest { user, key }: &Guest<'_>, url: &str) -> String {
    let credentials = BASE64.encode(format!("{}:{key}", user.name).as_bytes());
    let account = serde_json::Value::from(user.account.as_str()).to_string();
    // Between single quotes a shell takes everything as it is but a single quote.
    let body = BODY.join(&account).replace('\'', r"'\''");
    let mut text = String::from("\nCreate a customer:\n\n");
    text += "curl -X POST --header \"Content-Type: application/json\" --header \"Accept: application/json\" ";
    text += &format!("--header \"Authorization: Basic {credentials}\" ");
    text + &format!("-d '{body}' \"{url}/rws/api/v1/customers\"\n")
}
