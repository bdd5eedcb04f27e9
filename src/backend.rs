//! The storage engines: the only file of the program that names them. Locks and files of an embedded engine stay in here.

use crate::{
    CliError,
    commands::output::print_message,
    config::{Durability, Settings},
    file_errors::explain as explain_file,
    machine::cores,
    registry_files::{self, Access, check_key},
};
use carnelian_store::{Clock, Ledger, OnFailure, RegistryKeys, Store};
use carnelian_store_postgres::{self as postgres, PostgresStore};
use carnelian_store_sqlite::{OpenError, Options, Restore, SqliteStore, make_directory};
use std::{env, fs, path::Path, sync::Arc};
use tokio::task::spawn_blocking;

/// What a registry is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve it: one process at a time, unless it is in a database.
    Serving,
    /// To serve it to clients under test.
    Sandbox,
    /// To import into it: no other process may write customers meanwhile, unless it is in a database.
    Importing,
    /// To administer it, also while a server has it open.
    Administration,
}

/// What a registry is opened with.
pub(crate) struct Opening {
    pub(crate) purpose: Purpose,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<dyn RegistryKeys>,
    pub(crate) on_failure: OnFailure,
}

/// Whether there is a registry. One in a database is taken to be there: opening it finds out. Fails if that cannot be found
/// out, and if there is none any more that a server has open.
pub(crate) fn exists(settings: &Settings) -> Result<bool, CliError> {
    if settings.database_url.is_some() {
        return Ok(true);
    }
    SqliteStore::exists(&settings.data, on_wait).map_err(CliError::failed)
}

/// Whether opening the registry would upgrade its schema; one in a database is upgraded by `carnelian migrate` alone.
pub(crate) fn is_outdated(settings: &Settings) -> Result<bool, CliError> {
    match settings.database_url {
        Some(_) => Ok(false),
        None => carnelian_store_sqlite::is_outdated(&settings.data).map_err(CliError::failed),
    }
}

/// Says what opening a registry waits for.
fn on_wait(message: &str) {
    print_message(message);
}

/// Makes a data directory that only its owner can enter, if there is none. Fails if there is one of another user, or one that
/// others may write to.
pub(crate) fn make_data_directory(directory: &Path) -> Result<(), CliError> {
    registry_files::check_owner(directory)?;
    make_directory(directory).map_err(CliError::failed)
}

/// Opens the registry of the settings; makes it first if there is none in the data directory.
pub(crate) async fn open(settings: &Settings, opening: Opening) -> Result<Arc<dyn Store>, CliError> {
    let Opening { purpose, clock, keys, on_failure } = opening;
    // A sandbox is always in a directory.
    if let Some(database) = database(settings)?.filter(|_| purpose != Purpose::Sandbox) {
        let options = postgres::Options { database, clock, keys, on_failure };
        return Ok(Arc::new(PostgresStore::open(options).await.map_err(CliError::failed)?));
    }
    let readers = match purpose {
        Purpose::Serving | Purpose::Sandbox => cores(),
        Purpose::Importing | Purpose::Administration => 1,
    };
    let directory = settings.data.clone();
    let writes_customers = purpose != Purpose::Administration;
    let options = Options { directory, readers, writes_customers, clock, keys, on_wait, on_failure };
    // Opening a large registry takes seconds, in which the thread serves others.
    let store = spawn_blocking(move || SqliteStore::open(options)).await.map_err(CliError::failed)?;
    Ok(Arc::new(store.map_err(|error| explain(&error, purpose))?))
}

fn explain(error: &OpenError, purpose: Purpose) -> CliError {
    match (error, purpose) {
        (OpenError::InUse(_), Purpose::Importing) => CliError::failed(format!(
            "{error}; an import needs the registry to itself: stop the server, import, and start it again"
        )),
        _ => CliError::failed(error),
    }
}

/// The database of the settings, if there is one.
fn database(settings: &Settings) -> Result<Option<postgres::Database>, CliError> {
    let Some(url) = &settings.database_url else { return Ok(None) };
    let password = match &settings.database_password_file {
        Some(file) => {
            check_key(settings, file, Access::Owner)?;
            Some(fs::read_to_string(file).map_err(|error| explain_file(file, &error))?)
        }
        None => env::var("PGPASSWORD").ok(),
    };
    Ok(Some(postgres::Database {
        url: url.reveal().to_owned(),
        password: password.map(|password| password.trim_end_matches(['\r', '\n']).to_owned()),
        ca_file: settings.database_ca_file.clone(),
        durability: match settings.database_durability {
            Durability::Local => postgres::Durability::Local,
            Durability::Replicated => postgres::Durability::Replicated,
        },
    }))
}

/// A database that is to be prepared.
pub(crate) struct Migration {
    database: postgres::Database,
    /// Whether the database was prepared before, by whatever release.
    pub(crate) is_prepared: bool,
}

impl Migration {
    /// Looks at the database of the settings.
    pub(crate) async fn new(settings: &Settings) -> Result<Migration, CliError> {
        let advice = "--database is missing: a registry in a directory is migrated when it is opened";
        let database = database(settings)?.ok_or_else(|| CliError::usage(advice))?;
        let is_prepared = postgres::is_prepared(&database).await.map_err(CliError::failed)?;
        Ok(Migration { database, is_prepared })
    }

    /// Prepares the database for this release, unless it is.
    pub(crate) async fn run(self, keys: &dyn RegistryKeys) -> Result<(), CliError> {
        postgres::migrate(&self.database, keys).await.map_err(CliError::failed)
    }
}

/// An empty registry that is filled from a backup.
pub(crate) struct RestoreTarget {
    /// The registry to fill; closed first.
    store: Box<dyn Store>,
    /// Puts a filled registry in the place of the one in the data directory; `None` for one in a database.
    restore: Option<Restore>,
}

impl RestoreTarget {
    /// Makes an empty registry. Fails while any process has the registry in the data directory open, and if there is one that
    /// is not to be replaced. One in a database is never replaced.
    pub(crate) async fn new(
        settings: &Settings,
        replace: bool,
        clock: Arc<dyn Clock>,
        keys: Arc<dyn RegistryKeys>,
    ) -> Result<RestoreTarget, CliError> {
        if let Some(database) = database(settings)? {
            if replace {
                return Err(CliError::usage(
                    "--replace is not for a database: restore into another, empty one, and name that with --database",
                ));
            }
            postgres::migrate(&database, &*keys).await.map_err(CliError::failed)?;
            // An error of the store fails the command, which needs no other notice.
            let on_failure = Box::new(drop);
            let options = postgres::Options { database, clock, keys, on_failure };
            let store = PostgresStore::open(options).await.map_err(CliError::failed)?;
            return Ok(RestoreTarget { store: Box::new(store), restore: None });
        }
        let restore = Restore::begin(&settings.data, replace).map_err(CliError::failed)?;
        let directory = restore.staging().to_owned();
        // An error of the store fails the command, which needs no other notice.
        let on_failure = Box::new(drop);
        let options = Options { directory, readers: 1, writes_customers: false, clock, keys, on_wait, on_failure };
        let store = SqliteStore::open(options).map_err(CliError::failed)?;
        Ok(RestoreTarget { store: Box::new(store), restore: Some(restore) })
    }

    /// Why a registry that is replaced cannot be read.
    pub(crate) fn unreadable(&self) -> &[String] {
        self.restore.as_ref().map_or(&[], Restore::unreadable)
    }

    /// What the registry knows that is replaced, if there is one that can be read.
    pub(crate) fn replaced(&self) -> Option<&Ledger> {
        self.restore.as_ref().and_then(Restore::replaced)
    }

    /// The registry to fill.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Puts the filled registry in the place of the one of the settings, if there is one.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        drop(self.store);
        self.restore.map_or(Ok(()), |restore| restore.finish().map_err(CliError::failed))
    }
}
