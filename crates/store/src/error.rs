//! How an operation of a store can fail, by what a caller can do about it.

use std::{error::Error, sync::Arc};

/// Why a working store refuses a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// There is no such account, or it has been erased.
    #[error("there is no such account")]
    NoSuchAccount,
    /// The account is being erased.
    #[error("erasure of the account is in progress")]
    ErasureInProgress,
    /// No erasure of the account was requested.
    #[error("no erasure of the account is in progress")]
    NoErasureInProgress,
    /// The erasure of the account has begun.
    #[error("the erasure of the account has begun and cannot be taken back")]
    ErasureRunning,
    /// There is no such erasure.
    #[error("there is no such erasure")]
    NoSuchErasure,
    /// The name is taken.
    #[error("the name is taken")]
    NameTaken,
    /// There is no such customer.
    #[error("there is no such customer")]
    NoSuchCustomer,
    /// The customer is no longer in the account that the caller saw it in.
    #[error("the customer has moved to another account")]
    CustomerMoved,
    /// The customer no longer has the version that the caller saw.
    #[error("the customer has another version")]
    StaleVersion,
    /// Another write was made under the idempotency key.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// As many writes with idempotency keys are remembered for the user as may be; the oldest is forgotten after this time.
    #[error("too many idempotency keys are remembered for the user")]
    TooManyIdempotencyKeys {
        /// The time in milliseconds.
        retry_after_millis: u64,
    },
    /// The directory is not the one with which the caller's rights were confirmed.
    #[error("accounts, groups, users or keys have changed since the caller's rights were confirmed")]
    DirectoryChanged,
    /// The import is not where the caller takes it to be.
    #[error("the import has moved on")]
    ImportMovedOn,
    /// There is no such group.
    #[error("there is no such group")]
    NoSuchGroup,
    /// The account is already in the group.
    #[error("the account is already in the group")]
    AlreadyInGroup,
    /// The account is not in the group.
    #[error("the account is not in the group")]
    NotInGroup,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is no such key.
    #[error("there is no such key")]
    NoSuchKey,
    /// The very key is known already.
    #[error("the key is known already")]
    KeyKnown,
    /// The key was revoked before.
    #[error("the key is already revoked")]
    AlreadyRevoked,
    /// No operator with access would remain.
    #[error("the last operator who can sign in must remain")]
    LastOperator,
    /// A registry that is to be filled from a backup is not empty.
    #[error("the registry is not empty")]
    NotEmpty,
}

/// The error that made an operation fail. It is shared, because all operations of one commit fail with the same error.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Called once with the reason when a store has failed for good: the process must restart.
pub type OnFailure = Box<dyn Fn(String) + Send + Sync>;

/// Why an operation of a store failed. The texts are for the log, never for a caller of the API.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store works; the operation is not possible in the state that the registry is in. Nothing was written.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Too many operations are waiting. Nothing was written; a retry is welcome.
    #[error("the store is busy; nothing was written")]
    Busy,
    /// The store cannot be read or written. Nothing was written.
    #[error("the store is unavailable; nothing was written: {0}")]
    Unavailable(#[source] Cause),
    /// The store failed while it committed: the write may have happened or not.
    #[error("the outcome of the write is unknown: {0}")]
    Unknown(#[source] Cause),
    /// What is stored breaks the store's own rules.
    #[error("the store is corrupt: {0}")]
    Corrupt(#[source] Cause),
}

impl StoreError {
    /// [`StoreError::Unavailable`] with an error, or a sentence, as its cause.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
        StoreError::Unavailable(Arc::from(cause.into()))
    }

    /// [`StoreError::Unknown`] with an error, or a sentence, as its cause.
    pub fn unknown(cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
        StoreError::Unknown(Arc::from(cause.into()))
    }

    /// [`StoreError::Corrupt`] with an error, or a sentence, as its cause.
    pub fn corrupt(cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
        StoreError::Corrupt(Arc::from(cause.into()))
    }
}
