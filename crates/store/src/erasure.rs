//! Erasing accounts: requested, due after a grace period, carried out by one of many workers, and receipted.
//!
//! ```text
//!            request                claim, once due           the account is gone      receipt
//!  (account) -------> Waiting -------------------> Running ----------------> Erased -----------> Receipted
//!                        |                         |     ^
//!                        | cancel                  +-----+
//!                        v                     claim by another worker,
//!                    Cancelled                 once the lease has expired
//! ```
//!
//! `request` and `cancel` are changes of the directory. A worker claims an erasure for the time of a lease and renews the
//! lease while it works. A worker that is killed or cut off lets its lease expire, and another one continues. Expiry is
//! judged by the store's clock alone. A lease only avoids doubled work: two workers that both believe to hold one must
//! not harm the result, so an adapter makes every step a transaction that leaves a state to continue from.

use crate::StoreError;
use carnelian_domain::{AccountId, ErasureId, Origin, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How far an erasure has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErasureState {
    /// It was requested and can still be cancelled.
    Waiting,
    /// A worker has claimed it: customers are being erased.
    Running,
    /// The account's data key and everything personal is deleted; copies may still be in the files.
    Erased,
    /// The deleted data is purged as far as the engine can, and there is a receipt.
    Receipted,
    /// It was cancelled.
    Cancelled,
}

impl ErasureState {
    /// The state's name.
    pub fn name(self) -> &'static str {
        match self {
            ErasureState::Waiting => "Waiting",
            ErasureState::Running => "Running",
            ErasureState::Erased => "Erased",
            ErasureState::Receipted => "Receipted",
            ErasureState::Cancelled => "Cancelled",
        }
    }
}

/// An erasure of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureRecord {
    /// Its id.
    pub id: ErasureId,
    /// The account.
    pub account: AccountId,
    /// How far it has come.
    pub state: ErasureState,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// Who requested it.
    pub requested_by: String,
    /// The reason that was given.
    pub reason: Option<String>,
    /// The end of the grace period.
    pub due_at: Timestamp,
    /// When the account's data key was deleted.
    pub erased_at: Option<Timestamp>,
    /// How many customers have been erased so far.
    pub customers: u64,
    /// How many users were erased.
    pub users: u64,
    /// How many API keys were erased.
    pub keys: u64,
    /// The receipt.
    pub receipt: Option<String>,
}

/// A process that carries out erasures: a random id, chosen when the process starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerId(pub [u8; 16]);

/// What a purge has observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// How many erasures, of customers and of accounts, have been made since the purge before and are covered by this one.
    pub erasures: u64,
    /// When no file held deleted data any more; `None` if the engine cannot overwrite what it deletes.
    pub overwritten_at: Option<Timestamp>,
}

/// Carrying out erasures of accounts. [`Directory`](crate::Directory) requests and cancels them.
#[async_trait::async_trait]
pub trait Erasures: Send + Sync {
    /// Returns every erasure in the order of the requests.
    async fn erasures(&self) -> Result<Vec<ErasureRecord>, StoreError>;

    /// Claims an erasure for a worker until `lease` has passed: a running one without a valid lease of another worker,
    /// or else one that is due, which is `Running` from then on. Returns `None` if there is none.
    async fn claim_erasure(&self, worker: WorkerId, lease: Duration) -> Result<Option<ErasureRecord>, StoreError>;

    /// Carries out a claimed erasure in transactions that leave room for other writes, and renews the lease with each.
    ///
    /// The last transaction deletes the account's data key and name, its memberships, its users' names and their API
    /// keys. Returns the erasure once it is no longer `Running`, or `None` if another worker holds the lease. Dropping
    /// the future interrupts the erasure; the next claim continues it.
    ///
    /// # Errors
    /// `Conflict::NoSuchErasure` if there is no erasure with this id.
    async fn run_erasure(
        &self,
        id: ErasureId,
        worker: WorkerId,
        lease: Duration,
        origin: &Origin,
    ) -> Result<Option<ErasureRecord>, StoreError>;

    /// Removes what remains of everything that was deleted before the call, as far as the engine can, and returns what
    /// was observed. It is quick if nothing was deleted since the last purge.
    async fn purge(&self) -> Result<Purged, StoreError>;

    /// Stores the receipt of an erasure that is `Erased`, which ends it.
    ///
    /// # Errors
    /// `Conflict::NoSuchErasure` if there is no such erasure in this state.
    async fn keep_receipt(&self, id: ErasureId, receipt: String) -> Result<(), StoreError>;
}
