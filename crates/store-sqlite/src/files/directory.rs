//! The data directory.

use crate::{error::OpenError, files::schema::DATABASE};
use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

/// The database that a restore has replaced, until the new one has been opened.
pub(crate) const REPLACED: &str = "carnelian.db.replaced";

/// Whether a directory holds a registry.
pub(crate) fn has_registry(directory: &Path) -> io::Result<bool> {
    Ok(directory.join(DATABASE).try_exists()? || directory.join(REPLACED).try_exists()?)
}

/// Creates a directory that only its owner can enter, with its parents, and syncs it so that it survives a power cut.
pub fn make_directory(directory: &Path) -> Result<(), OpenError> {
    let explain = |source| OpenError::Directory { path: directory.to_owned(), source };
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(directory) {
        // Another process has created it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        other => other.map_err(explain)?,
    }
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(explain)
}
