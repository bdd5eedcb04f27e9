//! The sandbox and the registry that it serves.

use crate::active_registry::{ActiveRegistry, Registry};
use carnelian_app::{
    Clock, Failure,
    sandbox::{Sandbox, SeedCounts, faults::FaultKind},
};
use hyper::{HeaderMap, body::Bytes};
use std::{sync::Arc, time::Duration};

/// A sandbox that is served.
pub(crate) struct Control {
    pub(super) sandbox: Sandbox,
    registry: Arc<ActiveRegistry>,
    clock: Arc<dyn Clock>,
}

/// A request to a sandbox's own operations.
pub(super) struct ControlRequest {
    pub(super) control: Arc<Control>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Control {
    pub(super) fn new(sandbox: Sandbox, registry: Arc<ActiveRegistry>, clock: Arc<dyn Clock>) -> Control {
        Control { sandbox, registry, clock }
    }

    /// The monotonic time.
    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Replaces the registry by a new one from the seed. Requests in flight end in the old one.
    pub(super) async fn reset(&self) -> Result<SeedCounts, Failure> {
        self.sandbox.reset(|new| self.registry.replace(Registry::new(new.app, Some(new.directory)))).await
    }

    /// The fault to be injected into a request, after its delay.
    pub(super) async fn next_fault(&self, method: &str, path: &str) -> Option<FaultKind> {
        let fault = self.sandbox.faults().strike(method, path, self.monotonic());
        if let Some(FaultKind::Delay(time)) = fault {
            tokio::time::sleep(time).await;
        }
        fault
    }
}
