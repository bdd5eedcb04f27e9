//! What can go wrong in a store, by what a caller can do about it.

/// Why a write was refused although the store works.
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
    /// It would leave nobody who can administer the registry.
    #[error("the last operator who can sign in must remain")]
    LastOperator,
}

/// Why a store could not do what was asked; the texts are for the log, never for a caller of the API.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store works, the request cannot be carried out.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Too much is waiting; nothing was done, another try is welcome.
    #[error("the store is busy")]
    Busy,
    /// The store cannot be reached or written; whether a write was done is unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored makes no sense.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}
