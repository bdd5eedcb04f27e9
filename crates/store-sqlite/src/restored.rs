//! A restored registry, from the decision for it until it is the one in its place.
//!
//! It is made in a folder of its own. To give the finished database a certain name beside the registry is the decision;
//! from then on whoever opens the registry, or serves it, puts the restored one into its place first. The one that was
//! there is kept until the restored one has been opened. Every step can be repeated, so a kill anywhere costs nothing.

use crate::{
    OpenError, SqliteStore,
    backup::Erased,
    lock::take_turn,
    make_directory,
    schema::{self, DATABASE},
};
use carnelian_domain::{AccountId, CustomerId};
use rusqlite::{Connection, ErrorCode};
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The database that was decided for, and waits to be put into its place.
const RESTORED: &str = "carnelian.db.restored";

/// The database whose place was taken, until the other one has been opened.
const REPLACED: &str = "carnelian.db.replaced";

/// What the names of folders begin with in which registries are made.
const STAGING: &str = "restore.";

/// What SQLite may keep beside a database, by the ends of the names; the database itself comes last.
const ENDS: [&str; 4] = ["-wal", "-journal", "-shm", ""];

/// A folder in which a registry is made; gone in the end, at the latest when the registry beside it is opened next.
pub struct Staging {
    folder: PathBuf,
    /// Tells those who tidy up that somebody works in the folder.
    _lock: File,
}

impl Staging {
    /// Makes one in a directory, and removes what restores have left there that were killed.
    pub fn make(directory: &Path) -> Result<Staging, OpenError> {
        make_directory(directory)?;
        let _turn = take_turn(directory)?;
        let made = || -> io::Result<Staging> {
            sweep(directory)?;
            let mut folders = (1_u32..).map(|number| directory.join(format!("{STAGING}{number}")));
            let folder = folders.find(|folder| !folder.exists()).ok_or(io::ErrorKind::AlreadyExists)?;
            DirBuilder::new().mode(0o700).create(&folder)?;
            let lock = File::open(&folder)?;
            lock.lock()?;
            Ok(Staging { folder, _lock: lock })
        };
        made().map_err(|source| explain(directory, source))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes the folders that nobody works in any more.
fn sweep(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_staging = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(STAGING));
        if is_staging && path.is_dir() && File::open(&path)?.try_lock().is_ok() {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Whether a directory holds a registry: in its place, or on the way to it.
pub(crate) fn exists(directory: &Path) -> bool {
    [DATABASE, RESTORED, REPLACED].iter().any(|name| directory.join(name).exists())
}

/// Whether a restored registry waits to be put into its place.
pub(crate) fn waits(directory: &Path) -> bool {
    directory.join(RESTORED).exists()
}

/// Decides for the registry that was made in a folder: from now on it takes the place of the one in the directory,
/// whatever comes between. Without `replace` there must be none.
///
/// A registry that would bring back who was erased in the one that is there is refused.
pub fn decide(staging: Staging, directory: &Path, replace: bool) -> Result<(), OpenError> {
    let _turn = take_turn(directory)?;
    if waits(directory) {
        return Err(OpenError::RestoreWaits(directory.to_owned()));
    }
    if SqliteStore::exists(directory) && !replace {
        return Err(OpenError::Exists(directory.to_owned()));
    }
    let (made, restored) = (staging.folder.join(DATABASE), directory.join(RESTORED));
    refuse_another_key(&made, directory)?;
    refuse_the_erased(&made, directory)?;
    fs::rename(&made, &restored).map_err(|source| explain(directory, source))?;
    let decided = sync(directory);
    if decided.is_err() {
        // A power cut may still bring it back; then it is whole, and was asked for.
        let _ = fs::remove_file(&restored);
    }
    decided
}

/// Takes a decision back that nobody has begun to carry out; says whether it was taken back.
pub fn take_back(directory: &Path) -> Result<bool, OpenError> {
    let _turn = take_turn(directory)?;
    let has_begun = !directory.join(DATABASE).exists() && directory.join(REPLACED).exists();
    if !waits(directory) || has_begun {
        return Ok(false);
    }
    fs::remove_file(directory.join(RESTORED)).map_err(|source| explain(directory, source))?;
    sync(directory).map(|()| true)
}

/// Nobody who was erased in the registry that is there may come back with what was made, however old its ledger is. One
/// that cannot be read has no say in it.
fn refuse_the_erased(made: &Path, directory: &Path) -> Result<(), OpenError> {
    let there = [DATABASE, REPLACED].map(|name| directory.join(name)).into_iter().filter(|place| place.exists());
    for place in there {
        let erased = match schema::open_for_reading(&place).and_then(|connection| Erased::of(&connection)) {
            Err(error) if is_unreadable(&error) => continue,
            erased => erased?.who_are_in(&schema::open_for_reading(made)?)?,
        };
        let (accounts, customers) = (erased.accounts.len(), erased.customers.len());
        if accounts + customers > 0 {
            return Err(OpenError::ErasedSince { database: place, accounts, customers });
        }
    }
    Ok(())
}

/// A registry that is served cannot go on with one of another master key. One that cannot be read has no say in it.
fn refuse_another_key(made: &Path, directory: &Path) -> Result<(), OpenError> {
    let there = directory.join(DATABASE);
    let known = if there.exists() { key_proof(&there).unwrap_or_default() } else { None };
    if known.is_some() && known != key_proof(made)? {
        return Err(OpenError::OtherKey(directory.to_owned()));
    }
    Ok(())
}

fn key_proof(database: &Path) -> Result<Option<Vec<u8>>, rusqlite::Error> {
    schema::open_for_reading(database)?.query_row("SELECT key_proof FROM registry", [], |row| row.get(0))
}

/// Puts the restored registry into its place, if one waits; whoever calls has the directory to itself then. Removes what
/// restores have left that were killed.
pub(crate) fn install(directory: &Path) -> Result<(), OpenError> {
    sweep(directory).map_err(|source| explain(directory, source))?;
    if !waits(directory) {
        return put_back(directory);
    }
    set_aside(directory).map_err(|source| explain(directory, source))?;
    keep_ids(directory)?;
    // No log or journal of another database may come back beside it.
    sync(directory)?;
    let renamed = fs::rename(directory.join(RESTORED), directory.join(DATABASE));
    renamed.map_err(|source| explain(directory, source))?;
    sync(directory)
}

/// Keeps the registry that is in the place, with its log, until the restored one has been opened.
fn set_aside(directory: &Path) -> io::Result<()> {
    let (place, replaced) = (directory.join(DATABASE), directory.join(REPLACED));
    // Then the one in the place was restored as well and never opened, and the one before it is worth more.
    let is_kept = place.exists() && replaced.exists();
    for end in ENDS {
        let (from, to) = (with_end(&place, end), with_end(&replaced, end));
        if from.exists() {
            if is_kept { fs::remove_file(from)? } else { fs::rename(from, to)? }
        }
    }
    Ok(())
}

/// Puts the registry back that was set aside, if there is no other: there are file systems on which a power cut can take
/// both names of a file that was being renamed.
fn put_back(directory: &Path) -> Result<(), OpenError> {
    let (place, replaced) = (directory.join(DATABASE), directory.join(REPLACED));
    if place.exists() || !replaced.exists() {
        return Ok(());
    }
    let moves = ENDS.iter().map(|end| (with_end(&replaced, end), with_end(&place, end)));
    let mut moves = moves.filter(|(from, _)| from.exists());
    moves.try_for_each(|(from, to)| fs::rename(from, to)).map_err(|source| explain(directory, source))?;
    sync(directory)
}

/// Sees to it that no customer gets an id that the registry before has given: its clients may still use it. Says who was
/// erased there since the decision, and comes back.
fn keep_ids(directory: &Path) -> Result<(), OpenError> {
    let replaced = directory.join(REPLACED);
    if !replaced.exists() {
        return Ok(());
    }
    let (next, erased) = match left_by(&replaced) {
        Ok(left) => left,
        Err(error) if is_unreadable(&error) => {
            tracing::warn!(%error, "the registry before cannot be read, so its customers' ids may be given again");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let connection = Connection::open(directory.join(RESTORED))?;
    connection.execute("UPDATE registry SET next_customer_id = max(next_customer_id, ?1)", [next])?;
    let Erased { accounts, customers } = erased.who_are_in(&connection)?;
    for CustomerId(customer_id) in customers {
        tracing::error!(customer_id, "erased while a restore waited, and came back with it: erase this customer again");
    }
    for AccountId(account_id) in accounts {
        tracing::error!(account_id, "erased while a restore waited, and came back with it: erase this account again");
    }
    Ok(connection.close().map_err(|(_, error)| error)?)
}

/// The first customer id that a registry has not set aside, and who was erased in it, as far as it can tell.
fn left_by(database: &Path) -> Result<(i64, Erased), rusqlite::Error> {
    let connection = schema::open_for_reading(database)?;
    let next = connection.query_row("SELECT next_customer_id FROM registry", [], |row| row.get(0))?;
    let erased = match Erased::of(&connection) {
        // One of an old schema has no audit log.
        Err(error) if is_unreadable(&error) => Erased::default(),
        erased => erased?,
    };
    Ok((next, erased))
}

/// Whether an error says that a database is none of ours or damaged, rather than that it cannot be read just now.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    matches!(error.sqlite_error_code(), None | Some(DatabaseCorrupt | NotADatabase | Unknown))
}

/// Removes what was kept, now that the registry in the place has been opened.
pub(crate) fn settle(directory: &Path) -> Result<(), OpenError> {
    let replaced = directory.join(REPLACED);
    let mut kept = ENDS.iter().map(|end| with_end(&replaced, end)).filter(|path| path.exists());
    kept.try_for_each(fs::remove_file).map_err(|source| explain(directory, source))
}

/// Says what is left if the restored registry cannot be opened.
pub(crate) fn not_opened(directory: &Path, error: OpenError) -> OpenError {
    let kept = directory.join(REPLACED);
    if kept.exists() { OpenError::RestoredNotOpened { kept, error: Box::new(error) } } else { error }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn sync(directory: &Path) -> Result<(), OpenError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(|source| explain(directory, source))
}

fn explain(directory: &Path, source: io::Error) -> OpenError {
    OpenError::Directory { path: directory.to_owned(), source }
}
