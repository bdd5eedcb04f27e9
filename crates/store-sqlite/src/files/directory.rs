//! The data directory.

use crate::error::OpenError;
use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

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
