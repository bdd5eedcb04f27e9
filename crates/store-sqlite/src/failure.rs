//! What a failed write means: for those who wait for it, and for the process.

use crate::{OnFailure, unsynced::Unsynced};
use carnelian_store::StoreError;
use std::{
    sync::{Arc, OnceLock},
    thread::panicking,
};

/// A failure after which only a restart can tell what is stored; told once.
pub(crate) struct Failure {
    told: OnceLock<String>,
    tell: OnFailure,
    unsynced: Arc<Unsynced>,
}

impl Failure {
    pub(crate) fn new(tell: OnFailure, unsynced: Arc<Unsynced>) -> Failure {
        Failure { told: OnceLock::new(), tell, unsynced }
    }

    /// Tells the failure, and stops everything that could build on what may be lost.
    pub(crate) fn report(&self, detail: String) {
        if self.told.set(detail.clone()).is_ok() {
            self.unsynced.fail();
            (self.tell)(detail);
        }
    }

    /// Says whether there was one.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        self.told.get().map_or(Ok(()), |detail| Err(Refusal::Unavailable(detail.clone())))
    }
}

/// Tells a panic of the thread that holds it: a registry that cannot write any more must not go unnoticed.
pub(crate) struct PanicAlarm {
    pub(crate) failure: Arc<Failure>,
    /// The thread, as it is told.
    pub(crate) thread: &'static str,
}

impl Drop for PanicAlarm {
    fn drop(&mut self) {
        if panicking() {
            self.failure.report(format!("the {} panicked", self.thread));
        }
    }
}

/// Why a whole group was not committed.
#[derive(Clone)]
pub(crate) enum Refusal {
    /// Another process holds the database.
    Busy,
    /// There is no room on the disk, in these words.
    Full(String),
    /// The database failed, in these words.
    Unavailable(String),
}

impl Refusal {
    /// Whether there is no room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Refusal::Full(_))
    }

    /// What everyone in the group is told.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Refusal::Busy => StoreError::Busy,
            Refusal::Full(detail) | Refusal::Unavailable(detail) => StoreError::Unavailable(detail),
        }
    }
}
