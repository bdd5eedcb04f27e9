//! Output: results go to stdout, messages to stderr.

use crate::CliError;
use std::io::{self, Write};

/// Prints one line to stdout.
pub(crate) fn print_result(line: impl std::fmt::Display) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(CliError::failed)
}

/// Prints a message to stderr. Errors are ignored: a closed stderr does not stop a command.
pub(crate) fn print_message(message: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Prints a listing as JSON or as an aligned table.
pub(crate) fn print_listing(json: bool, columns: &[&str], rows: Vec<Vec<serde_json::Value>>) -> Result<(), CliError> {
    if json {
        let object = |row: Vec<serde_json::Value>| {
            columns.iter().map(|column| (*column).to_owned()).zip(row).collect::<serde_json::Map<_, _>>()
        };
        let objects: Vec<_> = rows.into_iter().map(object).collect();
        let text = serde_json::to_string_pretty(&objects).map_err(CliError::failed)?;
        return print_result(text);
    }
    let mut table = vec![columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| row.iter().map(cell).collect()));
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns.len()).map(width).collect();
    for row in &table {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        print_result(cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn cell(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "-".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
