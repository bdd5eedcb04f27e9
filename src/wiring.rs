//! Puts the application together with its clock, randomness and store. Nothing else asks the system for the time or for
//! random bytes.

use crate::{
    CliError,
    backend::{self, Migration, Opening, Purpose},
    config::Settings,
    master_key,
};
use carnelian_app::{App, Entropy, Parts, RequestRates, host::Host};
use carnelian_domain::{Problem, Rules, Timestamp};
use carnelian_store::{Clock, OnFailure};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

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
        // Without randomness keys could be guessed.
        aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
    }
}

/// The system's clock.
pub(crate) fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Random bytes, fit for keys.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}

/// Prepares the database of the settings; makes a master key first if there is no registry yet.
pub(crate) async fn migrate(settings: &Settings) -> Result<(), CliError> {
    let migration = Migration::new(settings).await?;
    backend::make_data_directory(&settings.data)?;
    let master_key = master_key::load(settings, migration.is_prepared, &SystemEntropy)?;
    migration.run(&master_key).await
}

/// Opens the registry of the settings; makes it first if there is none in the data directory.
pub(crate) async fn open_app(
    settings: &Settings,
    purpose: Purpose,
    clock: Arc<dyn Clock>,
    host: Arc<dyn Host>,
    on_failure: OnFailure,
) -> Result<Arc<App>, CliError> {
    backend::make_data_directory(&settings.data)?;
    let master_key = master_key::load(settings, backend::exists(settings)?, &SystemEntropy)?;
    let keys = Arc::new(master_key.clone());
    let store = backend::open(settings, Opening { purpose, clock: clock.clone(), keys, on_failure }).await?;
    let parts = Parts {
        store,
        master_key,
        clock,
        entropy: Arc::new(SystemEntropy),
        rules: rules(settings),
        request_rates: RequestRates {
            per_user: settings.requests_per_second,
            per_account: settings.requests_per_second_per_account,
            per_address: settings.requests_per_second_per_address,
        },
        strict_upstream: settings.strict_upstream,
        audits_answers: settings.audits_answers,
        copies_kept: settings.erasure_copies_kept.map(|kept| kept.0),
        settings: settings.in_force(),
        host,
        jobs: settings.jobs(),
    };
    Ok(Arc::new(App::open(parts).await.map_err(CliError::failed)?))
}

/// The rules of the specification with the configured limits.
pub(crate) fn rules(settings: &Settings) -> Rules {
    let mut rules = Rules { require_shipping_address: settings.require_shipping_address, ..Rules::default() };
    rules.set_max(Problem::InvalidCountry, settings.country);
    rules.set_max(Problem::InvalidContactMobile, settings.mobile);
    rules
}
