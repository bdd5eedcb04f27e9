//! What a driver error means here.

use carnelian_store::StoreError;
use rusqlite::ErrorCode;
use std::{io, path::PathBuf};

/// Why a registry could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or entered.
    #[error("cannot use the data directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process serves the directory.
    #[error("another server is already serving the data directory {}", .0.display())]
    InUse(PathBuf),
    /// The file is not one of ours.
    #[error("{} is not a Carnelian registry", .0.display())]
    Foreign(PathBuf),
    /// A later release has written to the file.
    #[error("the registry has schema {found}, and this release knows up to {known}; use the release that wrote it")]
    TooNew {
        /// The file's schema.
        found: u32,
        /// The newest schema of this release.
        known: u32,
    },
    /// The SQLite that this program was linked with can corrupt a write-ahead log.
    #[error("SQLite {0} is too old; 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// The file system lacks what a write-ahead log needs: shared memory and file locks.
    #[error("the file system of {} cannot hold a write-ahead log", .0.display())]
    NoLog(PathBuf),
    /// SQLite says no.
    #[error("cannot open the registry: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Says what an error of a read means.
pub(crate) fn read_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => StoreError::Corrupt(error.to_string()),
        Some(_) => StoreError::Unavailable(error.to_string()),
    }
}

/// Whether after this error of a write only a restart can tell what is stored.
///
/// A full disk is not such an error: SQLite could not write the commit, so it is undone for certain. Nor is one without
/// a code: a value did not fit on its way to SQLite or back, before there was any commit.
pub(crate) fn is_fatal(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        None | Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
        )
    )
}
