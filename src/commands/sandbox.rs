//! The text that a sandbox prints at start.

use super::quickstart::{DemoLogin, quickstart};
use crate::sandbox::Seed;

/// The logins, a request to try, and how to reset to the seed.
pub(super) fn instructions(seed: &Seed, is_existing: bool, url: &str) -> String {
    let heading = if is_existing {
        "Continuing with existing data. After a reset, the users and the accounts that they may access are:"
    } else {
        "Sandbox users and the accounts that they may access:"
    };
    let login = |user| Some(DemoLogin { user, key: user.keys.first()? });
    let logins: Vec<_> = seed.users.iter().filter_map(login).collect();
    quickstart(heading, seed, &logins, url) + &format!("\nReset to the seed:\n\ncurl -X POST {url}/sandbox/v1/reset\n")
}
