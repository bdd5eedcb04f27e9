//! `carnelian serve --sandbox`: registries that are created from a seed, at start and on each reset.
//!
//! A reset creates a new registry in a directory of its own and makes it the current one while connections stay open. The old
//! registry is closed and its directory removed when its last request has ended. `--sandbox` is not a setting, so that no
//! configuration file or environment variable can turn a server into a sandbox.
//!
//! * [`seed`]: the initial data of a registry
//! * [`seed_file`]: reads and validates seed files
//! * [`directory`]: the directory of a sandbox

mod directory;
mod seed;
mod seed_file;

pub(crate) use directory::{is_marked, registry_of};
pub(crate) use seed::{Seed, SeedUser};

use crate::{
    CliError,
    backend::Purpose,
    config::Settings,
    host::ProcessHost,
    job_thread::JobThread,
    watching::{repeat, watch},
    wiring,
};
use carnelian_app::{
    failure::Internal,
    sandbox::{Registry, RegistryFuture, Sandbox, SeedCounts, clock::SandboxClock},
};
use carnelian_domain::{Actor, Origin};
use directory::{RegistryDir, SandboxDir, TemporaryDir};
use std::{
    any::Any,
    future::ready,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How often a sandbox looks whether it still has the lock of its directory.
const LOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Called when one of the registries that a server opens, one after another, has failed for good.
pub(crate) type OnAnyFailure = Arc<dyn Fn(String) + Send + Sync>;

/// The default settings of a sandbox: without a data directory it uses a temporary one.
pub(crate) fn defaults() -> Settings {
    Settings { data: PathBuf::new(), ..Settings::default() }
}

/// A sandbox that is about to be served.
pub(crate) struct Prepared {
    /// The sandbox.
    pub(crate) sandbox: Sandbox,
    /// Its first registry.
    pub(crate) first: Registry,
    /// Its directory.
    pub(crate) root: PathBuf,
    /// Whether the first registry is from an earlier run.
    pub(crate) is_existing: bool,
    /// To be dropped after everything else: removes a temporary directory.
    pub(crate) last: Box<dyn Any>,
}

/// Creates the registries of a sandbox.
struct RegistryFactory {
    seed: Arc<Seed>,
    settings: Settings,
    clock: Arc<SandboxClock>,
    directory: Arc<SandboxDir>,
    on_failure: OnAnyFailure,
}

/// Reads a seed file, or returns the built-in seed.
pub(crate) fn read_seed(path: Option<&Path>, settings: &Settings) -> Result<Seed, CliError> {
    path.map_or_else(|| Ok(Seed::builtin()), |path| seed_file::read(path, &wiring::rules(settings)))
}

/// Creates the first registry, or opens the one of an earlier run.
pub(crate) async fn prepare(
    seed: Arc<Seed>,
    settings: &Settings,
    on_failure: OnAnyFailure,
) -> Result<Prepared, CliError> {
    let is_persistent = !settings.data.as_os_str().is_empty();
    let (directory, temporary): (_, Option<TemporaryDir>) = if is_persistent {
        (SandboxDir::open(&settings.data)?, None)
    } else {
        let (directory, temporary) = SandboxDir::temporary().map_err(CliError::failed)?;
        (directory, Some(temporary))
    };
    let root = directory.root().to_owned();
    let clock = Arc::new(SandboxClock::new(wiring::system_clock()));
    let factory = RegistryFactory {
        seed,
        settings: settings.clone(),
        clock: clock.clone(),
        directory: Arc::new(directory),
        on_failure,
    };
    let factory = Arc::new(factory);
    let existing = factory.directory.current();
    let is_existing = existing.is_some();
    let first = match existing {
        Some(directory) => factory.open(directory, None).await,
        None => factory.create().await,
    };
    let first = first.map_err(CliError::failed)?;
    let on_failure = factory.on_failure.clone();
    tokio::spawn(repeat(Arc::downgrade(&factory.directory), LOCK_INTERVAL, move |directory: Arc<SandboxDir>| {
        directory.check_lock().unwrap_or_else(|why| on_failure(why));
        ready(())
    }));
    let create = move || -> RegistryFuture {
        let factory = factory.clone();
        Box::pin(async move { factory.create().await.map_err(Internal::new) })
    };
    Ok(Prepared { sandbox: Sandbox::new(clock, create), first, root, is_existing, last: Box::new(temporary) })
}

impl RegistryFactory {
    /// Creates a registry from the seed and makes it the current one.
    async fn create(&self) -> Result<Registry, String> {
        let directory = self.directory.new_registry().map_err(|error| error.to_string())?;
        self.open(directory, Some(&self.seed)).await
    }

    async fn open(&self, directory: RegistryDir, seed: Option<&Seed>) -> Result<Registry, String> {
        let directory = Arc::new(directory);
        let settings = Settings { data: directory.path(), ..self.settings.clone() };
        let (on_failure, failing) = (self.on_failure.clone(), Arc::downgrade(&directory));
        let on_failure = Box::new(move |why| {
            // A failure of a registry that was replaced by a reset is of no consequence.
            if failing.upgrade().is_some_and(|directory| directory.is_current()) {
                on_failure(why);
            }
        });
        let host = Arc::new(ProcessHost::of_command(&settings));
        let opened = wiring::open_app(&settings, Purpose::Sandbox, self.clock.clone(), host, on_failure).await;
        let app = opened.map_err(|error| error.message().to_owned())?;
        if let Some(grace) = self.settings.erasure_grace {
            let set = app.local_admin(&Origin::new(Actor::Server)).set_erasure_grace(grace.0).await;
            set.map_err(|error| error.to_string())?;
        }
        let mut counts = SeedCounts::default();
        if let Some(seed) = seed {
            counts = seed.apply(&app).await?;
            directory.make_current().map_err(|error| error.to_string())?;
        }
        // The tasks end when the registry is dropped.
        watch(&app).detach_all();
        JobThread::start(&app).map_err(|error| error.to_string())?.detach();
        Ok(Registry { app, counts, directory: Box::new(directory) })
    }
}
