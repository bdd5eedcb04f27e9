//! What a sandbox says of itself.

use super::welcome::{Guest, welcome};
use crate::sandbox::Seed;

/// Who can sign in, a call to try, and how to go back to the seed.
pub(super) fn instructions(seed: &Seed, is_old: bool, url: &str) -> String {
    let heading = if is_old {
        "This sandbox is as it was left. Its users after a reset, and the accounts that they may act in:"
    } else {
        "The sandbox's users, and the accounts that they may act in:"
    };
    let guest = |user| Some(Guest { user, key: user.keys.first()? });
    let guests: Vec<_> = seed.users.iter().filter_map(guest).collect();
    welcome(heading, seed, &guests, url) + &format!("\nGo back to the seed:\n\ncurl -X POST {url}/sandbox/v1/reset\n")
}
