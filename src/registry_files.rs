//! The files of a registry: what they are called, and who owns them.
//!
//! A registry belongs to one user of the system. What another user could have prepared is refused, and so is a command of
//! another user, root included: the files that it would leave could not be opened by the registry's own server.

use crate::{CliError, config::Settings, file_errors::explain};
use nix::unistd::{Uid, User, geteuid};
use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What the names of the files in a data directory begin with, except for the master key.
const NAMES: [&str; 7] =
    ["carnelian.", "demo.json", "jobs", "open.lock", "opening.lock", "restore.tmp", "sandbox.lock"];

/// The permissions of group and others to write.
const WRITABLE: u32 = 0o022;

/// Fails unless a data directory and the registry in it belong to the user of this process, and other users cannot write to
/// the directory. If there is no directory yet, it will be made so.
pub(crate) fn check_owner(directory: &Path) -> Result<(), CliError> {
    let explain = |error: io::Error| CliError::failed(format!("{}: {error}", directory.display()));
    let Some(found) = found(fs::metadata(directory)).map_err(explain)? else { return Ok(()) };
    let (path, owner) = (directory.display(), Uid::from_raw(found.uid()));
    if owner != geteuid() {
        let owner = name_of(owner);
        return Err(CliError::failed(format!(
            "{path} belongs to user {owner}, who alone may use it: run sudo -u {owner} carnelian …"
        )));
    }
    if found.mode() & WRITABLE != 0 {
        return Err(CliError::failed(format!("{path}: other users may write to it; run chmod go-w on it")));
    }
    for entry in fs::read_dir(directory).map_err(explain)? {
        let entry = entry.map_err(explain)?;
        // SQLite or a restore may remove a file meanwhile.
        if is_of_registry(&entry.file_name())
            && let Some(file) = self::found(fs::metadata(entry.path())).map_err(explain)?
        {
            check_file_owner(&entry.path(), &file)?;
        }
    }
    Ok(())
}

/// Which users may read the file of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner only.
    Owner,
    /// Its owner and its group.
    Group,
}

/// Fails unless a file with a key or a password belongs to the user of this process or to root, and only those may have access to it who are
/// said to. A file that the service manager hands over is its concern.
pub(crate) fn check_key(settings: &Settings, path: &Path, access: Access) -> Result<(), CliError> {
    let failed = |error: io::Error| explain(path, &error);
    let is_in = |directory: &PathBuf| -> io::Result<bool> {
        Ok(fs::canonicalize(path)?.starts_with(fs::canonicalize(directory)?))
    };
    if settings.credentials.as_ref().is_some_and(|directory| is_in(directory).unwrap_or(false)) {
        return Ok(());
    }
    let file = fs::metadata(path).map_err(failed)?;
    if !Uid::from_raw(file.uid()).is_root() {
        check_file_owner(path, &file)?;
    }
    let (others, advice) = match access {
        Access::Owner => (0o077, "chmod go-rwx"),
        Access::Group => (0o007, "chmod o-rwx"),
    };
    if file.mode() & others == 0 {
        return Ok(());
    }
    Err(explain(path, &format_args!("other users of the system have access to this secret; run {advice} on it")))
}

fn check_file_owner(path: &Path, file: &Metadata) -> Result<(), CliError> {
    let (owner, user) = (Uid::from_raw(file.uid()), geteuid());
    if owner == user {
        return Ok(());
    }
    let (path, owner, user) = (path.display(), name_of(owner), name_of(user));
    Err(CliError::failed(format!("{path} belongs to user {owner}, not to {user}: run chown {user} on it")))
}

/// Whether a file or a directory, not what it links to, belongs to the user of this process.
pub(crate) fn is_own(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| Uid::from_raw(file.uid()) == geteuid())
}

/// Whether a name in a data directory is that of a file of the registry, except for the master key.
pub(crate) fn is_of_registry(name: &OsStr) -> bool {
    // Some file systems do not distinguish cases.
    let name = name.to_string_lossy().to_ascii_lowercase();
    NAMES.iter().any(|start| name.starts_with(start))
}

/// `None` if there is no such file.
pub(crate) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// A user's name, in the form that `sudo -u` takes.
fn name_of(user: Uid) -> String {
    User::from_uid(user).ok().flatten().map_or_else(|| format!("#{user}"), |user| user.name)
}
