//! `carnelian doctor`.

use super::{
    output::{print_listing, print_result, printable},
    runtime,
};
use crate::{
    CliError,
    backend::{self, Purpose},
    cli::Doctor,
    config::Settings,
    doctor::{Finding, examine},
    host::ProcessHost,
    master_key, registry_files,
    sandbox::registry_of,
    wiring,
};
use carnelian_app::App;
use serde_json::json;
use std::sync::Arc;

pub(super) fn run(settings: Result<Settings, CliError>, command: &Doctor) -> Result<(), CliError> {
    // The registry of a sandbox is in a numbered directory.
    let settings = settings.map(|settings| Settings { data: registry_of(&settings.data), ..settings });
    let open = async || match &settings {
        Ok(settings) => open(settings).await,
        Err(error) => Err(CliError::failed(error.message())),
    };
    let findings = runtime()?.block_on(examine(settings.as_ref(), &command.skip, open));
    if command.json {
        let row = |(check, finding): &(&str, Finding)| {
            vec![json!(check), json!(finding.name()), json!(finding.what()), json!(finding.advice())]
        };
        print_listing(true, &["check", "result", "finding", "advice"], findings.iter().map(row).collect())?;
    } else {
        let width = findings.iter().map(|(check, _)| check.len()).max().unwrap_or_default();
        for (check, finding) in &findings {
            print_result(printable(&format!("{}  {check:width$}  {}", finding.name(), finding.what())))?;
            if let Some(advice) = finding.advice() {
                print_result(printable(&format!("{:9}{:width$}  advice: {advice}", "", "")))?;
            }
        }
    }
    match findings.iter().filter(|(_, finding)| matches!(finding, Finding::Failure(..))).count() {
        0 => Ok(()),
        1 => Err(CliError::failed("1 check has failed")),
        failures => Err(CliError::failed(format!("{failures} checks have failed"))),
    }
}

/// Opens the registry, if it is there and opening it changes nothing.
async fn open(settings: &Settings) -> Result<Arc<App>, CliError> {
    if !backend::exists(settings)? {
        return Err(CliError::failed(format!("no registry in {}", settings.data.display())));
    }
    // Before SQLite could leave a file of another user in the directory.
    registry_files::check_owner(&settings.data)?;
    master_key::existing(settings)?;
    if backend::is_outdated(settings)? {
        let why = "has the schema of an earlier release, which the next start upgrades: back it up before";
        return Err(CliError::failed(format!("{} {why}", settings.place())));
    }
    let host = Arc::new(ProcessHost::of_command(settings));
    wiring::open_app(settings, Purpose::Administration, wiring::system_clock(), host, Box::new(drop)).await
}
