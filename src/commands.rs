//! The commands, one file each. Every command is a call into the application.

mod account;
mod audit;
mod backup;
mod completions;
mod config;
mod confirm;
mod customer;
mod demo;
mod directory;
mod doctor;
mod group;
mod health;
mod import_job;
pub(crate) mod input;
mod key;
mod man;
mod migrate;
pub(crate) mod output;
mod outputs;
mod progress;
mod quickstart;
mod reference;
mod restore;
mod sandbox;
mod serve;
mod status;
mod user;

use crate::{
    CliError,
    administration::{Administration, local::LocalAdministration, remote::RemoteAdministration},
    backend::{self, Purpose},
    cli::{Account, Administer, Audit, Cli, Command, Customer, Group, Listing},
    config::{Settings, Sources},
    host::ProcessHost,
    machine::forbid_core_dumps,
    sandbox::registry_of,
    wiring,
};
use carnelian_app::{
    App,
    admin::{accounts::check_new_account, groups::check_new_group},
    jobs::are_jobs_served,
};
use carnelian_domain::{Actor, Origin};
use std::{ffi::OsString, sync::Arc};
use tokio::runtime::{Builder, Runtime};

/// Runs a command.
pub(crate) fn run(cli: Cli) -> Result<(), CliError> {
    forbid_core_dumps().map_err(|error| CliError::failed(format!("cannot forbid core dumps: {error}")))?;
    let settings = match (settings(&cli, std::env::vars_os().collect()), &cli.command) {
        (Err(error), Command::Doctor(command)) => return doctor::run(Err(error), command),
        (settings, _) => settings?,
    };
    outputs::check(&settings, &cli.command)?;
    if settings.server_url.is_some() && needs_registry(&cli.command) {
        let why = "a server does not offer this command; run it on the machine of the registry, without --server";
        return Err(CliError::usage(why));
    }
    match cli.command {
        Command::Serve(serve) => serve::run(settings, serve),
        Command::Config(command) => config::run(settings, command),
        Command::Status(Listing { json }) => match by_server(&settings, None)? {
            Some(server) => runtime()?.block_on(status::run(&server, json)),
            None => {
                inspect(&settings, async |app| status::run(&LocalAdministration::new(app, &origin(None)), json).await)
            }
        },
        Command::Doctor(command) => doctor::run(Ok(settings), &command),
        Command::Health(check) => health::run(check),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { directory } => man::run(&directory),
        Command::Reference { page } => reference::run(page),
        Command::Account(Administer { reason, command: Account::ErasureGrace { grace } }) => {
            administer(&settings, false, async |app| account::erasure_grace(app, grace, &origin(reason)).await)
        }
        Command::Account(Administer { command: Account::CheckReceipt { file }, .. }) => {
            administer(&settings, false, async |app| account::check_receipt(app, &file))
        }
        Command::Account(Administer { reason, command }) => {
            let new = if let Account::Create { name } = &command { Some(name) } else { None };
            let creates = new.is_some();
            // A command that is refused creates no registry.
            new.map_or(Ok(()), |name| check_new_account(name)).map_err(CliError::failed)?;
            administer_with(&settings, creates, reason, async |admin| account::run(admin, command).await)
        }
        Command::Customer(Administer { reason, command: Customer::Import(import) }) => {
            let creates = import.create_accounts && !import.dry_run;
            let (found, _) = find(&settings, creates)?;
            // Beside a server a registry in a directory has no other process that writes customers.
            if settings.database_url.is_none() && are_jobs_served(&found.data).map_err(CliError::failed)? {
                return administer(&settings, false, async |app| {
                    import_job::import(app, &import, &origin(reason)).await
                });
            }
            // An import that cannot begin creates no registry.
            let prepared = customer::prepare_import(&import, &wiring::rules(&settings))?;
            open(&settings, Purpose::Importing, creates, async |app| {
                customer::import(app, prepared, import.dry_run, &origin(reason)).await
            })
        }
        Command::Customer(Administer { reason, command: Customer::Export(export) }) => {
            administer(&settings, false, async |app| customer::export(app, &export, &origin(reason)).await)
        }
        Command::Group(Administer { reason, command }) => {
            let new = if let Group::Create { name } = &command { Some(name) } else { None };
            let creates = new.is_some();
            new.map_or(Ok(()), |name| check_new_group(name)).map_err(CliError::failed)?;
            administer_with(&settings, creates, reason, async |admin| group::run(admin, command).await)
        }
        Command::User(Administer { reason, command }) => {
            administer_with(&settings, false, reason, async |admin| user::run(admin, command).await)
        }
        Command::Key(Administer { reason, command }) => {
            administer_with(&settings, false, reason, async |admin| key::run(admin, command).await)
        }
        Command::Backup { file, replace, reason } => {
            administer(&settings, false, async |app| backup::back_up(app, &file, replace, &origin(reason)).await)
        }
        Command::Ledger { file, replace, reason } => {
            administer(&settings, false, async |app| backup::ledger(app, &file, replace, &origin(reason)).await)
        }
        Command::Restore { file, ledger, replace, confirmation, reason } => {
            restore::run(&settings, &file, ledger.as_deref(), (replace, confirmation), &origin(reason))
        }
        Command::Migrate => migrate::run(&settings),
        Command::Directory(command) => inspect(&settings, async |app| directory::run(app, command).await),
        Command::Audit(Audit::List(command)) if !command.follow => match by_server(&settings, None)? {
            Some(server) => runtime()?.block_on(audit::list(&server, command)),
            None => inspect(&settings, async |app| {
                audit::list(&LocalAdministration::new(app, &origin(None)), command).await
            }),
        },
        Command::Audit(command) => inspect(&settings, async |app| audit::run(app, command).await),
    }
}

/// Whether a command opens the registry itself, and cannot be carried out by a server over HTTP.
fn needs_registry(command: &Command) -> bool {
    match command {
        Command::Account(Administer { command, .. }) => {
            matches!(command, Account::ErasureGrace { .. } | Account::CheckReceipt { .. })
        }
        Command::Audit(Audit::List(list)) => list.follow,
        Command::Audit(_)
        | Command::Backup { .. }
        | Command::Customer(_)
        | Command::Directory(_)
        | Command::Ledger { .. }
        | Command::Migrate
        | Command::Restore { .. } => true,
        _ => false,
    }
}

/// The server of the settings, if commands are to use one.
fn by_server(settings: &Settings, reason: Option<Arc<str>>) -> Result<Option<RemoteAdministration>, CliError> {
    settings.server_url.as_deref().map(|url| RemoteAdministration::new(url, settings, reason)).transpose()
}

/// Runs a command of administration: by the server of the settings, or in this process.
fn administer_with(
    settings: &Settings,
    creates_registry: bool,
    reason: Option<Arc<str>>,
    command: impl AsyncFnOnce(&dyn Administration) -> Result<(), CliError>,
) -> Result<(), CliError> {
    match by_server(settings, reason.clone())? {
        Some(server) => runtime()?.block_on(command(&server)),
        None => administer(settings, creates_registry, async |app| {
            command(&LocalAdministration::new(app, &origin(reason))).await
        }),
    }
}

/// The settings that a command line and an environment result in.
pub fn settings(cli: &Cli, env: Vec<(OsString, OsString)>) -> Result<Settings, CliError> {
    let sources = Sources { file: cli.config.clone(), env };
    let (serve, defaults) = match &cli.command {
        Command::Serve(serve) if serve.demo => (Some(&serve.flags), demo::defaults()),
        Command::Serve(serve) if serve.sandbox => (Some(&serve.flags), crate::sandbox::defaults()),
        Command::Serve(serve) => (Some(&serve.flags), Settings::default()),
        Command::Doctor(doctor) => (Some(&doctor.flags), Settings::default()),
        _ => (None, Settings::default()),
    };
    Settings::gather(defaults, &sources, &cli.every, serve)
}

/// The runtime of commands that open a registry.
fn runtime() -> Result<Runtime, CliError> {
    Builder::new_current_thread().enable_all().build().map_err(CliError::failed)
}

/// The origin that the audit log records for a command.
fn origin(reason: Option<Arc<str>>) -> Origin {
    Origin { reason, ..Origin::new(Actor::CommandLine) }
}

/// Runs a short command on the registry, which a server may have open.
///
/// `creates_registry` allows the command to create a missing registry. For other commands a missing registry is an error,
/// since the directory is probably mistyped.
fn administer(
    settings: &Settings,
    creates_registry: bool,
    command: impl AsyncFnOnce(&App) -> Result<(), CliError>,
) -> Result<(), CliError> {
    open(settings, Purpose::Administration, creates_registry, command)
}

/// The settings with the directory of the registry, and whether there is one.
fn find(settings: &Settings, creates_registry: bool) -> Result<(Settings, bool), CliError> {
    // The registry of a sandbox is in a numbered directory.
    let settings = Settings { data: registry_of(&settings.data), ..settings.clone() };
    let exists = backend::exists(&settings)?;
    if !exists && !creates_registry {
        return Err(CliError::failed(format!("no registry in {}", settings.data.display())));
    }
    Ok((settings, exists))
}

/// Runs a short command on the registry whether or not its accounts, groups, users and keys can be trusted.
fn inspect(settings: &Settings, command: impl AsyncFnOnce(&App) -> Result<(), CliError>) -> Result<(), CliError> {
    open_unchecked(settings, Purpose::Administration, false, command)
}

fn open(
    settings: &Settings,
    purpose: Purpose,
    creates_registry: bool,
    command: impl AsyncFnOnce(&App) -> Result<(), CliError>,
) -> Result<(), CliError> {
    open_unchecked(settings, purpose, creates_registry, async |app| {
        app.check_directory().map_err(CliError::failed)?;
        command(app).await
    })
}

fn open_unchecked(
    settings: &Settings,
    purpose: Purpose,
    creates_registry: bool,
    command: impl AsyncFnOnce(&App) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let (settings, exists) = find(settings, creates_registry)?;
    let settings = &settings;
    if !exists {
        output::print_message(format_args!("creating a new registry in {}", settings.data.display()));
    }
    runtime()?.block_on(async {
        let host = Arc::new(ProcessHost::of_command(settings));
        // A failed commit is reported as the error of the command itself.
        let app = wiring::open_app(settings, purpose, wiring::system_clock(), host, Box::new(drop)).await?;
        command(&app).await
    })
}
