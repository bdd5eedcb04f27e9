//! The errors of this adapter, and what each of them means for a read, a write and the process.

use crate::files::file_system::{check_file_system, log_of};
use carnelian_store::{Cause, StoreError};
use rusqlite::{Connection, ErrorCode, ffi};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The error of an operation that begins after the registry was closed.
pub(crate) fn closed() -> StoreError {
    StoreError::unavailable("the registry is closed")
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
    /// Another process has been opening the directory for too long.
    #[error(
        "another process has been opening the registry for {seconds} s and has locked {}; `fuser` on that file shows it",
        path.display()
    )]
    StillOpening {
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Another process serves the directory, in which there is no database any more.
    #[error(
        "the database in {} was removed while a server or an import has it open; wait until that has ended",
        .0.display()
    )]
    Removed(PathBuf),
    /// The file is not one of ours.
    #[error("{} is not a Carnelian registry", .0.display())]
    Foreign(PathBuf),
    /// A later release has written to the file.
    #[error("the registry has schema {found}, and this release knows up to {known}; use the release that wrote it")]
    TooNew {
        /// The file's schema.
        found: usize,
        /// The newest schema of this release.
        known: usize,
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
    /// A restore needs the registry to itself.
    #[error(
        "the registry in {} is open in another process: stop the server and every other command, restore, and start it \
         again",
        .0.display()
    )]
    Open(PathBuf),
    /// A restore has the registry to itself.
    #[error("a restore into {} is running", .0.display())]
    RestoreRuns(PathBuf),
    /// A restore was killed that replaced a registry which could not be read.
    #[error(
        "a restore into {} was interrupted; repeat it (the registry before it is kept as {})",
        directory.display(),
        replaced.display()
    )]
    RestoreInterrupted {
        /// The data directory.
        directory: PathBuf,
        /// The database that was renamed to keep it.
        replaced: PathBuf,
    },
    /// There is a registry, and it is not to be replaced.
    #[error("{} holds a registry; --replace restores the backup in its place", .0.display())]
    Exists(PathBuf),
    /// What was restored is another registry, or one of another master key.
    #[error(
        "{} holds another registry than the backup, or one of another master key: restore into an empty directory",
        .0.display()
    )]
    OtherRegistry(PathBuf),
    /// What was restored is in its place and cannot be opened.
    #[error("the restored registry cannot be opened: {error}; the one before it is kept as {}", kept.display())]
    RestoredNotOpened {
        /// The registry before it.
        kept: PathBuf,
        /// What is wrong.
        error: Box<OpenError>,
    },
    /// The registry was being filled from a backup, and that did not end.
    #[error("the registry in {} was not restored to the end; restore it again into an empty directory", .0.display())]
    RestoreUnfinished(PathBuf),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// SQLite reports an error.
    #[error("cannot open the registry: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// SQLite reports an error.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file system refuses every change.
    #[error("the file system is read-only: {0}")]
    ReadOnly(#[source] io::Error),
    /// What is stored breaks a rule of the registry.
    #[error("{0}")]
    Corrupt(&'static str),
}

impl DatabaseError {
    /// Recognises a file system that refuses every change.
    ///
    /// SQLite reports that a write failed, but not why, so the file system is asked. SQLite holds no locks on the log
    /// that closing it could release.
    pub(crate) fn from_write(error: rusqlite::Error, connection: &Connection) -> DatabaseError {
        DatabaseError::from(error).or_read_only(connection)
    }

    /// The same for an error that has been classified already.
    pub(crate) fn or_read_only(self, connection: &Connection) -> DatabaseError {
        let DatabaseError::Sqlite(error) = &self else { return self };
        if !matches!(error.sqlite_extended_error_code(), Some(ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE)) {
            return self;
        }
        let log = connection.path().map(|path| log_of(Path::new(path)));
        match log.map(|log| check_file_system(&File::options().write(true).open(log)?)) {
            Some(Err(why)) if why.kind() == io::ErrorKind::ReadOnlyFilesystem => DatabaseError::ReadOnly(why),
            _ => self,
        }
    }

    /// Whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, DatabaseError::Sqlite(error) if is_full(error))
    }

    /// Whether after this error of a write only a restart can find out what is stored.
    ///
    /// A full disk is not such an error, nor is a read-only file system: SQLite could not write the commit, so it is
    /// undone for certain.
    ///
    /// - SQLite enters a commit in the index of the log, which all readers and the next commit go by, only after its last
    ///   write. The next commit overwrites what a failed commit has left in the log. A restart that comes first ignores
    ///   it, because its mark or its checksums are missing; and were they there by chance, an unknown outcome was reported.
    /// - A failed checkpoint has changed nothing that is read: what it copied is still in the log, which starts again
    ///   at its beginning only after a later checkpoint has copied all of it and synced the database.
    /// - What was written before and not synced may be lost with the file system. The sync reports that, and a failed
    ///   sync is fatal, whatever its reason.
    ///
    /// An error without a code is not fatal either: a value could not be converted on its way to SQLite or back, before
    /// there was any commit.
    pub(crate) fn is_fatal(&self) -> bool {
        let DatabaseError::Sqlite(error) = self else { return false };
        let outcome_is_certain = matches!(
            error.sqlite_error_code(),
            None | Some(
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OutOfMemory | ErrorCode::ReadOnly
            )
        );
        !outcome_is_certain && !is_full(error)
    }
}

/// Whether the disk is full.
///
/// The index of the log grows with it. SQLite does not report why it could not grow, but nothing in it must be kept.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE)
}

/// What a failed read means to the caller of the store.
pub(crate) fn read_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => StoreError::corrupt(error),
        Some(_) => StoreError::unavailable(error),
    }
}

/// Why a group of writes was not acknowledged. All writes of the group share it.
#[derive(Clone, Debug)]
pub(crate) enum CommitError {
    /// Another process holds the database. Nothing was written.
    Busy,
    /// The database failed before the commit. Nothing was written.
    Unavailable(Cause),
    /// The commit or its sync failed: only recovery can find out whether the group is stored.
    Unknown(Cause),
}

impl CommitError {
    /// The error of a group that was rolled back before its commit.
    pub(crate) fn before_commit(error: DatabaseError) -> CommitError {
        let code = |error: &rusqlite::Error| error.sqlite_error_code();
        match error {
            DatabaseError::Sqlite(error)
                if matches!(code(&error), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) =>
            {
                CommitError::Busy
            }
            error => CommitError::Unavailable(Arc::new(error)),
        }
    }

    /// The same error once the group can no longer be said to be undone.
    pub(crate) fn into_unknown(self) -> CommitError {
        match self {
            CommitError::Busy => CommitError::Unknown(Arc::from(Box::from("the database is locked"))),
            CommitError::Unavailable(cause) | CommitError::Unknown(cause) => CommitError::Unknown(cause),
        }
    }
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> StoreError {
        match error {
            CommitError::Busy => StoreError::Busy,
            CommitError::Unavailable(cause) => StoreError::Unavailable(cause),
            CommitError::Unknown(cause) => StoreError::Unknown(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_the_log_that_cannot_grow_means_a_full_disk_and_a_failed_write_does_not() {
        let failure = |code| DatabaseError::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(failure(code).is_full() && !failure(code).is_fatal(), "{code}");
        }
        let failed = failure(ffi::SQLITE_IOERR_WRITE);
        assert!(!failed.is_full() && failed.is_fatal());
    }
}
