//! Replacing a registry by a restored one.
//!
//! ```text
//! open.lock                exclusive: no process has the registry open, and none opens it until the end
//! restore.tmp/             a directory of its own, in which the new database is built, verified and synced
//! carnelian.db             opened, its log copied into it, closed: it has no log any more
//! carnelian.db.replaced    a second name for it                                              sync the directory
//! carnelian.db             restore.tmp/carnelian.db is renamed to it: the moment of change   sync the directory
//! carnelian.db.replaced    removed once the new database has been opened
//! ```
//!
//! A process that is killed before the rename leaves the old registry, later the new one; so does a power cut. What else
//! is left (`restore.tmp`, the second name) is removed when the registry is opened next, or by the next restore.
//!
//! A database that cannot be read may have a log that belongs to it, so both are renamed before the new one is put in place,
//! the database first. Meanwhile there is no registry: opening the directory is refused, and the restore can be repeated.

use crate::{
    error::OpenError,
    files::{
        directory::{REPLACED, has_registry, make_directory},
        lock::OpenLock,
        schema::{self, DATABASE},
    },
    port::ledger_rows,
};
use carnelian_store::Ledger;
use rusqlite::{Connection, ErrorCode};
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The directory in which the new database is built.
const STAGING: &str = "restore.tmp";

/// The endings of the files that SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// A restore into a data directory, which no other process has open meanwhile.
pub struct Restore {
    directory: PathBuf,
    staging: PathBuf,
    /// The newest database of the directory that can be read.
    old: Option<Old>,
    /// Why newer ones cannot be read.
    unreadable: Vec<String>,
    _lock: OpenLock,
}

impl Restore {
    /// Begins a restore; without `replace` there must be no registry in the directory.
    ///
    /// Fails while any process has the registry open.
    pub fn begin(directory: &Path, replace: bool) -> Result<Restore, OpenError> {
        make_directory(directory)?;
        let lock = OpenLock::exclusive(directory)?;
        if has_registry(directory).map_err(|source| explain(directory, source))? && !replace {
            return Err(OpenError::Exists(directory.to_owned()));
        }
        let staging = directory.join(STAGING);
        let made = remove_staging(directory).and_then(|()| DirBuilder::new().mode(0o700).create(&staging));
        made.map_err(|source| explain(directory, source))?;
        let (old, unreadable) = newest_readable(directory)?;
        Ok(Restore { old, unreadable, directory: directory.to_owned(), staging, _lock: lock })
    }

    /// Why a registry that is replaced cannot be read; what it knows is lost then.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// What the registry that is replaced knows, if there is one that can be read.
    pub fn replaced(&self) -> Option<&Ledger> {
        self.old.as_ref().map(|old| &old.ledger)
    }

    /// The directory in which to build the new database.
    pub fn staging(&self) -> &Path {
        &self.staging
    }

    /// Puts the new database in the place of the one in the directory, if there is one.
    ///
    /// Fails if the new one is another registry, or one of another master key.
    pub fn finish(self) -> Result<(), OpenError> {
        if let Some(key_proof) = self.old.as_ref().and_then(|old| old.key_proof.as_ref()) {
            let new = schema::open_for_reading(&self.staging.join(DATABASE))?;
            if ledger_rows::key_proof(&new)?.as_ref() != Some(key_proof) {
                return Err(OpenError::OtherRegistry(self.directory.clone()));
            }
        }
        self.settle()?;
        let is_readable = self.old.as_ref().is_some_and(|old| old.path == self.directory.join(DATABASE));
        self.replace(is_readable).map_err(|source| explain(&self.directory, source))
    }

    /// Copies the log of the new database into it, and syncs it.
    fn settle(&self) -> Result<(), OpenError> {
        let path = self.staging.join(DATABASE);
        copy_log_and_close(schema::open_for_checkpoints(&path)?)?;
        // SQLite removes the log when the last connection is closed.
        let synced = if with_end(&path, "-wal").exists() {
            Err(io::Error::other("the new database is open in another program"))
        } else {
            File::open(&path).and_then(|file| file.sync_all())
        };
        synced.map_err(|source| explain(&self.staging, source))
    }

    fn replace(&self, is_readable: bool) -> io::Result<()> {
        let (database, replaced) = (self.directory.join(DATABASE), self.directory.join(REPLACED));
        if is_readable {
            // SQLite removes the log when the last connection is closed.
            if with_end(&database, "-wal").exists() {
                return Err(io::Error::other("the database is open in another program"));
            }
            remove_replaced(&self.directory)?;
            fs::hard_link(&database, &replaced)?;
        } else if database.exists() {
            // If there is one that was replaced, the one in its place was restored and never opened.
            let is_restored = replaced.exists();
            let move_aside = |end: &str| match (with_end(&database, end), with_end(&replaced, end)) {
                (from, _) if !from.exists() => Ok(()),
                (from, _) if is_restored => fs::remove_file(from),
                (from, to) => fs::rename(from, to),
            };
            move_aside("")?;
            sync(&self.directory)?;
            COMPANIONS.into_iter().try_for_each(move_aside)?;
        }
        // No log of the old database may come to stand beside the new one.
        sync(&self.directory)?;
        fs::rename(self.staging.join(DATABASE), &database)?;
        sync(&self.directory)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        // What cannot be removed is removed when the registry is opened next.
        let _ = fs::remove_dir_all(&self.staging);
    }
}

/// A registry that is replaced.
struct Old {
    path: PathBuf,
    key_proof: Option<Vec<u8>>,
    ledger: Ledger,
}

impl Old {
    /// Reads a database, copies its log into it, and closes it.
    fn read(path: &Path) -> Result<Old, rusqlite::Error> {
        let mut connection = schema::open_for_checkpoints(path)?;
        let (key_proof, ledger) = (ledger_rows::key_proof(&connection)?, ledger_rows::ledger(&mut connection)?);
        copy_log_and_close(connection)?;
        Ok(Old { path: path.to_owned(), key_proof, ledger })
    }
}

/// Reads the database of a directory, or the one that it replaced if it cannot be read; returns why one cannot be read, too.
fn newest_readable(directory: &Path) -> Result<(Option<Old>, Vec<String>), OpenError> {
    let mut unreadable = Vec::new();
    for path in [DATABASE, REPLACED].map(|name| directory.join(name)) {
        if !path.exists() {
            continue;
        }
        match Old::read(&path) {
            Ok(old) => return Ok((Some(old), unreadable)),
            Err(error) if is_unreadable(&error) => unreadable.push(format!("{}: {error}", path.display())),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((None, unreadable))
}

fn copy_log_and_close(connection: Connection) -> Result<(), rusqlite::Error> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)
}

/// Whether an error says that a file is no registry or damaged, rather than that it cannot be read at the moment.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    matches!(error.sqlite_error_code(), None | Some(DatabaseCorrupt | NotADatabase | Unknown))
}

/// Removes what a killed restore has left, before the registry is opened; fails if that has left no registry.
pub(crate) fn clean_up(directory: &Path) -> Result<(), OpenError> {
    remove_staging(directory).map_err(|source| explain(directory, source))?;
    let replaced = directory.join(REPLACED);
    if replaced.exists() && !directory.join(DATABASE).exists() {
        return Err(OpenError::RestoreInterrupted { directory: directory.to_owned(), replaced });
    }
    Ok(())
}

fn remove_staging(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory.join(STAGING)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes the registry that was replaced, once the new one has been opened.
pub(crate) fn remove_old(directory: &Path) -> Result<(), OpenError> {
    remove_replaced(directory).map_err(|source| explain(directory, source))
}

fn remove_replaced(directory: &Path) -> io::Result<()> {
    let replaced = directory.join(REPLACED);
    // The database last: without it nothing else would be looked for.
    let mut files = COMPANIONS.into_iter().chain([""]).map(|end| with_end(&replaced, end)).filter(|path| path.exists());
    files.try_for_each(fs::remove_file)
}

/// Adds to an error that the registry which was replaced is still there.
pub(crate) fn not_opened(directory: &Path, error: OpenError) -> OpenError {
    let kept = directory.join(REPLACED);
    if kept.exists() { OpenError::RestoredNotOpened { kept, error: Box::new(error) } } else { error }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn explain(directory: &Path, source: io::Error) -> OpenError {
    OpenError::Directory { path: directory.to_owned(), source }
}
