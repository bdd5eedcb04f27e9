//! A registry to test clients against: it goes back to its seed when asked to, its clock can be set, and calls can be
//! made to fail.
//!
//! * [`clock`]: a clock that can be set
//! * [`faults`]: what goes wrong on demand

pub mod clock;
pub mod faults;

use crate::{
    App, Failure,
    administration::{AdminError, KeyTerms},
    api_key::can_be_fixed,
    failure::Internal,
};
use carnelian_domain::{Caller, Origin, Role, Scope, UserId};
use clock::SandboxClock;
use faults::Faults;
use std::{any::Any, future::Future, pin::Pin, sync::Arc};

/// How much a registry was seeded with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// How many accounts.
    pub accounts: usize,
    /// How many groups.
    pub groups: usize,
    /// How many users.
    pub users: usize,
    /// How many customers.
    pub customers: usize,
}

/// A registry of a sandbox.
pub struct Registry {
    /// What serves it.
    pub app: Arc<App>,
    /// What it was seeded with.
    pub planted: Planted,
    /// Where it is kept; dropped once nobody uses the registry any more.
    pub place: Box<dyn Any + Send + Sync>,
}

/// A registry that is being made.
pub type Making = Pin<Box<dyn Future<Output = Result<Registry, Internal>> + Send>>;

/// What a sandbox can do beyond a registry.
pub struct Sandbox {
    clock: Arc<SandboxClock>,
    faults: Faults,
    make: Box<dyn Fn() -> Making + Send + Sync>,
    /// Held during a reset, so that of two the later one holds.
    resetting: tokio::sync::Mutex<()>,
}

impl Sandbox {
    /// A sandbox whose registries tell this time and are made like this: each new, from the seed.
    pub fn new(clock: Arc<SandboxClock>, make: impl Fn() -> Making + Send + Sync + 'static) -> Sandbox {
        Sandbox { clock, faults: Faults::default(), make: Box::new(make), resetting: tokio::sync::Mutex::default() }
    }

    /// The clock of every registry.
    pub fn clock(&self) -> &SandboxClock {
        &self.clock
    }

    /// What goes wrong on demand.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Starts over: the real time, no faults, and a registry from the seed, which is handed to `serve`.
    ///
    /// If no registry can be made, the old one stays.
    pub async fn reset(&self, serve: impl FnOnce(Registry)) -> Result<Planted, Failure> {
        let _resetting = self.resetting.lock().await;
        self.clock.reset();
        self.faults.clear();
        let registry = (self.make)().await.map_err(Failure::Internal)?;
        let planted = registry.planted;
        serve(registry);
        Ok(planted)
    }
}

/// Who the customers of a seed come from: nobody who can sign in.
pub fn sower() -> Caller {
    Caller {
        user: UserId(0),
        user_name: "seed".into(),
        role: Role::Operator,
        scope: Arc::new(Scope::Every),
        sign_in: None,
    }
}

impl App {
    /// Gives a user a key that is known to everybody who reads the seed; see [`can_be_fixed`].
    pub async fn fix_key(&self, user: &str, key: &str, origin: &Origin) -> Result<(), AdminError> {
        if !can_be_fixed(key) {
            return Err(AdminError::NotFixable);
        }
        self.add_imported_key(user.into(), key, KeyTerms::default(), origin).await.map(drop)
    }
}
