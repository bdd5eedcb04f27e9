//! The use cases, one function per operation: check the permission, check the input, call the store once.
//!
//! No HTTP, no SQL, no printing; the clock, randomness and the store are passed in.
//!
//! * [`authenticate`]: sign-in with a user name and an API key
//! * [`customers`]: create, read, list, replace and erase customers
//! * [`idempotency`]: requests that take effect once
//! * [`transfer`]: import and export of customers
//! * [`admin`]: administration of accounts, groups, users and keys
//! * [`directory`]: the directory in memory, and reading it within a scope
//! * [`erasure`]: erasure of accounts, with signed receipts
//! * [`audit`]: reading and verifying the audit log
//! * [`backup`]: backups, and the ledger that opens them
//! * [`jobs`]: imports, exports and backups in the server
//! * [`mod@atomic_file`]: files that get their name when they are complete
//! * [`settings`]: recording changed settings
//! * [`host`]: what the process and the machine report
//! * `exact`: what is signed or sealed as JSON, read byte for byte
//! * [`vault`], [`sealing`]: keys, and the personal data that they protect
//! * [`api_key`], [`key_uses`]: the form of API keys, and when they were last used
//! * [`ids`]: customer ids, reserved in blocks
//! * [`throttle`], [`request_limits`], [`rate`]: rate limits
//! * [`listing_slots`], [`refusal_delay`]: how many listings of a user are answered at once, and how long refusals take
//! * [`sandbox`]: the adjustable clock and the injected faults of a sandbox
//! * [`failure`]: why an operation failed
//!
//! # State of one process
//!
//! An [`App`] keeps state in memory. With several servers on one store, each has its own:
//!
//! | state | with several servers |
//! |---|---|
//! | [`directory`]: accounts, groups, users, keys | A change takes effect at once on the server that made it, and on others as soon as they notice the new version: every server asks the store for it five times a second, whenever a lookup finds nothing, and before a request that has waited takes effect. |
//! | [`throttle`], [`request_limits`], [`listing_slots`]: rate limits, one call at a time, listings at once | Counted per server: *n* servers admit up to *n* times as much. |
//! | [`idempotency`]: keys of running requests | Answers a concurrent repetition without asking the store. Correctness does not depend on it: the store decides atomically whether a key was used. |
//! | [`key_uses`]: last uses of keys | Each server writes its own once a minute; the store keeps the latest. |
//! | [`ids`]: reserved blocks of customer ids | Each server reserves its own; a block that a stopped server has not used up stays unused. |
//! | [`jobs`]: imports, exports and backups | Each server has its own in its data directory, and runs and shows no others. |
//! | [`erasure`]: the worker | The store gives each erasure to one worker, for the length of a lease. |

pub mod admin;
pub mod api_key;
pub mod atomic_file;
pub mod audit;
pub mod authenticate;
pub mod backup;
pub mod customers;
pub mod directory;
pub mod erasure;
mod exact;
pub mod failure;
pub mod host;
pub mod idempotency;
mod ids;
pub mod jobs;
mod key_uses;
mod listing_slots;
mod rate;
mod refusal_delay;
mod request_limits;
pub mod sandbox;
pub mod sealing;
pub mod settings;
mod throttle;
pub mod transfer;
pub mod vault;

pub use carnelian_store::Clock;
pub use carnelian_store::DirectoryError;
pub use failure::Failure;
pub use listing_slots::ListingSlot;
pub use request_limits::{LimitStatus, RequestRates};
pub use throttle::ActiveCall;
pub use vault::{BackupVault, Entropy, MasterKey};

use carnelian_domain::{Caller, Permission, Problem, Rules};
use carnelian_store::{DirectorySnapshot, RegistryKeys, Store, StoreError, WorkerId};
use directory::DirectoryCache;
use host::Host;
use idempotency::InFlightKeys;
use ids::CustomerIds;
use jobs::{JobSettings, Jobs};
use parking_lot::Mutex;
use settings::SettingInForce;
use std::{sync::Arc, time::Duration};
use throttle::Limits;
use vault::{AuditKey, ReceiptKey, Vault};

/// What the application is built from.
pub struct Parts {
    /// The storage adapter.
    pub store: Arc<dyn Store>,
    /// The key that all other keys are derived from.
    pub master_key: MasterKey,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The rules in force.
    pub rules: Rules,
    /// How many requests are admitted per second.
    pub request_rates: RequestRates,
    /// Whether the limits of the original service apply.
    pub strict_upstream: bool,
    /// Whether reads of security answers are recorded in the audit log.
    pub audits_answers: bool,
    /// How many seconds the operator keeps copies of the database, if that is known.
    pub copies_kept: Option<u64>,
    /// All settings in force.
    pub settings: Vec<SettingInForce>,
    /// The process and the machine.
    pub host: Arc<dyn Host>,
    /// How jobs are run and kept.
    pub jobs: JobSettings,
}

/// Why the application cannot open a store.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The registry was created with another master key.
    #[error("the master key is not the one that this registry was created with")]
    WrongMasterKey,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The application: the use cases of one registry.
pub struct App {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    rules: Rules,
    settings: Vec<SettingInForce>,
    host: Arc<dyn Host>,
    keys: Keys,
    directory: DirectoryCache,
    limits: Limits,
    /// Whether reads of security answers are recorded in the audit log.
    audits_answers: bool,
    customer_ids: CustomerIds,
    in_flight: Arc<InFlightKeys>,
    erasures: ErasureWorker,
    jobs: Jobs,
}

/// The keys derived from the master key, by purpose.
struct Keys {
    /// Credentials and the personal data of accounts.
    vault: Arc<Vault>,
    /// The audit log.
    audit: AuditKey,
    /// Erasure receipts.
    receipts: ReceiptKey,
    /// Backups.
    backups: BackupVault,
}

/// The state of the worker that erases accounts.
struct ErasureWorker {
    /// The id under which this process claims erasures.
    id: WorkerId,
    /// The earliest time of the next purge for customers who were erased one by one.
    purge_again_at: Mutex<Duration>,
    /// How many seconds the operator keeps copies of the database, if that is known.
    copies_kept: Option<u64>,
}

impl App {
    /// Opens the application on a store. Fails if the registry was created with another master key.
    pub async fn open(parts: Parts) -> Result<App, StartError> {
        let Parts { store, master_key, clock, entropy, rules, settings, host, .. } = parts;
        let registry = store.registry_id().await?;
        let vault = Arc::new(Vault::new(&master_key, registry, entropy.clone()));
        let proof = store.key_proof(vault.proof().to_vec()).await?;
        if proof != vault.proof() {
            return Err(StartError::WrongMasterKey);
        }
        let mut worker = [0; 16];
        entropy.fill(&mut worker);
        Ok(App {
            directory: DirectoryCache::open(&*store, &vault, master_key.directory_key(registry), clock.monotonic())
                .await?,
            limits: Limits::new(parts.request_rates, parts.strict_upstream),
            audits_answers: parts.audits_answers,
            customer_ids: CustomerIds::new(store.clone()),
            in_flight: Arc::default(),
            jobs: Jobs::new(parts.jobs),
            erasures: ErasureWorker {
                id: WorkerId(worker),
                purge_again_at: Mutex::default(),
                copies_kept: parts.copies_kept,
            },
            keys: Keys {
                vault,
                audit: AuditKey::new(&master_key, registry),
                receipts: ReceiptKey::new(&master_key, registry),
                backups: BackupVault::new(&master_key, registry),
            },
            store,
            clock,
            entropy,
            rules,
            settings,
            host,
        })
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The clock, for owners that outlive this registry.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The source of random bytes.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether requests can be served.
    pub async fn ready(&self) -> Result<(), Failure> {
        self.check_age().await?;
        self.store.ready().await?;
        self.directory.load().check()
    }

    /// Whether accounts, groups, users and keys can be trusted, as of the last time that they were read.
    pub fn check_directory(&self) -> Result<(), DirectoryError> {
        self.directory.load().error().map_or(Ok(()), Err)
    }

    /// Reads accounts, groups, users and keys again, and verifies that they were not altered outside of the program.
    pub async fn verify_directory(&self) -> Result<Result<(), DirectoryError>, StoreError> {
        self.directory.verify(&*self.store, &self.keys.vault).await?;
        Ok(self.check_directory())
    }

    /// Accounts, groups, users and keys as they are stored, whether or not they can be trusted.
    pub async fn stored_directory(&self) -> Result<DirectorySnapshot, StoreError> {
        self.store.directory().await
    }

    /// Loads changes that other processes have made to the directory. Returns whether the directory may have changed.
    pub async fn refresh_directory(&self) -> Result<bool, StoreError> {
        let begun = self.clock.monotonic();
        let may_have_changed = self.directory.refresh(&*self.store, &self.keys.vault).await?;
        self.directory.note_check(begun);
        Ok(may_have_changed)
    }
}

/// Refuses a caller whose role does not allow a permission.
fn permit(caller: &Caller, permission: Permission) -> Result<(), Failure> {
    if caller.role.allows(permission) { Ok(()) } else { Err(Problem::RoleNotAllowed.into()) }
}
