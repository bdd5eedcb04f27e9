//! Where clock, randomness, store and application meet: the only place that asks the system for either.

use crate::{Refusal, config::Settings, master_key};
use carnelian_app::{App, AuditKey, Entropy, MasterKey, Parts};
use carnelian_domain::{Origin, Problem, Rules, Timestamp};
use carnelian_store::Clock;
use carnelian_store_sqlite::{Claim, Noted, OnFailure, OpenError, Options, SqliteStore, make_directory};
use std::{
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// How long to wait for a restored registry to take its place, before nothing else is done.
const RESTORE_PATIENCE: Duration = Duration::from_secs(60);

/// How often to look meanwhile.
const RESTORE_INTERVAL: Duration = Duration::from_millis(50);

/// The system's clock.
struct SystemClock {
    start: Instant,
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
impl SystemClock {
    fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }

    fn since_epoch() -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(SystemClock::since_epoch().as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The system's randomness.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        // Going on without randomness would make keys that can be guessed.
        aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
    }
}

/// The system's clock.
pub(crate) fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Bytes that nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}

/// What a registry is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve it: one process at a time.
    Serving,
    /// To serve it to clients under test: there is nobody in it who could have a right to be erased.
    Sandbox,
    /// To import into it: nobody else may write customers meanwhile.
    Importing,
    /// To administer it, also beside a server.
    Administration,
}

/// How many cores there are to use.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(2, usize::from)
}

/// A registry that was opened, and where it is kept.
pub(crate) struct Opened {
    pub(crate) app: Arc<App>,
    pub(crate) store: Arc<SqliteStore>,
}

/// All that it takes to open the registry of a directory, also another one later in its place.
pub(crate) struct Opener {
    settings: Settings,
    purpose: Purpose,
    master_key: MasterKey,
    clock: Arc<dyn Clock>,
}

impl Opener {
    /// Makes what a registry needs where there is none.
    pub(crate) fn new(settings: &Settings, purpose: Purpose, clock: Arc<dyn Clock>) -> Result<Opener, Refusal> {
        make_directory(&settings.data).map_err(Refusal::refused)?;
        let master_key = master_key::load(settings, &SystemEntropy)?;
        Ok(Opener { settings: settings.clone(), purpose, master_key, clock })
    }

    /// Opens the registry, and makes it first where there is none. If a restored one waits, that is the one to open: it
    /// takes its place here, or whoever has the old one open is waited for.
    pub(crate) async fn open(&self, on_failure: OnFailure) -> Result<Opened, Refusal> {
        let take = || Claim::take(&self.settings.data, self.writes_customers());
        let taken = timeout(RESTORE_PATIENCE, async {
            loop {
                match take() {
                    Err(OpenError::RestoreWaits(_)) => sleep(RESTORE_INTERVAL).await,
                    taken => return taken,
                }
            }
        });
        let claim = taken.await.unwrap_or_else(|_| take()).map_err(|error| self.explain(&error))?;
        self.open_claimed(claim, on_failure).await
    }

    /// The same, once the directory is claimed.
    pub(crate) async fn open_claimed(&self, claim: Claim, on_failure: OnFailure) -> Result<Opened, Refusal> {
        let settings = &self.settings;
        let options = Options {
            directory: settings.data.clone(),
            readers: match self.purpose {
                Purpose::Serving | Purpose::Sandbox => cores(),
                Purpose::Importing | Purpose::Administration => 1,
            },
            writes_customers: self.writes_customers(),
            keeps_reserve: matches!(self.purpose, Purpose::Serving | Purpose::Importing),
            clock: self.clock.clone(),
            audit_chain: Arc::new(AuditKey::new(&self.master_key)),
            on_failure,
        };
        // A large one takes a while, in which a server has other things to do.
        let store = spawn_blocking(move || SqliteStore::open_claimed(options, claim)).await;
        let store = Arc::new(store.map_err(Refusal::refused)?.map_err(|error| self.explain(&error))?);
        let parts = Parts {
            store: store.clone(),
            master_key: self.master_key.clone(),
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            rules: rules(settings),
            requests_per_second: settings.requests_per_second,
            erasure_grace_seconds: settings.erasure_grace.0,
            strict_upstream: settings.strict_upstream,
        };
        let app = Arc::new(App::open(parts).await.map_err(Refusal::refused)?);
        Ok(Opened { app, store })
    }

    /// Notes in the registry with which settings it is served.
    pub(crate) async fn note_settings(&self, app: &App) -> Result<(), Refusal> {
        app.note_settings(&self.settings.in_force()).await.map_err(Refusal::refused)
    }

    /// Whether a restored registry waits to take the place of the one that is open.
    pub(crate) fn restore_waits(&self) -> bool {
        SqliteStore::restore_waits(&self.settings.data)
    }

    fn writes_customers(&self) -> bool {
        self.purpose != Purpose::Administration
    }

    /// Why a registry was not opened, and what to do about it.
    fn explain(&self, error: &OpenError) -> Refusal {
        match (error, self.purpose) {
            (OpenError::InUse(_), Purpose::Importing) => Refusal::refused(format!(
                "{error}; an import needs the registry to itself: stop the server, import, and start it again"
            )),
            _ => Refusal::refused(error),
        }
    }
}

/// Opens the registry of the settings, and makes it first where there is none.
pub(crate) async fn open_app(
    settings: &Settings,
    purpose: Purpose,
    clock: Arc<dyn Clock>,
    on_failure: OnFailure,
) -> Result<Arc<App>, Refusal> {
    Ok(Opener::new(settings, purpose, clock)?.open(on_failure).await?.app)
}

/// What the audit log of a restored registry is told, now.
pub(crate) fn noted(master_key: &MasterKey, origin: &Origin) -> Noted {
    Noted { at: SystemClock::new().now(), origin: origin.clone(), chain: Arc::new(AuditKey::new(master_key)) }
}

/// The rules of the specification with the configured limits.
pub(crate) fn rules(settings: &Settings) -> Rules {
    let mut rules = Rules { require_shipping_address: settings.require_shipping_address, ..Rules::default() };
    rules.set_max(Problem::InvalidCountry, settings.country);
    rules.set_max(Problem::InvalidContactMobile, settings.mobile);
    rules
}
