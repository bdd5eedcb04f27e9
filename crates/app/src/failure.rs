//! What an operation answers when it does not succeed.

use carnelian_domain::{Problem, Violation};
use carnelian_store::{Conflict, StoreError};
use std::fmt;

/// A text for the log; it never reaches a caller of the API.
pub struct Internal(String);

impl Internal {
    /// Keeps a text for the log.
    pub fn new(detail: impl Into<String>) -> Internal {
        Internal(detail.into())
    }

    /// The text, for the log.
    pub fn for_log(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an operation did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The request cannot be carried out.
    Problem(Problem),
    /// The request breaks rules: at least one, in the order in which they are answered.
    Violations(Vec<Violation>),
    /// The store is busy, full or out of reach; whether a write was done is unknown.
    Unavailable(Internal),
    /// Our fault.
    Internal(Internal),
}

impl Failure {
    /// The problem that is answered.
    pub fn problem(&self) -> Problem {
        match self {
            Failure::Problem(problem) => *problem,
            Failure::Violations(violations) => violations.first().map_or(Problem::Internal, |first| first.problem),
            Failure::Unavailable(_) => Problem::Unavailable,
            Failure::Internal(_) => Problem::Internal,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Problem(problem)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let detail = Internal::new(error.to_string());
        match error {
            StoreError::Conflict(conflict) => of_conflict(conflict, detail),
            StoreError::Busy | StoreError::Unavailable(_) => Failure::Unavailable(detail),
            StoreError::Corrupt(_) => Failure::Internal(detail),
        }
    }
}

/// What a conflict is to the caller of the API; a name that is taken is a customer's unless whoever asked knows better.
fn of_conflict(conflict: Conflict, detail: Internal) -> Failure {
    match conflict {
        Conflict::NoSuchAccount => Problem::AccountNotFound.into(),
        Conflict::ErasureInProgress => Problem::ErasureInProgress.into(),
        Conflict::ErasureRunning => Problem::ErasureBegun.into(),
        Conflict::NameTaken => Problem::DuplicateCustomerName.into(),
        Conflict::NoSuchCustomer => Problem::CustomerNotFound.into(),
        Conflict::StaleVersion => Problem::PreconditionFailed.into(),
        Conflict::IdempotencyKeyReused => Problem::IdempotencyKeyReused.into(),
        Conflict::CustomerMoved | Conflict::ImportMovedOn => Failure::Unavailable(detail),
        Conflict::NoErasureInProgress => Problem::NoErasureInProgress.into(),
        Conflict::NoSuchErasure => Failure::Internal(detail),
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
