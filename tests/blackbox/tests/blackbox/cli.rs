//! The administrator's commands.

mod accounts;
mod audit;
pub(crate) mod backup;
mod confirmation;
mod doctor;
mod export;
mod groups;
mod health_check;
mod import;
mod keys;
mod server;
mod streams;
mod terminal;
mod usage;
mod users;

/// Asserts that a listing is an array with exactly these keys in every entry.
#[track_caller]
fn assert_keys(listing: &serde_json::Value, keys: &[&str]) {
    let mut expected: Vec<_> = keys.to_vec();
    expected.sort_unstable();
    for entry in listing.as_array().expect("a listing is an array") {
        let mut actual: Vec<_> = entry.as_object().expect("an entry is an object").keys().collect();
        actual.sort_unstable();
        assert_eq!(actual, expected, "{entry}");
    }
}
