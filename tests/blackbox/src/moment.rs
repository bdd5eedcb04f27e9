//! Moments as the API and the commands show them.

use rusqlite::Connection;
use serde_json::Value;

/// The UNIX seconds of a moment, which must be in UTC and have milliseconds.
#[track_caller]
pub fn unix_seconds(shown: &Value) -> i64 {
    let text = shown.as_str().unwrap_or_else(|| panic!("no moment: {shown}"));
    assert!(text.len() == 24 && text.ends_with('Z') && text.contains('T'), "not a moment in UTC: {text}");
    let database = Connection::open_in_memory().expect("opens");
    database.query_row("SELECT unixepoch(?1)", [text], |row| row.get(0)).expect("a moment")
}
