//! Sign-in: credentials in, a caller out.
//!
//! A request may wait between its sign-in and its effect: for its body, for an injected delay of a sandbox, for a block of
//! ids or for a read of the store. [`App::confirm`] is called after every such wait, so that a request has no effect if
//! its key or another right was revoked meanwhile. A write can wait in the store as well, so it carries the version of the
//! directory with which the rights were confirmed: if the store has another one, it refuses the write with
//! [`Conflict::DirectoryChanged`](carnelian_store::Conflict), and the rights are confirmed again with the newest directory.

use crate::{
    App, Failure,
    api_key::key_id,
    directory::{Key, LoadedDirectory},
    failure::Internal,
    refusal_delay::RETRY_SOON,
    request_limits::LimitStatus,
    throttle::ActiveCall,
    vault::{KEY_BYTES, same_digest},
};
use carnelian_domain::{Caller, Problem, SignIn, UserId, network_of};
use carnelian_store::{KeyKind, StoreError};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Compared with if there is no candidate key, so that an unknown user takes as long as a wrong key.
const NO_KEY: [u8; KEY_BYTES] = [0; KEY_BYTES];

/// The age from which a sign-in is confirmed by a query of the store, which finds changes by other processes.
///
/// Changes made by this process are seen at any age. A request whose body arrives with its head is some 10 µs old when it
/// is confirmed, and a create under full load some milliseconds, so neither pays for a read of the store.
const FRESH: Duration = Duration::from_millis(10);

/// The age from which the directory in memory is not used without a look at the store, and how long that may take. A server
/// looks far more often, so this happens only while the store does not answer, or after the whole process stood still.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The number of attempts at a write if what it depends on changes meanwhile: the directory between the confirmation of the
/// caller's rights and the transaction, or the customer between its read and the transaction.
pub(crate) const ATTEMPTS: usize = 16;

impl App {
    /// Signs a user in.
    ///
    /// Fails with [`Failure::Unavailable`] if the directory was altered outside of the program.
    ///
    /// Fails with [`Problem::InvalidCredentials`] for an unknown or disabled user, for a key that is wrong, expired or revoked,
    /// and for a key that may not be used from that address.
    ///
    /// Failures are limited in number, for each address and in all. One beyond that is delayed and refused with
    /// [`Failure::RateLimited`], without asking the store; a sign-in that succeeds is never delayed or refused.
    ///
    /// Fails with [`Failure::Unavailable`] if it is not known what other processes have changed in the last second.
    pub async fn authenticate(&self, address: IpAddr, user_name: &str, key: &str) -> Result<Caller, Failure> {
        self.check_age().await?;
        let find = || {
            let directory = self.directory.load();
            directory.check()?;
            Ok::<_, Failure>(self.find_caller(&directory, address, user_name, key))
        };
        if let Some(caller) = find()? {
            return Ok(caller);
        }
        let now = self.clock.monotonic();
        let admitted = self.limits.failed_sign_ins.admit(network_of(address), now);
        let limited = admitted.and_then(|()| self.limits.all_failed_sign_ins.admit((), now)).err();
        // Another process may have just created the user or the key. Beyond the limit the store is not asked: the directory
        // that is loaded after the delay, which slows down guessing, has to do.
        let may_have_changed = match limited {
            None => self.refresh_directory().await?,
            Some(_) => {
                tokio::time::sleep(self.limits.sign_in_delay.next()).await;
                true
            }
        };
        if may_have_changed && let Some(caller) = find()? {
            return Ok(caller);
        }
        Err(limited.map_or_else(|| Problem::InvalidCredentials.into(), Failure::RateLimited))
    }

    /// Looks at the store if it is not known what other processes have changed in the last second, and fails with
    /// [`Failure::Unavailable`] if that takes another second.
    pub(crate) async fn check_age(&self) -> Result<(), Failure> {
        if self.directory.age(self.clock.monotonic()) > MAX_AGE {
            in_time(Box::pin(self.refresh_directory())).await?;
        }
        Ok(())
    }

    /// Counts a request, which is active until the returned value is dropped. Returns what is left of each limit as well.
    ///
    /// Fails with [`Failure::RateLimited`] if the caller, its account or its address has too many.
    pub fn admit(&self, caller: &Caller) -> (Vec<LimitStatus>, Result<ActiveCall, Failure>) {
        let (left, admitted) = self.limits.calls.admit(caller, self.clock.monotonic());
        let begin = || self.limits.active_calls.begin(caller.user).ok_or(Failure::RateLimited(RETRY_SOON));
        (left, admitted.map_err(Failure::RateLimited).and_then(|()| begin()))
    }

    fn find_caller(&self, directory: &LoadedDirectory, address: IpAddr, user_name: &str, key: &str) -> Option<Caller> {
        let digest = self.keys.vault.digest(key);
        let user = directory.user(user_name);
        let issued = key_id(key);
        let is_candidate = |candidate: &&Key| match issued {
            Some(id) => candidate.kind == KeyKind::Issued && &*candidate.key_id == id,
            None => candidate.kind == KeyKind::Imported,
        };
        let mut candidates = user.iter().flat_map(|user| &user.keys).filter(is_candidate).peekable();
        if candidates.peek().is_none() {
            let _ = std::hint::black_box(same_digest(&NO_KEY, &digest));
        }
        let now = self.clock.now();
        let matched = candidates.find(|candidate| same_digest(&candidate.digest, &digest))?;
        let user = user.filter(|user| user.enabled && matched.is_accepted(now, address))?;
        matched.last_use.note(now);
        Some(self.signed_in(directory, &user.caller, matched.key_id.clone(), address))
    }

    /// Checks a sign-in again: the caller with its newest rights, or `None` if they cannot have changed.
    ///
    /// Fails with [`Problem::InvalidCredentials`] if the user can no longer sign in with that key from that address.
    pub async fn confirm(&self, caller: &Caller) -> Result<Option<Caller>, Failure> {
        let Some(sign_in) = &caller.sign_in else { return Ok(None) };
        let is_fresh = self.clock.monotonic().saturating_sub(sign_in.checked_at) < FRESH;
        if is_fresh && self.directory.load().version() == sign_in.directory_version {
            return Ok(None);
        }
        // Boxed, because a request that does not wait should not reserve memory for this.
        Box::pin(self.find_again(caller.user, sign_in, is_fresh)).await.map(Some)
    }

    async fn find_again(&self, user: UserId, sign_in: &SignIn, is_fresh: bool) -> Result<Caller, Failure> {
        if !is_fresh {
            self.refresh_directory().await?;
        }
        let directory = self.directory.load();
        directory.check()?;
        let user = directory.user_of_id(user).filter(|user| user.enabled).ok_or(Problem::InvalidCredentials)?;
        let now = self.clock.now();
        let is_valid = |key: &Key| key.key_id == sign_in.key_id && key.is_accepted(now, sign_in.address);
        if !user.keys.iter().any(is_valid) {
            return Err(Problem::InvalidCredentials.into());
        }
        Ok(self.signed_in(&directory, &user.caller, sign_in.key_id.clone(), sign_in.address))
    }

    fn signed_in(&self, directory: &LoadedDirectory, caller: &Caller, key_id: Arc<str>, address: IpAddr) -> Caller {
        let (directory_version, checked_at) = (directory.version(), self.clock.monotonic());
        Caller { sign_in: Some(SignIn { key_id, address, directory_version, checked_at }), ..caller.clone() }
    }
}

/// Waits for an answer of the store, as long as a look may take.
async fn in_time<T>(look: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    let late = |_| Failure::Unavailable(Internal::new("the store has not answered in time"));
    Ok(timeout(MAX_AGE, look).await.map_err(late)??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::time::pause;

    #[tokio::test]
    async fn a_look_at_a_store_that_does_not_answer_fails_after_a_second() {
        pause();
        let look = || in_time(pending::<Result<(), StoreError>>());
        timeout(Duration::from_millis(999), look()).await.expect_err("it waits");
        let failure = timeout(Duration::from_millis(1001), look()).await.expect("it ends");
        assert!(matches!(failure, Err(Failure::Unavailable(_))), "{failure:?}");
    }
}
