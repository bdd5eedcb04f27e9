//! The use cases, one function per operation.
//!
//! * [`authenticate`]: credentials in, a caller out
//! * [`customers`]: create, read, list, edit and erase, each behind a permit
//! * [`idempotency`]: requests that take effect once
//! * [`audit`]: what was changed by whom, and whether the log of it is whole
//! * [`settings`]: which settings have changed
//! * [`transfer`]: customers in and out as a whole
//! * [`erasure`]: erasing accounts, with receipts
//! * [`backup`]: backups, and the ledger that opens them
//! * [`admin`]: administration of accounts, groups, users and keys
//! * [`directory`]: the accounts, groups, users and keys as they are used on every request
//! * [`vault`] and [`sealing`]: the keys, and what they protect
//! * [`api_key`]: what a key looks like
//! * [`key_uses`]: when keys were last used
//! * [`ids`]: customer ids, reserved in blocks
//! * [`throttle`]: how often and how much at once a user may call, and how often an address may fail to sign in
//! * [`sandbox`]: what a registry to test clients against can do besides
//! * [`failure`]: what an operation answers when it does not succeed
//!
//! No HTTP, no SQL, no printing; time, randomness and the store are passed in.

pub mod admin;
pub mod api_key;
pub mod audit;
pub mod authenticate;
pub mod backup;
pub mod customers;
pub mod directory;
pub mod erasure;
pub mod failure;
pub mod idempotency;
mod ids;
mod key_uses;
pub mod sandbox;
pub mod sealing;
pub mod settings;
mod throttle;
pub mod transfer;
pub mod vault;

pub use carnelian_store::Clock;
pub use failure::Failure;
pub use throttle::ActiveCall;
pub use vault::{AuditKey, BackupVault, Entropy, MasterKey};

use arc_swap::ArcSwap;
use carnelian_domain::{Caller, Permission, Problem, Rules, UserId};
use carnelian_store::{Store, StoreError, WorkerId};
use directory::Directory;
use idempotency::InFlight;
use ids::CustomerIds;
use key_uses::KeyUses;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use throttle::{ActiveCalls, Throttle};
use vault::{ReceiptKey, Vault};

/// What the application is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The key that all other keys come from.
    pub master_key: MasterKey,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The rules in force.
    pub rules: Rules,
    /// How many calls a second a user may make; 0 for any number.
    pub requests_per_second: u32,
    /// How long after it was asked for an account's erasure is carried out.
    pub erasure_grace_seconds: u64,
    /// Whether callers meet the limits of the original service.
    pub strict_upstream: bool,
}

/// Why the application cannot start on a store.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The registry was made with another master key.
    #[error("the master key is not the one that this registry was made with")]
    WrongMasterKey,
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The application: everything that can be done with a registry.
pub struct App {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    rules: Rules,
    directory: ArcSwap<Directory>,
    /// Held while the directory is read again, so that an older state never takes the place of a newer one.
    refreshing: tokio::sync::Mutex<()>,
    customer_ids: CustomerIds,
    in_flight: Arc<InFlight>,
    audit_key: AuditKey,
    receipt_key: ReceiptKey,
    /// The id under which this process claims erasures.
    worker: WorkerId,
    /// The earliest time of the next purge for customers who were erased one by one.
    purge_again_at: Mutex<Duration>,
    backup_vault: BackupVault,
    erasure_grace_seconds: u64,
    throttle: Throttle<UserId>,
    active_calls: ActiveCalls<UserId>,
    failed_sign_ins: Throttle<IpAddr>,
    refusals: Throttle<UserId>,
    key_uses: KeyUses,
}

impl App {
    /// Puts the application together, and checks that the master key is the registry's.
    pub async fn open(parts: Parts) -> Result<App, StartError> {
        let vault = Arc::new(Vault::new(&parts.master_key, parts.entropy.clone()));
        let proof = parts.store.key_proof(vault.proof().to_vec()).await?;
        if proof != vault.proof() {
            return Err(StartError::WrongMasterKey);
        }
        let mut worker = [0; 16];
        parts.entropy.fill(&mut worker);
        let key_uses = KeyUses::default();
        let directory = Directory::new(parts.store.directory().await?, &vault, &key_uses);
        Ok(App {
            key_uses,
            refusals: Throttle::new(admin::REFUSALS_PER_SECOND),
            customer_ids: CustomerIds::new(parts.store.clone()),
            in_flight: Arc::default(),
            audit_key: AuditKey::new(&parts.master_key),
            receipt_key: ReceiptKey::new(&parts.master_key),
            worker: WorkerId(worker),
            purge_again_at: Mutex::default(),
            backup_vault: BackupVault::new(&parts.master_key),
            erasure_grace_seconds: parts.erasure_grace_seconds,
            throttle: Throttle::new(throttle::in_force(parts.requests_per_second, parts.strict_upstream)),
            active_calls: ActiveCalls::new(parts.strict_upstream),
            failed_sign_ins: Throttle::new(authenticate::FAILURES_PER_SECOND),
            store: parts.store,
            vault,
            clock: parts.clock,
            entropy: parts.entropy,
            rules: parts.rules,
            directory: ArcSwap::from_pointee(directory),
            refreshing: tokio::sync::Mutex::default(),
        })
    }

    /// Tells the time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The same, for whoever outlasts this registry.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Makes random bytes.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Says whether requests can be served.
    pub async fn ready(&self) -> Result<(), Failure> {
        Ok(self.store.ready().await?)
    }

    /// Takes over what another process has changed in the directory; says whether anything may have changed.
    pub async fn refresh_directory(&self) -> Result<bool, StoreError> {
        let current =
            async || Ok::<_, StoreError>(self.store.directory_version().await? == self.directory.load().version());
        if current().await? {
            return Ok(false);
        }
        let _refreshing = self.refreshing.lock().await;
        if current().await? {
            return Ok(true);
        }
        let directory = Directory::new(self.store.directory().await?, &self.vault, &self.key_uses);
        self.directory.store(Arc::new(directory));
        Ok(true)
    }
}

/// Refuses a caller whose role does not allow what is asked for.
fn permit(caller: &Caller, permission: Permission) -> Result<(), Failure> {
    if caller.role.allows(permission) { Ok(()) } else { Err(Problem::RoleNotAllowed.into()) }
}
