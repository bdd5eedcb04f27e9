//! Errors about the files that a command reads and writes.

use crate::CliError;
use std::{fmt, path::Path};

/// Fails if a file exists, unless it may be replaced.
pub(crate) fn refuse_if_there<'a>(files: impl IntoIterator<Item = &'a Path>, replace: bool) -> Result<(), CliError> {
    match files.into_iter().find(|file| !replace && file.symlink_metadata().is_ok()) {
        Some(file) => Err(CliError::failed(format!("{} already exists; --replace overwrites it", file.display()))),
        None => Ok(()),
    }
}

/// An error about a file.
pub(crate) fn explain(path: &Path, error: &dyn fmt::Display) -> CliError {
    CliError::failed(format!("{}: {error}", path.display()))
}
