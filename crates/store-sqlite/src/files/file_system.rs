//! Checks of the file system that SQLite does not make.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// The path of a database's write-ahead log.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// The path of the index of a database's write-ahead log.
pub(crate) fn index_of_log(path: &Path) -> PathBuf {
    let mut index = path.as_os_str().to_owned();
    index.push("-shm");
    index.into()
}

/// Checks that the file system still accepts changes, by setting the times of a file of it.
pub(crate) fn check_file_system(file: &File) -> io::Result<()> {
    // The time stays what it is; to set it is a change all the same.
    let set_times = || match file.metadata()?.modified().and_then(|time| file.set_modified(time)) {
        // Without the permission to change them, this check finds out nothing.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    };
    // The first change may be what makes ext4 notice that its journal was aborted; the second one reports it.
    set_times().and_then(|()| set_times())
}
