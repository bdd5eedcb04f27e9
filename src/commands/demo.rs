//! `carnelian serve --demo`: a persistent registry with the default seed and generated keys.

use super::quickstart::{DemoLogin, quickstart};
use crate::{CliError, config::Settings, sandbox::Seed};
use carnelian_app::{App, administration::KeyTerms};
use carnelian_domain::{Actor, Origin};
use serde::{Deserialize, Serialize};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// The default data directory of a demo.
const DIRECTORY: &str = "./carnelian-demo";

/// The file in the data directory with the demo's credentials, which are printed on every start.
const FILE: &str = "demo.json";

/// The credentials of the demo's users.
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

/// The default settings of a demo, whose directory differs from that of a registry in use.
pub(super) fn defaults() -> Settings {
    Settings { data: DIRECTORY.into(), ..Settings::default() }
}

/// Creates the demo data on the first start, and reads the credentials on later ones.
pub(super) async fn prepare(app: &App, data: &Path) -> Result<Demo, CliError> {
    let path = data.join(FILE);
    if path.exists() {
        let text = fs::read(&path).map_err(CliError::failed)?;
        let unreadable = |error| CliError::failed(format!("{}: {error}", path.display()));
        return serde_json::from_slice(&text).map_err(unreadable);
    }
    let accounts = app.list_accounts().await.map_err(CliError::failed)?;
    if accounts.iter().any(|account| Seed::builtin().accounts.iter().all(|seeded| seeded.name != account.name)) {
        let message =
            "this registry is not a demo, and --demo would add users to it; choose another directory with --data";
        return Err(CliError::failed(format!("{}: {message}", data.display())));
    }
    let demo = fill(app).await?;
    save(&path, &demo).map_err(CliError::failed)?;
    Ok(demo)
}

/// Creates what is missing: an earlier attempt may have been interrupted.
async fn fill(app: &App) -> Result<Demo, CliError> {
    let (failed, origin) = (CliError::failed, Origin::of(Actor::CommandLine));
    let seed = Seed::builtin();
    let accounts = app.list_accounts().await.map_err(failed)?;
    for account in seed.accounts {
        if accounts.iter().all(|present| present.name != account.name) {
            app.create_account(&account.name, &origin).await.map_err(failed)?;
        }
    }
    let groups = app.list_groups().await.map_err(failed)?;
    for group in seed.groups {
        let present = groups.iter().find(|present| present.name == group.name);
        if present.is_none() {
            app.create_group(&group.name, &origin).await.map_err(failed)?;
        }
        for account in group.accounts {
            if present.is_none_or(|present| !present.accounts.contains(&account)) {
                app.add_to_group(group.name.as_str().into(), account.into(), &origin).await.map_err(failed)?;
            }
        }
    }
    let present = app.list_users().await.map_err(failed)?;
    let mut users = Vec::new();
    for user in seed.users {
        if present.iter().all(|present| present.name != user.name) {
            app.create_user(user.new_user(), &origin).await.map_err(failed)?;
        }
        let terms = KeyTerms { label: Some("demo".into()), ..KeyTerms::default() };
        let key = app.issue_key(user.name.as_str().into(), terms, &origin).await.map_err(failed)?;
        users.push(DemoUser { account: user.account, user: user.name, key: key.reveal().into() });
    }
    Ok(Demo { users })
}

fn save(path: &Path, demo: &Demo) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&serde_json::to_vec_pretty(demo)?)?;
    file.sync_all()?;
    fs::rename(draft, path)
}

impl Demo {
    /// The credentials and an example request, to be printed.
    pub(super) fn instructions(&self, url: &str) -> String {
        let seed = Seed::builtin();
        let seeded = |own: &'_ DemoUser| seed.users.iter().find(|user| user.name == own.user);
        let logins = self.users.iter().filter_map(|own| Some(DemoLogin { user: seeded(own)?, key: &own.key }));
        let heading = "Demo users and the accounts that they may access:";
        quickstart(heading, &seed, &logins.collect::<Vec<_>>(), url)
    }
}
