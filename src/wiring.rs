//! Where clock, randomness, store and application meet: the only place that asks the system for either.

use crate::{Refusal, config::Settings, master_key};
use carnelian_app::{App, AuditKey, Entropy, MasterKey, Parts};
use carnelian_domain::{Origin, Problem, Rules, Timestamp};
use carnelian_store::Clock;
use carnelian_store_sqlite::{Noted, OnFailure, OpenError, Options, SqliteStore, make_directory};
use std::{
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant, SystemTime},
};
use tokio::task::spawn_blocking;

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

/// Opens the registry of the settings, and makes it first where there is none.
pub(crate) async fn open_app(
    settings: &Settings,
    purpose: Purpose,
    clock: Arc<dyn Clock>,
    on_failure: OnFailure,
) -> Result<Arc<App>, Refusal> {
    make_directory(&settings.data).map_err(Refusal::refused)?;
    let master_key = master_key::load(settings, &SystemEntropy)?;
    let options = Options {
        directory: settings.data.clone(),
        readers: match purpose {
            Purpose::Serving | Purpose::Sandbox => cores(),
            Purpose::Importing | Purpose::Administration => 1,
        },
        writes_customers: purpose != Purpose::Administration,
        clock: clock.clone(),
        audit_chain: Arc::new(AuditKey::new(&master_key)),
        on_failure,
    };
    // Opening a large registry takes seconds, in which the thread serves others.
    let store = spawn_blocking(move || SqliteStore::open(options)).await.map_err(Refusal::refused)?;
    let parts = Parts {
        store: Arc::new(store.map_err(|error| explain(&error, purpose))?),
        master_key,
        clock,
        entropy: Arc::new(SystemEntropy),
        rules: rules(settings),
        requests_per_second: settings.requests_per_second,
        erasure_grace_seconds: settings.erasure_grace.0,
        strict_upstream: settings.strict_upstream,
    };
    Ok(Arc::new(App::open(parts).await.map_err(Refusal::refused)?))
}

/// Why a registry was not opened, and what to do about it.
fn explain(error: &OpenError, purpose: Purpose) -> Refusal {
    match (error, purpose) {
        (OpenError::InUse(_), Purpose::Importing) => Refusal::refused(format!(
            "{error}; an import needs the registry to itself: stop the server, import, and start it again"
        )),
        _ => Refusal::refused(error),
    }
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
