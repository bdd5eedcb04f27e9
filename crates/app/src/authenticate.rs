//! Credentials in, a caller out.

use crate::{
    App, Failure,
    api_key::key_id,
    directory::{Directory, Key},
    throttle::ActiveCall,
    vault::{KEY_BYTES, same_digest},
};
use carnelian_domain::{Caller, Problem, UserId};
use carnelian_store::KeyKind;
use std::{net::IpAddr, time::Duration};

/// Compared with where there is no key to compare with, so that both take the same time.
const NO_KEY: [u8; KEY_BYTES] = [0; KEY_BYTES];

/// How many times a second an address may fail to sign in before it has to wait.
pub(crate) const FAILURES_PER_SECOND: u32 = 20;

/// How long it then waits for each answer.
const FAILURE_DELAY: Duration = Duration::from_secs(1);

impl App {
    /// Finds out who calls. An unknown user, a wrong key, one that is used from elsewhere than it may be, and a disabled
    /// user are all the same answer.
    ///
    /// An address that keeps failing waits for that answer; whoever signs in rightly from there does not.
    pub async fn authenticate(&self, address: IpAddr, user_name: &str, key: &str) -> Result<Caller, Failure> {
        if let Some(caller) = self.find_caller(&self.directory.load(), address, user_name, key) {
            return Ok(caller);
        }
        // Another process may have made the user or the key a moment ago.
        if self.refresh_directory().await?
            && let Some(caller) = self.find_caller(&self.directory.load(), address, user_name, key)
        {
            return Ok(caller);
        }
        if !self.failed_sign_ins.admits(address, self.clock.monotonic()) {
            tokio::time::sleep(FAILURE_DELAY).await;
        }
        Err(Problem::InvalidCredentials.into())
    }

    /// Counts a call, or says that the caller asks too often; the call is active until what is returned is dropped.
    pub fn admit(&self, caller: &Caller) -> Result<ActiveCall<'_, UserId>, Failure> {
        let admitted = self.throttle.admits(caller.user, self.clock.monotonic());
        let active = admitted.then(|| self.active_calls.begin(caller.user)).flatten();
        active.ok_or_else(|| Problem::RateLimitExceeded.into())
    }

    fn find_caller(&self, directory: &Directory, address: IpAddr, user_name: &str, key: &str) -> Option<Caller> {
        let digest = self.vault.digest(key);
        let user = directory.user(user_name);
        let issued = key_id(key);
        let is_candidate = |candidate: &&Key| match issued {
            Some(id) => candidate.kind == KeyKind::Issued && candidate.key_id == id,
            None => candidate.kind == KeyKind::Imported,
        };
        let mut candidates = user.iter().flat_map(|user| &user.keys).filter(is_candidate).peekable();
        if candidates.peek().is_none() {
            let _ = std::hint::black_box(same_digest(&NO_KEY, &digest));
        }
        let now = self.clock.now();
        let matched = candidates.find(|candidate| same_digest(&candidate.digest, &digest))?;
        let user = user.filter(|user| user.enabled && matched.works(now, address))?;
        matched.last_use.note(now);
        Some(user.caller.clone())
    }
}
