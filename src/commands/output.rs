//! stdout is data, words go to stderr.

use crate::Refusal;
use std::io::{self, Write};

/// Prints one line of data.
pub(crate) fn data(line: impl std::fmt::Display) -> Result<(), Refusal> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(Refusal::refused)
}

/// Says something to whoever typed the command; if nobody listens, that is no reason to stop.
pub(crate) fn words(sentence: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{sentence}");
}

/// Prints a listing: as JSON, or as a table with aligned columns.
pub(crate) fn listing(json: bool, columns: &[&str], rows: Vec<Vec<serde_json::Value>>) -> Result<(), Refusal> {
    if json {
        let object = |row: Vec<serde_json::Value>| {
            columns.iter().map(|column| (*column).to_owned()).zip(row).collect::<serde_json::Map<_, _>>()
        };
        let objects: Vec<_> = rows.into_iter().map(object).collect();
        let text = serde_json::to_string_pretty(&objects).map_err(Refusal::refused)?;
        return data(text);
    }
    let mut table = vec![columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| row.iter().map(cell).collect()));
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns.len()).map(width).collect();
    for row in &table {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        data(cells.join("  ").trim_end())?;
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
