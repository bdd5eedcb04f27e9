//! JSON of which there is one text only: what is signed or sealed is read as it was written, or not at all.

use serde::{Deserialize, Serialize};

/// Reads a value from the text that it is written as. No other text is accepted, also if it means the same: nothing is
/// repeated, added, left out or in another order, and there is no white space.
pub(crate) fn parse_exact<'a, T: Deserialize<'a> + Serialize>(text: &'a [u8]) -> Option<T> {
    let value: T = serde_json::from_slice(text).ok()?;
    let written = serde_json::to_vec(&value).ok()?;
    (written == text).then_some(value)
}
