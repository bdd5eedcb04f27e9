//! A sandbox: a registry for testing clients that can be reset to its seed, with an adjustable clock and injected faults.
//!
//! * [`clock`]: the adjustable clock
//! * [`faults`]: faults injected into requests

pub mod clock;
pub mod faults;

use crate::{App, Failure, failure::Internal};
use carnelian_domain::{Caller, Role, Scope, UserId};
use clock::SandboxClock;
use faults::Faults;
use std::{any::Any, future::Future, pin::Pin, sync::Arc};

/// The number of objects that a seed has created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeedCounts {
    /// Accounts.
    pub accounts: usize,
    /// Groups.
    pub groups: usize,
    /// Users.
    pub users: usize,
    /// Customers.
    pub customers: usize,
}

/// A registry of a sandbox.
pub struct Registry {
    /// Its application.
    pub app: Arc<App>,
    /// What its seed has created.
    pub counts: SeedCounts,
    /// Its directory, dropped when the registry is no longer in use.
    pub directory: Box<dyn Any + Send + Sync>,
}

/// The creation of a registry.
pub type RegistryFuture = Pin<Box<dyn Future<Output = Result<Registry, Internal>> + Send>>;

/// A sandbox.
pub struct Sandbox {
    clock: Arc<SandboxClock>,
    faults: Faults,
    create: Box<dyn Fn() -> RegistryFuture + Send + Sync>,
    /// Held during a reset, so that resets run one after the other.
    resetting: tokio::sync::Mutex<()>,
}

impl Sandbox {
    /// A sandbox whose registries use this clock and are created by `create`, each from the seed.
    pub fn new(clock: Arc<SandboxClock>, create: impl Fn() -> RegistryFuture + Send + Sync + 'static) -> Sandbox {
        Sandbox { clock, faults: Faults::default(), create: Box::new(create), resetting: tokio::sync::Mutex::default() }
    }

    /// The clock of every registry.
    pub fn clock(&self) -> &SandboxClock {
        &self.clock
    }

    /// The injected faults.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Resets the clock, removes all faults, creates a registry from the seed and passes it to `serve`.
    ///
    /// If no registry can be created, the old one stays.
    pub async fn reset(&self, serve: impl FnOnce(Registry)) -> Result<SeedCounts, Failure> {
        let _resetting = self.resetting.lock().await;
        self.clock.reset();
        self.faults.clear();
        let registry = (self.create)().await.map_err(Failure::Internal)?;
        let counts = registry.counts;
        serve(registry);
        Ok(counts)
    }
}

/// The caller that creates the customers of a seed. It is not a user and has no key.
pub fn seed_caller() -> Caller {
    Caller {
        user: UserId(0),
        user_name: "seed".into(),
        account: None,
        role: Role::Operator,
        scope: Arc::new(Scope::Every),
        sign_in: None,
    }
}
