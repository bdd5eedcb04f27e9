//! `carnelian serve --demo`: a persistent registry with the default seed and generated keys.

use super::quickstart::{DemoLogin, quickstart};
use crate::{CliError, config::Settings, sandbox::Seed};
use carnelian_app::{
    App,
    admin::{
        Admin,
        keys::{KeyEntry, KeyStatus, KeyTerms},
    },
    atomic_file::Draft,
};
use carnelian_domain::{Actor, Origin, Paging};
use serde::{Deserialize, Serialize};
use std::{fs, io::Write, path::Path};

/// The default data directory of a demo.
const DIRECTORY: &str = "./carnelian-demo";

/// The file in the data directory with the demo's credentials, which are printed on every start.
const FILE: &str = "demo.json";

/// The label of the demo's keys.
const LABEL: &str = "demo";

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
    let admin = app.local_admin(&Origin::new(Actor::CommandLine));
    let accounts = admin.list_accounts(Paging::ALL, None).await.map_err(CliError::failed)?.entries;
    if accounts.iter().any(|account| Seed::builtin().accounts.iter().all(|seeded| *seeded.name != *account.name)) {
        let message =
            "this registry is not a demo, and --demo would add users to it; choose another directory with --data";
        return Err(CliError::failed(format!("{}: {message}", data.display())));
    }
    let demo = fill(&admin).await?;
    save(&path, &demo).map_err(CliError::failed)?;
    Ok(demo)
}

/// Creates what is missing: an earlier attempt may have been interrupted.
async fn fill(admin: &Admin<'_>) -> Result<Demo, CliError> {
    let failed = CliError::failed;
    let seed = Seed::builtin();
    let accounts = admin.list_accounts(Paging::ALL, None).await.map_err(failed)?.entries;
    for account in seed.accounts {
        if accounts.iter().all(|present| *present.name != *account.name) {
            admin.create_account(&account.name).await.map_err(failed)?;
        }
    }
    let groups = admin.list_groups(Paging::ALL, None).await.map_err(failed)?.entries;
    for group in seed.groups {
        let present = groups.iter().find(|present| present.name == group.name);
        if present.is_none() {
            admin.create_group(&group.name).await.map_err(failed)?;
        }
        for account in group.accounts {
            if present.is_none_or(|present| present.accounts.iter().all(|present| *present.name != *account)) {
                admin.add_to_group(&group.name.as_str().into(), &account.into()).await.map_err(failed)?;
            }
        }
    }
    let present = admin.list_users(Paging::ALL, None).await.map_err(failed)?.entries;
    let mut users = Vec::new();
    for user in seed.users {
        if present.iter().all(|present| *present.name != *user.name) {
            admin.create_user(user.new_user()).await.map_err(failed)?;
        }
        revoke_unseen(admin, &user.name).await?;
        let terms = KeyTerms { label: Some(LABEL.into()), ..KeyTerms::default() };
        let added = admin.issue_key(&user.name.as_str().into(), None, terms).await.map_err(failed)?;
        let key = added.key.map(|key| key.reveal().to_owned()).unwrap_or_default();
        users.push(DemoUser { account: user.account, user: user.name, key });
    }
    Ok(Demo { users })
}

/// Revokes the keys of an attempt that was interrupted before it could show them.
async fn revoke_unseen(admin: &Admin<'_>, user: &str) -> Result<(), CliError> {
    let keys = admin.list_keys(&user.into(), Paging::ALL).await.map_err(CliError::failed)?.entries;
    let unseen = |key: &&KeyEntry| key.label.as_deref() == Some(LABEL) && key.status != KeyStatus::Revoked;
    for key in keys.iter().filter(unseen) {
        admin.revoke_key(&key.key_id).await.map_err(CliError::failed)?;
    }
    Ok(())
}

fn save(path: &Path, demo: &Demo) -> std::io::Result<()> {
    let mut draft = Draft::new(path)?;
    draft.write_all(&serde_json::to_vec_pretty(demo)?)?;
    draft.keep()
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
