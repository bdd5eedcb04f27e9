//! Erasing whole accounts: asked for, due after a time of grace, carried out step by step, and receipted.

use crate::StoreError;
use carnelian_domain::{AccountId, ErasureId, Origin, Timestamp};

/// How far an erasure has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureState {
    /// It can still be taken back.
    Waiting,
    /// Customers are being erased.
    Running,
    /// The account's data key and everything personal is gone; the files may still hold what is deleted.
    Erased,
    /// Nothing is left, and there is a receipt.
    Receipted,
    /// It was taken back.
    Cancelled,
}

impl ErasureState {
    /// The state's name.
    pub fn name(self) -> &'static str {
        match self {
            ErasureState::Waiting => "WAITING",
            ErasureState::Running => "RUNNING",
            ErasureState::Erased => "ERASED",
            ErasureState::Receipted => "RECEIPTED",
            ErasureState::Cancelled => "CANCELLED",
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
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Who asked for it.
    pub requested_by: String,
    /// Why, in the words of whoever asked for it.
    pub reason: Option<String>,
    /// From when on it is carried out.
    pub due_at: Timestamp,
    /// When the account's data key was destroyed.
    pub erased_at: Option<Timestamp>,
    /// How many customers were erased so far.
    pub customers: u64,
    /// How many users were erased.
    pub users: u64,
    /// How many API keys were erased.
    pub keys: u64,
    /// The receipt.
    pub receipt: Option<String>,
}

/// Erasures of accounts. They are asked for and taken back in the directory.
#[async_trait::async_trait]
pub trait Erasures: Send + Sync {
    /// Every erasure, in the order in which they were asked for.
    async fn erasures(&self) -> Result<Vec<ErasureRecord>, StoreError>;

    /// The erasure to go on with: one that runs, else one that is due, which runs from now on.
    async fn begin_erasure(&self) -> Result<Option<ErasureRecord>, StoreError>;

    /// Erases so many customers of an erasure's account at most. Together with the last ones go the account's data key
    /// and name, its place in groups, and its users with their names and API keys; then it is erased.
    async fn continue_erasure(&self, id: ErasureId, limit: usize, origin: &Origin)
    -> Result<ErasureRecord, StoreError>;

    /// How many erasures may have left copies of what they erased in unused parts of the files.
    async fn leftovers(&self) -> Result<u64, StoreError>;

    /// Overwrites such copies in a part of the files, and says from where to go on; it begins at 1. With the last part,
    /// as many leftovers are gone as there were at the beginning.
    async fn overwrite_leftovers(&self, from: u32, leftovers: u64) -> Result<Option<u32>, StoreError>;

    /// Waits until nothing that was erased before is in the log.
    async fn overwrite_erased(&self) -> Result<(), StoreError>;

    /// Keeps the receipt of an erasure that is erased, which ends it.
    async fn keep_receipt(&self, id: ErasureId, receipt: String) -> Result<(), StoreError>;
}
