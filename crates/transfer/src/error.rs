//! Why an import or an export ended early.

use crate::row::joined;
use carnelian_app::Failure;
use std::{io, path::Path};

/// Why an import or an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A file, a row or the registry does not allow it.
    #[error("{0}")]
    Failed(String),
    /// The store does not respond; the same may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// The output of an export cannot be written.
    #[error(transparent)]
    Output(io::Error),
    /// The observer has stopped it.
    #[error("stopped")]
    Stopped,
}

impl TransferError {
    /// An error with a message.
    pub(crate) fn failed(message: impl ToString) -> TransferError {
        TransferError::Failed(message.to_string())
    }
}

impl From<Failure> for TransferError {
    fn from(failure: Failure) -> TransferError {
        match failure {
            Failure::Unavailable(detail) => TransferError::Unavailable(detail.for_log()),
            Failure::Internal(detail) => TransferError::failed(detail.for_log()),
            other => TransferError::failed(joined(&[other.problem().into()])),
        }
    }
}

/// Adds a file's path to an I/O error.
pub(crate) fn file_error(path: &Path) -> impl Fn(io::Error) -> TransferError {
    move |error| TransferError::failed(format!("{}: {error}", path.display()))
}
