//! The storage engine: the only file of the program that names one. Locks and files of an embedded engine stay in here.

use crate::{CliError, commands::output::print_message, config::Settings, machine::cores, registry_files};
use carnelian_store::{Clock, Ledger, RegistryKeys, Store};
use carnelian_store_sqlite::{OpenError, Options, Restore, SqliteStore, make_directory};
use std::{path::Path, sync::Arc};
use tokio::task::spawn_blocking;

/// What a registry is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve it: one process at a time.
    Serving,
    /// To serve it to clients under test.
    Sandbox,
    /// To import into it: no other process may write customers meanwhile.
    Importing,
    /// To administer it, also while a server has it open.
    Administration,
}

/// Called once if the store has failed for good, with the reason.
pub(crate) type OnFailure = Box<dyn Fn(String) + Send + Sync>;

/// What a registry is opened with.
pub(crate) struct Opening {
    pub(crate) purpose: Purpose,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<dyn RegistryKeys>,
    pub(crate) on_failure: OnFailure,
}

/// Whether there is a registry in a data directory. Fails if that cannot be found out, and if there is none any more that a
/// server has open.
pub(crate) fn exists(directory: &Path) -> Result<bool, CliError> {
    SqliteStore::exists(directory, on_wait).map_err(CliError::failed)
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

/// Opens the registry of the settings; makes it first if there is none.
pub(crate) async fn open(settings: &Settings, opening: Opening) -> Result<Arc<dyn Store>, CliError> {
    let Opening { purpose, clock, keys, on_failure } = opening;
    let directory = settings.data.clone();
    let readers = match purpose {
        Purpose::Serving | Purpose::Sandbox => cores(),
        Purpose::Importing | Purpose::Administration => 1,
    };
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

/// An empty registry that is filled from a backup, and then replaces the one of the settings.
pub(crate) struct RestoreTarget {
    /// The registry to fill; closed first.
    store: SqliteStore,
    restore: Restore,
}

impl RestoreTarget {
    /// Makes an empty registry. Fails while any process has the registry of the settings open, and if there is one that is
    /// not to be replaced.
    pub(crate) fn new(
        settings: &Settings,
        replace: bool,
        clock: Arc<dyn Clock>,
        keys: Arc<dyn RegistryKeys>,
    ) -> Result<RestoreTarget, CliError> {
        let restore = Restore::begin(&settings.data, replace).map_err(CliError::failed)?;
        let directory = restore.staging().to_owned();
        // An error of the store fails the command, which needs no other notice.
        let on_failure = Box::new(drop);
        let options = Options { directory, readers: 1, writes_customers: false, clock, keys, on_wait, on_failure };
        Ok(RestoreTarget { store: SqliteStore::open(options).map_err(CliError::failed)?, restore })
    }

    /// What the registry knows that is replaced, if there is one that can be read.
    pub(crate) fn replaced(&self) -> Option<&Ledger> {
        self.restore.replaced()
    }

    /// The registry to fill.
    pub(crate) fn store(&self) -> &dyn Store {
        &self.store
    }

    /// Puts the filled registry in the place of the one of the settings, if there is one.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        drop(self.store);
        self.restore.finish().map_err(CliError::failed)
    }
}
