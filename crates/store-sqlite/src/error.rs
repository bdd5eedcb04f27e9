//! What a driver error means here.

use crate::schema::log_of;
use carnelian_store::StoreError;
use nix::sys::{stat::futimens, time::TimeSpec};
use rusqlite::{Connection, ErrorCode, ffi};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// What is asked for came too late.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the registry is closed".into())
}

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
    /// The SQLite that this program was linked with does not let its pages be reached.
    #[error(
        "SQLite was built without SQLITE_ENABLE_DBPAGE_VTAB; build in the project's own folder, or set LIBSQLITE3_FLAGS"
    )]
    NoPages,
    /// The file system lacks what a write-ahead log needs: shared memory and file locks.
    #[error("the file system of {} cannot hold a write-ahead log", .0.display())]
    NoLog(PathBuf),
    /// A restored registry is to take the place of one that somebody has open.
    #[error("a restored registry waits in {} until nobody else has the one open that is there", .0.display())]
    RestoreWaits(PathBuf),
    /// There is a registry already.
    #[error("{} holds a registry by now", .0.display())]
    Exists(PathBuf),
    /// Who was erased in the registry that is there would come back with what was restored.
    #[error(
        "accounts and customers that were erased in {} would come back: {accounts} and {customers}; \
         write its ledger now (`carnelian ledger`), and restore with that",
        database.display()
    )]
    ErasedSince {
        /// The registry, in its place or set aside.
        database: PathBuf,
        /// How many accounts.
        accounts: usize,
        /// How many customers that were erased one by one.
        customers: usize,
    },
    /// The registry is to be brought up to date with another master key than its own.
    #[error("the master key is not the one that this registry was made with")]
    WrongKey,
    /// What was restored belongs to another master key.
    #[error("the registry in {} was made with another master key than the backup", .0.display())]
    OtherKey(PathBuf),
    /// What was restored is in its place and cannot be opened.
    #[error("the restored registry cannot be opened: {error}; the one before it is kept as {}", kept.display())]
    RestoredNotOpened {
        /// The registry before it.
        kept: PathBuf,
        /// What is wrong.
        error: Box<OpenError>,
    },
    /// What was restored does not hold together.
    #[error("the backup does not hold together: nothing was restored")]
    NotWhole,
    /// SQLite says no.
    #[error("cannot open the registry: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl OpenError {
    /// Whether there was no room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            OpenError::Sqlite(error) => is_full(error),
            OpenError::Directory { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}

/// An error of the system where SQLite's own are expected.
pub(crate) fn from_system(error: io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// Says what an error of a read means.
pub(crate) fn read_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => StoreError::Corrupt(error.to_string()),
        Some(_) => StoreError::Unavailable(error.to_string()),
    }
}

/// Calls an error by SQLite's own name for it if it is that the file system takes no writes any more.
///
/// SQLite says of a write that it failed, and not why, so the file system is asked. SQLite keeps no locks on the log
/// that closing it could free.
pub(crate) fn recognise_read_only(error: rusqlite::Error, connection: &Connection) -> rusqlite::Error {
    if !matches!(error.sqlite_extended_error_code(), Some(ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE)) {
        return error;
    }
    let log = connection.path().map(|path| log_of(Path::new(path)));
    match log.map(|log| check_file_system(&File::options().write(true).open(log)?)) {
        Some(Err(why)) if why.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), Some(why.to_string()))
        }
        _ => error,
    }
}

/// Says whether the file system still takes changes; to set the times of a file of it is one.
pub(crate) fn check_file_system(file: &File) -> io::Result<()> {
    let set_times = || match futimens(file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW).map_err(io::Error::from) {
        // Whoever may not change them learns nothing this way.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    };
    // The first one may be what makes an ext4 notice that its journal has ended; it tells the second.
    set_times().and_then(|()| set_times())
}

/// Whether there was no room on the disk.
///
/// The index of the log grows with it. SQLite does not tell why it could not grow, but nothing that must last is in it.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether after this error of a write only a restart can tell what is stored.
///
/// A full disk is not such an error, nor is a file system that takes no writes any more: SQLite could not write the
/// commit, so it is undone for certain.
///
/// - SQLite enters a commit in the index of the log, which all readers and the next commit go by, only after its last
///   write. What a failed commit has left in the log is overwritten by the next one. A restart that comes first passes
///   over it, because its mark or its checksums are missing; and were they there by chance, a 503 has denied nothing.
/// - A checkpoint that failed has changed nothing that is read: what it copied is still in the log, which starts again
///   at its beginning only after a later checkpoint has copied all of it and synced the database.
/// - What was written before and not synced may be lost with the file system. That is for the sync to tell, and a sync
///   that failed is fatal, whatever its reason.
///
/// Nor is one without a code fatal: a value did not fit on its way to SQLite or back, before there was any commit.
pub(crate) fn is_fatal(error: &rusqlite::Error) -> bool {
    let leaves_no_doubt = matches!(
        error.sqlite_error_code(),
        None | Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OutOfMemory | ErrorCode::ReadOnly)
    );
    !leaves_no_doubt && !is_full(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_the_log_that_cannot_grow_is_a_full_disk_and_a_failed_write_is_not() {
        let failure = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(is_full(&failure(code)) && !is_fatal(&failure(code)), "{code}");
        }
        let failed = failure(ffi::SQLITE_IOERR_WRITE);
        assert!(!is_full(&failed) && is_fatal(&failed));
    }
}
