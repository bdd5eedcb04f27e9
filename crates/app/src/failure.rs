//! Why an operation failed: what a caller of the API may see, and the internal cause for the log.

use carnelian_domain::{Problem, Violation};
use carnelian_store::{Conflict, StoreError};
use std::{error::Error, fmt, time::Duration};

/// The internal cause of a failure, for the log only: it must not reach a caller of the API.
pub struct Internal(Box<dyn Error + Send + Sync>);

impl Internal {
    /// Wraps an error or a message.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Internal {
        Internal(cause.into())
    }

    /// The text for the log.
    pub fn for_log(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Debug for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why an operation failed.
#[derive(Debug)]
pub enum Failure {
    /// The request cannot be carried out.
    Problem(Problem),
    /// The caller exceeds a limit, and may try again after this time.
    RateLimited(Duration),
    /// The request breaks rules: at least one, in the order of the response.
    Violations(Vec<Violation>),
    /// The store is busy, full or unavailable, or the outcome of a write is unknown; the cause says which.
    Unavailable(Internal),
    /// The server has failed.
    Internal(Internal),
}

impl Failure {
    /// The problem in the response.
    pub fn problem(&self) -> Problem {
        match self {
            Failure::Problem(problem) => *problem,
            Failure::RateLimited(_) => Problem::RateLimitExceeded,
            Failure::Violations(violations) => violations.first().map_or(Problem::Internal, |first| first.problem),
            Failure::Unavailable(_) => Problem::Unavailable,
            Failure::Internal(_) => Problem::Internal,
        }
    }

    /// The text for the log or the command line, with internal causes. It must not reach a caller of the API.
    pub fn for_log(&self) -> String {
        let violation = |violation: &Violation| format!("{}: {}", violation.field, violation.problem.message());
        match self {
            Failure::Problem(_) | Failure::RateLimited(_) => self.problem().message().to_owned(),
            Failure::Violations(violations) => violations.iter().map(violation).collect::<Vec<_>>().join("; "),
            Failure::Unavailable(internal) | Failure::Internal(internal) => internal.for_log(),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Problem(problem)
    }
}

impl From<Vec<Violation>> for Failure {
    fn from(violations: Vec<Violation>) -> Failure {
        Failure::Violations(violations)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Conflict(conflict) => from_conflict(conflict),
            StoreError::Busy | StoreError::Unavailable(_) | StoreError::Unknown(_) => {
                Failure::Unavailable(Internal::new(error))
            }
            StoreError::Corrupt(_) => Failure::Internal(Internal::new(error)),
        }
    }
}

/// The failure that a conflict is reported as. A taken name is that of a customer; administration maps it to its own problem.
fn from_conflict(conflict: Conflict) -> Failure {
    match conflict {
        Conflict::NoSuchAccount => Problem::AccountNotFound.into(),
        Conflict::ErasureInProgress => Problem::ErasureInProgress.into(),
        Conflict::ErasureRunning => Problem::ErasureBegun.into(),
        Conflict::NameTaken => Problem::DuplicateCustomerName.into(),
        Conflict::NoSuchCustomer => Problem::CustomerNotFound.into(),
        Conflict::StaleVersion => Problem::PreconditionFailed.into(),
        Conflict::IdempotencyKeyReused => Problem::IdempotencyKeyReused.into(),
        Conflict::TooManyIdempotencyKeys { retry_after_millis } => {
            Failure::RateLimited(Duration::from_millis(retry_after_millis))
        }
        Conflict::CustomerMoved | Conflict::DirectoryChanged | Conflict::ImportMovedOn => {
            Failure::Unavailable(Internal::new(conflict))
        }
        Conflict::NoErasureInProgress => Problem::NoErasureInProgress.into(),
        Conflict::NoSuchErasure => Problem::ErasureNotFound.into(),
        Conflict::NotEmpty => Failure::Internal(Internal::new(conflict)),
        Conflict::NoSuchGroup => Problem::GroupNotFound.into(),
        Conflict::AlreadyInGroup => Problem::AlreadyInGroup.into(),
        Conflict::NotInGroup => Problem::NotInGroup.into(),
        Conflict::NoSuchUser => Problem::UserNotFound.into(),
        Conflict::NoSuchKey => Problem::KeyNotFound.into(),
        Conflict::KeyKnown => Problem::KeyKnown.into(),
        Conflict::AlreadyRevoked => Problem::AlreadyRevoked.into(),
        Conflict::LastOperator => Problem::LastOperator.into(),
    }
}
