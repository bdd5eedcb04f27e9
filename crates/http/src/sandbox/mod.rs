//! `/sandbox/v1/…`: what a sandbox can do besides serving its registry.
//!
//! * [`reset`], [`clock`], [`faults`]: the handlers
//! * [`fields`]: what their requests say
//!
//! Nobody signs in here. A server that is no sandbox has none of these routes.

pub(crate) mod clock;
pub(crate) mod faults;
mod fields;
pub(crate) mod reset;

use crate::{error::ApiError, serving::Current};
use carnelian_app::{
    Clock, Failure,
    failure::Internal,
    sandbox::{Planted, Registry, Sandbox, faults::FaultKind},
};
use carnelian_domain::Problem;
use std::{sync::Arc, time::Duration};

/// Everything below this path belongs to the sandbox itself.
pub(crate) const PATHS: &str = "/sandbox/";

/// The sandbox, and what it serves at the moment.
pub(crate) struct Control {
    sandbox: Sandbox,
    current: Arc<Current>,
    clock: Arc<dyn Clock>,
}

impl Control {
    pub(crate) fn new(sandbox: Sandbox, current: Arc<Current>, clock: Arc<dyn Clock>) -> Control {
        Control { sandbox, current, clock }
    }

    /// The time that durations are measured with.
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Serves a new registry from now on. What is under way ends in the old one, which is closed after the last of it.
    async fn reset(&self) -> Result<Planted, Failure> {
        let serve = |registry: Registry| self.current.serve(registry.app, Some(registry.place));
        self.sandbox.reset(serve).await
    }

    /// Lets a call meet what is to go wrong with it, and says what that is.
    pub(crate) async fn strike(&self, method: &str, path: &str) -> Option<FaultKind> {
        let fault = self.sandbox.faults().strike(method, path, self.monotonic());
        if let Some(FaultKind::Delay(time)) = fault {
            // In a box, so that no request of another server takes memory for it.
            Box::pin(tokio::time::sleep(time)).await;
        }
        fault
    }
}

/// Fails a call if that is what goes wrong with it.
pub(crate) fn fail(fault: FaultKind) -> Result<(), ApiError> {
    let internal = || Internal::new("a fault that the sandbox was asked for");
    match fault {
        FaultKind::RateLimit => Err(Problem::RateLimitExceeded.into()),
        FaultKind::ErasureInProgress => Err(Problem::ErasureInProgress.into()),
        FaultKind::ServerError => Err(Failure::Internal(internal()).into()),
        FaultKind::Unavailable | FaultKind::CutBefore => Err(Failure::Unavailable(internal()).into()),
        FaultKind::Delay(_) | FaultKind::CutAfter => Ok(()),
    }
}

/// Whether a call gets no answer at all.
pub(crate) fn cuts(fault: FaultKind) -> bool {
    matches!(fault, FaultKind::CutBefore | FaultKind::CutAfter)
}
