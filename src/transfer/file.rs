//! File names, formats and errors of imports and exports.

use super::row::joined;
use crate::{CliError, cli::Format};
use carnelian_app::Failure;
use std::path::Path;

/// The format that a file's name implies.
pub(super) fn format_of_name(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
        _ => None,
    }
}

/// Adds a file's path to an I/O error.
pub(super) fn file_error(path: &Path) -> impl Fn(std::io::Error) -> CliError {
    move |error| CliError::failed(format!("{}: {error}", path.display()))
}

/// The error of an import or an export that was stopped by a failure.
pub(super) fn failure_error(failure: Failure) -> CliError {
    match failure {
        Failure::Unavailable(detail) | Failure::Internal(detail) => CliError::failed(detail.for_log()),
        other => CliError::failed(joined(&[other.problem().into()])),
    }
}
