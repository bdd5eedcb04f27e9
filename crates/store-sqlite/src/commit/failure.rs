//! The latch that a fatal failure closes: from then on only a restart can find out what is stored.

use crate::commit::durability_barrier::DurabilityBarrier;
use carnelian_store::{Cause, OnFailure};
use std::{
    sync::{Arc, OnceLock},
    thread::panicking,
};

/// The first fatal failure of the process; it is reported once, and every later write is refused with it.
pub(crate) struct FailureLatch {
    first: OnceLock<Cause>,
    on_failure: OnFailure,
    barrier: Arc<DurabilityBarrier>,
}

impl FailureLatch {
    pub(crate) fn new(on_failure: OnFailure, barrier: Arc<DurabilityBarrier>) -> FailureLatch {
        FailureLatch { first: OnceLock::new(), on_failure, barrier }
    }

    /// Reports a failure, and stops everything that could build on what may be lost.
    pub(crate) fn report(&self, detail: String) {
        if self.first.set(Arc::from(Box::from(detail.as_str()))).is_ok() {
            self.barrier.fail();
            (self.on_failure)(detail);
        }
    }

    /// Returns the failure that was reported, if there is one.
    pub(crate) fn check(&self) -> Result<(), Cause> {
        self.first.get().map_or(Ok(()), |cause| Err(cause.clone()))
    }
}

/// Reports a fatal failure if the owning thread panics: a registry that can no longer write must not go unnoticed.
pub(crate) struct PanicAlarm {
    pub(crate) failure: Arc<FailureLatch>,
    /// The name of the thread in the report.
    pub(crate) thread: &'static str,
}

impl Drop for PanicAlarm {
    fn drop(&mut self) {
        if panicking() {
            self.failure.report(format!("the {} panicked", self.thread));
        }
    }
}
