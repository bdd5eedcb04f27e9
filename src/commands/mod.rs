//! The commands, one file each; every one is a call into the application.

mod account;
mod audit;
mod backup;
mod customer;
mod demo;
mod group;
mod key;
pub(crate) mod output;
mod reference;
mod restore;
mod sandbox;
mod serve;
mod user;
mod welcome;

use crate::{
    Refusal,
    cli::{Account, Administer, Cli, Command, Customer, Group},
    config::{Settings, Sources},
    sandbox::registry_of,
    wiring::{self, Purpose},
};
use carnelian_app::App;
use carnelian_domain::{Actor, Origin};
use carnelian_store_sqlite::SqliteStore;
use std::{ffi::OsString, sync::Arc};
use tokio::runtime::{Builder, Runtime};

/// Runs a command.
pub(crate) fn run(cli: Cli) -> Result<(), Refusal> {
    let settings = settings(&cli, std::env::vars_os().collect())?;
    match cli.command {
        Command::Serve(serve) => serve::run(settings, serve),
        Command::Reference { page } => reference::run(page),
        Command::Account(Administer { reason, command }) => {
            let first = matches!(command, Account::Create { .. });
            administer(&settings, first, async |app| account::run(app, command, &origin(reason)).await)
        }
        Command::Customer(Administer { reason, command }) => {
            let purpose = match command {
                Customer::Import(_) => Purpose::Importing,
                Customer::Export(_) => Purpose::Administration,
            };
            let first = matches!(&command, Customer::Import(import) if import.create_accounts && !import.dry_run);
            open(&settings, purpose, first, async |app| customer::run(app, command, &origin(reason)).await)
        }
        Command::Group(Administer { reason, command }) => {
            let first = matches!(command, Group::Create { .. });
            administer(&settings, first, async |app| group::run(app, command, &origin(reason)).await)
        }
        Command::User(Administer { reason, command }) => {
            administer(&settings, false, async |app| user::run(app, command, &origin(reason)).await)
        }
        Command::Key(Administer { reason, command }) => {
            administer(&settings, false, async |app| key::run(app, command, &origin(reason)).await)
        }
        Command::Backup { file, replace, reason } => {
            administer(&settings, false, async |app| backup::back_up(app, &file, replace, &origin(reason)).await)
        }
        Command::Ledger { file, replace } => {
            administer(&settings, false, async |app| backup::ledger(app, &file, replace))
        }
        Command::Restore { file, ledger, replace, reason } => {
            restore::run(&settings, &file, ledger.as_deref(), replace, &origin(reason))
        }
        Command::Audit(command) => administer(&settings, false, async |app| audit::run(app, command).await),
    }
}

/// The settings in force for what was typed, in an environment.
pub fn settings(cli: &Cli, env: Vec<(OsString, OsString)>) -> Result<Settings, Refusal> {
    let sources = Sources { file: cli.config.clone(), env };
    let (serve, defaults) = match &cli.command {
        Command::Serve(serve) if serve.demo => (Some(&serve.flags), demo::defaults()),
        Command::Serve(serve) if serve.sandbox => (Some(&serve.flags), crate::sandbox::defaults()),
        Command::Serve(serve) => (Some(&serve.flags), Settings::default()),
        _ => (None, Settings::default()),
    };
    Settings::gather(defaults, &sources, &cli.every, serve)
}

/// What a command that works on a registry runs in.
fn runtime() -> Result<Runtime, Refusal> {
    Builder::new_current_thread().enable_time().build().map_err(Refusal::refused)
}

/// What the audit log is told of a command.
fn origin(reason: Option<Arc<str>>) -> Origin {
    Origin { reason, ..Origin::of(Actor::CommandLine) }
}

/// Runs a short command on the registry, also while a server has it open.
///
/// Only a command that can come first makes a registry; for any other, one that is not there is more likely mistyped.
fn administer(
    settings: &Settings,
    can_come_first: bool,
    command: impl AsyncFnOnce(&App) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    open(settings, Purpose::Administration, can_come_first, command)
}

fn open(
    settings: &Settings,
    purpose: Purpose,
    can_come_first: bool,
    command: impl AsyncFnOnce(&App) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    // A sandbox keeps its registry in a folder of its own.
    let settings = &Settings { data: registry_of(&settings.data), ..settings.clone() };
    if !SqliteStore::exists(&settings.data) {
        let place = settings.data.display();
        if !can_come_first {
            return Err(Refusal::refused(format!("there is no registry in {place}")));
        }
        output::words(format_args!("making a new registry in {place}"));
    }
    runtime()?.block_on(async {
        // A failed commit is an error of the command itself; there is nobody else to tell.
        let app = wiring::open_app(settings, purpose, wiring::system_clock(), Box::new(drop)).await?;
        command(&app).await
    })
}
