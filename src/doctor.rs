//! Checks of a registry and its surroundings, for `carnelian doctor`. They change nothing.
//!
//! * [`finding`]: what a check has found
//! * [`machine_checks`]: what can be checked without opening the registry
//! * [`registry_checks`]: what the registry itself says

mod finding;
mod machine_checks;
mod registry_checks;

pub(crate) use finding::Finding;

use crate::{CliError, config::Settings};
use carnelian_app::App;
use std::{future::Future, pin::Pin, sync::Arc};

/// A finding that is awaited.
type AwaitedFinding<'a> = Pin<Box<dyn Future<Output = Result<Finding, CliError>> + 'a>>;

/// What a check looks at.
enum Check {
    /// The settings alone.
    Settings,
    /// The machine and the files.
    Machine(fn(&Settings) -> Finding),
    /// Opening the registry.
    Opening,
    /// The opened registry.
    Registry(for<'a> fn(&'a App) -> AwaitedFinding<'a>),
}

macro_rules! of_registry {
    ($check:ident) => {
        Check::Registry(|app| Box::pin(registry_checks::$check(app)))
    };
}

/// Every check in its order, with what it is about.
const CHECKS: &[(&str, Check)] = &[
    ("settings", Check::Settings),
    ("data-directory", Check::Machine(machine_checks::data_directory)),
    ("file-system", Check::Machine(machine_checks::file_system)),
    ("disk-space", Check::Machine(machine_checks::disk_space)),
    ("master-key", Check::Machine(machine_checks::master_key)),
    ("backups-apart", Check::Machine(machine_checks::backups_apart)),
    ("open-files", Check::Machine(machine_checks::open_files)),
    ("tls", Check::Machine(machine_checks::tls)),
    ("listen", Check::Machine(machine_checks::listen)),
    ("proxies", Check::Machine(machine_checks::proxies)),
    ("registry", Check::Opening),
    ("damage", of_registry!(damage)),
    ("log-size", of_registry!(log_size)),
    ("directory", of_registry!(directory)),
    ("audit-log", of_registry!(audit_log)),
    ("clock", of_registry!(clock)),
    ("erasures", of_registry!(erasures)),
    ("backup", of_registry!(backup)),
    ("ledger", of_registry!(ledger)),
];

/// The names of all checks.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

/// Makes every check but those that are to be skipped.
pub(crate) async fn examine(
    settings: Result<&Settings, &CliError>,
    skip: &[String],
    open: impl AsyncFnOnce() -> Result<Arc<App>, CliError>,
) -> Vec<(&'static str, Finding)> {
    let (mut findings, mut opened) = (Vec::new(), None);
    let mut open = Some(open);
    for (name, check) in CHECKS {
        let finding = match (check, settings) {
            _ if skip.iter().any(|skipped| skipped == name) => Finding::Skipped("--skip".into()),
            (Check::Settings, Ok(settings)) => machine_checks::settings(settings),
            (Check::Settings, Err(error)) => Finding::failure(error.message(), "see `carnelian config check`"),
            (_, Err(_)) => Finding::Skipped("the settings are not valid".into()),
            (Check::Machine(check), Ok(settings)) => check(settings),
            (Check::Opening, Ok(_)) => match open.take() {
                Some(open) => match open().await {
                    Ok(app) => {
                        Finding::Success(format!("{} is open", registry_checks::engine(opened.insert(app)).await))
                    }
                    Err(error) => Finding::failure(error.message(), "the server would not start either"),
                },
                None => continue,
            },
            (Check::Registry(check), Ok(_)) => match &opened {
                Some(app) => check(app).await.unwrap_or_else(|error| {
                    Finding::failure(error.message(), "see the message; `carnelian doctor` can be repeated")
                }),
                None => Finding::Skipped("the registry is not open".into()),
            },
        };
        findings.push((*name, finding));
    }
    findings
}
