//! Whose files are used, and what the program writes where.

pub(crate) mod modes;
pub(crate) mod outputs;
mod owners;
mod prepared;
mod unreachable;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The permissions of a file or a directory.
pub(crate) fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions can be changed");
}

/// The files and directories below a directory.
pub(crate) fn everything_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory can be listed");
    let paths = entries.map(|entry| entry.expect("a directory can be listed").path());
    paths
        .flat_map(|path| {
            let below = if path.is_dir() { everything_below(&path) } else { Vec::new() };
            std::iter::once(path).chain(below)
        })
        .collect()
}

pub(crate) fn plain(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}
