//! What commands write: never in the place of a file of the registry.

use super::{backup, input::is_dash};
use crate::{
    CliError,
    cli::{Administer, Command, Customer},
    config::Settings,
    file_errors::explain,
    registry_files::{found, is_of_registry},
    sandbox::{is_marked, registry_of},
};
use carnelian_app::{atomic_file::parent_of, jobs};
use std::{
    ffi::OsStr,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What the names of the master key and its draft begin with.
const KEY: &str = "master.key";

/// Fails if something that a command is to write would take the place of a file of the registry.
pub(super) fn check(settings: &Settings, command: &Command) -> Result<(), CliError> {
    outputs(command).iter().try_for_each(|output| check_output(settings, output))
}

/// The files that a command writes, besides those of the registry. Without a wildcard, so that a new command is asked, too.
fn outputs(command: &Command) -> Vec<PathBuf> {
    let outputs = match command {
        Command::Backup { file, .. } => vec![file.clone(), backup::ledger_of(file)],
        Command::Ledger { file, .. } => vec![file.clone()],
        Command::Customer(Administer { command: Customer::Import(import), .. }) => {
            import.rejects.iter().cloned().collect()
        }
        Command::Customer(Administer { command: Customer::Export(export), .. }) => vec![export.output.clone()],
        Command::Serve(_)
        | Command::Config(_)
        | Command::Health(_)
        | Command::Doctor(_)
        | Command::Status(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Reference { .. }
        | Command::Account(_)
        | Command::Group(_)
        | Command::User(_)
        | Command::Key(_)
        | Command::Restore { .. }
        | Command::Migrate
        | Command::Directory(_)
        | Command::Audit(_) => Vec::new(),
    };
    outputs.into_iter().filter(|output| !is_dash(output)).collect()
}

/// Fails if what a command is to write would take the place of a file of the registry, by whatever path or link that is
/// named, or of something else than a file.
fn check_output(settings: &Settings, output: &Path) -> Result<(), CliError> {
    let failed = |error: io::Error| explain(output, &error);
    let refused = || Err(explain(output, &"this is a file of the registry, or will be one; choose another name"));
    let existing = found(fs::metadata(output)).map_err(failed)?;
    if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
        return Err(explain(output, &"this is not a regular file"));
    }
    let registries = [settings.data.clone(), registry_of(&settings.data)];
    let mut protected: Vec<_> = [
        &settings.master_key_file,
        &settings.tls_cert,
        &settings.tls_key,
        &settings.database_password_file,
        &settings.database_ca_file,
        &settings.config_file,
    ]
    .into_iter()
    .flatten()
    .filter_map(|path| identity(path))
    .collect();
    for directory in &registries {
        protected.extend(files_in(directory).iter().filter_map(|path| identity(path)));
    }
    if existing.is_some_and(|existing| protected.contains(&(existing.dev(), existing.ino()))) {
        return refused();
    }
    let registries = registries.map(|directory| identity(&directory));
    let parent = fs::canonicalize(parent_of(output)).map_err(failed)?;
    let path = output.file_name().map_or_else(|| parent.clone(), |name| parent.join(name));
    let is_in_registry = path.ancestors().any(|path| match (path.parent().and_then(identity), path.file_name()) {
        (Some(parent), Some(name)) => registries.contains(&Some(parent)) && is_reserved(settings, name),
        _ => false,
    });
    if is_in_registry { refused() } else { Ok(()) }
}

/// Whether a name in a data directory is, or will be, that of a file or a directory of the registry.
fn is_reserved(settings: &Settings, name: &OsStr) -> bool {
    let is_key = name.to_string_lossy().to_ascii_lowercase().starts_with(KEY);
    // The registries of a sandbox are numbered.
    let is_number = || name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    is_key || is_of_registry(name) || is_marked(&settings.data) && is_number()
}

/// The files of the registry in a directory and of its jobs, as far as they can be listed.
fn files_in(directory: &Path) -> Vec<PathBuf> {
    let list = |directory: &Path| fs::read_dir(directory).into_iter().flatten().flatten();
    let is_of_registry = |name: &OsStr| is_of_registry(name) || name.as_encoded_bytes().starts_with(KEY.as_bytes());
    let own = list(directory).filter(|entry| is_of_registry(&entry.file_name()));
    own.chain(list(&directory.join(jobs::FOLDER))).map(|entry| entry.path()).collect()
}

/// The identity of a file, independent of its names.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
