//! A registry to try things out on: two accounts in a group, one outside it, and a user in each.

use crate::{Refusal, config::Settings};
use carnelian_app::App;
use carnelian_domain::{Actor, Origin, Role};
use carnelian_store::NewUser;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// Where the demo lives unless a data directory is given.
const DIRECTORY: &str = "./carnelian-demo";

/// The file in the data directory that keeps the demo's credentials, so that they can be printed again.
const FILE: &str = "demo.json";

const GROUP: &str = "Acme Group";

/// Account, whether it is in the group, and its user.
const ACCOUNTS: [(&str, bool, &str); 3] =
    [("Acme", true, "ann"), ("Acme Europe", true, "eva"), ("Globex", false, "gus")];

/// The call of the API's documentation.
const BODY: &str = r#"{
   "name": "Acme Customer",
   "accountName": "Acme",
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
}"#;

/// What the demo's users sign in with.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Demo {
    users: Vec<DemoUser>,
}

#[derive(Debug, Deserialize, Serialize)]
struct DemoUser {
    account: String,
    user: String,
    key: String,
}

/// The defaults of a server with a demo: a demo does not mix with a registry in use.
pub(super) fn defaults() -> Settings {
    Settings { data: DIRECTORY.into(), ..Settings::default() }
}

/// Prepares the demo, unless this was done before.
pub(super) async fn prepare(app: &App, data: &Path) -> Result<Demo, Refusal> {
    let path = data.join(FILE);
    if path.exists() {
        let text = fs::read(&path).map_err(Refusal::refused)?;
        let unreadable = |error| Refusal::refused(format!("{}: {error}", path.display()));
        return serde_json::from_slice(&text).map_err(unreadable);
    }
    let accounts = app.list_accounts().await.map_err(Refusal::refused)?;
    if accounts.iter().any(|account| ACCOUNTS.iter().all(|(name, ..)| *name != account.name)) {
        let why = "holds a registry that is no demo; --demo would add users to it";
        return Err(Refusal::refused(format!("{} {why}", data.display())));
    }
    let demo = fill(app).await?;
    keep(&path, &demo).map_err(Refusal::refused)?;
    Ok(demo)
}

/// Makes what is missing: an earlier attempt may have been cut short.
async fn fill(app: &App) -> Result<Demo, Refusal> {
    let (refused, origin) = (Refusal::refused, Origin::of(Actor::CommandLine));
    let groups = app.list_groups().await.map_err(refused)?;
    if groups.is_empty() {
        app.create_group(GROUP, &origin).await.map_err(refused)?;
    }
    let members: Vec<_> = groups.into_iter().flat_map(|group| group.accounts).collect();
    let accounts = app.list_accounts().await.map_err(refused)?;
    let present = app.list_users().await.map_err(refused)?;
    let mut users = Vec::new();
    for (account, grouped, user) in ACCOUNTS {
        if accounts.iter().all(|present| present.name != account) {
            app.create_account(account, &origin).await.map_err(refused)?;
        }
        if grouped && members.iter().all(|member| member != account) {
            app.add_to_group(GROUP, account, &origin).await.map_err(refused)?;
        }
        if present.iter().all(|present| present.name != user) {
            let group = grouped.then(|| GROUP.to_owned());
            let new = NewUser { name: user.into(), account: account.into(), group, role: Role::AccountAdmin };
            app.create_user(new, &origin).await.map_err(refused)?;
        }
        let key = app.issue_key(user, Some("demo"), None, &origin).await.map_err(refused)?;
        users.push(DemoUser { account: account.into(), user: user.into(), key: key.reveal().into() });
    }
    Ok(Demo { users })
}

fn keep(path: &Path, demo: &Demo) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&serde_json::to_vec_pretty(demo)?)?;
    file.sync_all()?;
    fs::rename(draft, path)
}

impl Demo {
    /// What to try, ready to paste.
    pub(super) fn instructions(&self, url: &str) -> String {
        let mut text = String::from("\nThe demo's users, and the accounts that they may act in:\n");
        for (user, (account, grouped, _)) in self.users.iter().zip(ACCOUNTS) {
            let scope = if grouped { format!("every account of {GROUP:?}") } else { format!("{account:?} alone") };
            text += &format!("  {} ({scope})  {}\n", user.user, user.key);
        }
        let first = self.users.first();
        let credentials = first.map(|user| format!("{}:{}", user.user, user.key)).unwrap_or_default();
        text += "\nCreate a customer:\n\n";
        text += "curl -X POST --header \"Content-Type: application/json\" --header \"Accept: application/json\" ";
        text += &format!("--header \"Authorization: Basic {}\" ", BASE64.encode(credentials.as_bytes()));
        text += &format!("-d '{BODY}' \"{url}/rws/api/v1/customers\"\n");
        text
    }
}
