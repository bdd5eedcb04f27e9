//! A registry to try things out on, which begins as a sandbox does but with keys of its own, and stays.

use super::welcome::{Guest, welcome};
use crate::{Refusal, config::Settings, sandbox::Seed};
use carnelian_app::{App, administration::KeyTerms};
use carnelian_domain::{Actor, Origin};
use serde::{Deserialize, Serialize};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// Where the demo lives unless a data directory is given.
const DIRECTORY: &str = "./carnelian-demo";

/// The file in the data directory that keeps the demo's credentials, so that they can be printed again.
const FILE: &str = "demo.json";

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
    if accounts.iter().any(|account| Seed::usual().accounts.iter().all(|usual| usual.name != account.name)) {
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
    let seed = Seed::usual();
    let accounts = app.list_accounts().await.map_err(refused)?;
    for account in seed.accounts {
        if accounts.iter().all(|present| present.name != account.name) {
            app.create_account(&account.name, &origin).await.map_err(refused)?;
        }
    }
    let groups = app.list_groups().await.map_err(refused)?;
    for group in seed.groups {
        let present = groups.iter().find(|present| present.name == group.name);
        if present.is_none() {
            app.create_group(&group.name, &origin).await.map_err(refused)?;
        }
        for account in group.accounts {
            if present.is_none_or(|present| !present.accounts.contains(&account)) {
                app.add_to_group(group.name.as_str().into(), account.into(), &origin).await.map_err(refused)?;
            }
        }
    }
    let present = app.list_users().await.map_err(refused)?;
    let mut users = Vec::new();
    for user in seed.users {
        if present.iter().all(|present| present.name != user.name) {
            app.create_user(user.new_user(), &origin).await.map_err(refused)?;
        }
        let terms = KeyTerms { label: Some("demo".into()), ..KeyTerms::default() };
        let key = app.issue_key(user.name.as_str().into(), terms, &origin).await.map_err(refused)?;
        users.push(DemoUser { account: user.account, user: user.name, key: key.reveal().into() });
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
        let seed = Seed::usual();
        let guest = |own: &'_ DemoUser| seed.users.iter().find(|user| user.name == own.user);
        let known = self.users.iter().filter_map(|own| Some(Guest { user: guest(own)?, key: &own.key }));
        let heading = "The demo's users, and the accounts that they may act in:";
        welcome(heading, &seed, &known.collect::<Vec<_>>(), url)
    }
}
