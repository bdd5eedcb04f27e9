//! Limits of requests per second: of each user, of each account and of each address.
//!
//! A request counts if all of its limits admit it. How much is left is reported, so that a client can keep to the limits.

use crate::rate::Rate;
use carnelian_domain::{AccountId, Caller, UserId, network_of};
use parking_lot::Mutex;
use std::{net::IpAddr, time::Duration};

/// How many requests a second the original service allows a user.
const UPSTREAM_PER_SECOND: u32 = 5;

/// The configured rates; 0 means no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestRates {
    /// The requests per second of a user.
    pub per_user: u32,
    /// The requests per second of all users of an account.
    pub per_account: u32,
    /// The requests per second from an address, or from an IPv6 network.
    pub per_address: u32,
}

/// What is left of a limit after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitStatus {
    /// The limit: `user`, `account` or `address`.
    pub name: &'static str,
    /// The number of requests that it allows in a second.
    pub quota: u32,
    /// How many requests would be admitted now.
    pub remaining: u32,
    /// The time until the whole quota would be.
    reset: Duration,
}

impl LimitStatus {
    /// The time until the whole quota is left, in whole seconds, rounded up.
    pub fn reset_seconds(&self) -> u64 {
        self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0)
    }
}

/// What a limit counts requests of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    User(UserId),
    Account(AccountId),
    Address(IpAddr),
}

struct Limit {
    name: &'static str,
    /// The subject of a request; `None` for one that the limit does not count.
    subject: fn(&Caller) -> Option<Subject>,
    quota: u32,
    rate: Rate<Subject>,
}

impl Limit {
    fn status(&self, subject: &Subject, now: Duration) -> LimitStatus {
        let (remaining, reset) = (self.rate.remaining(subject, now), self.rate.until_unused(subject, now));
        LimitStatus { name: self.name, quota: self.quota, remaining: remaining.min(self.quota), reset }
    }
}

/// The limits in force; costs nothing if there are none.
pub(crate) struct RequestLimits {
    limits: Option<Mutex<Vec<Limit>>>,
    /// Whether what is left is reported. The original service does not.
    is_reported: bool,
}

impl RequestLimits {
    pub(crate) fn new(rates: RequestRates, strict_upstream: bool) -> RequestLimits {
        let user: fn(&Caller) -> Option<Subject> = |caller| Some(Subject::User(caller.user));
        let limits = [
            ("user", in_force(rates.per_user, strict_upstream), user),
            ("account", rates.per_account, |caller| caller.account.map(Subject::Account)),
            ("address", rates.per_address, |caller| {
                caller.sign_in.as_ref().map(|sign_in| Subject::Address(network_of(sign_in.address)))
            }),
        ];
        let limits = limits
            .into_iter()
            .filter_map(|(name, quota, subject)| Some(Limit { name, subject, quota, rate: Rate::new(quota)? }));
        let limits: Vec<_> = limits.collect();
        RequestLimits { limits: (!limits.is_empty()).then(|| Mutex::new(limits)), is_reported: !strict_upstream }
    }

    /// Counts a request if all limits admit it, or returns the time after which they would. With either comes what is left.
    pub(crate) fn admit(&self, caller: &Caller, now: Duration) -> (Vec<LimitStatus>, Result<(), Duration>) {
        let Some(limits) = &self.limits else { return (Vec::new(), Ok(())) };
        let mut limits = limits.lock();
        let mut counting: Vec<_> =
            limits.iter_mut().filter_map(|limit| Some(((limit.subject)(caller)?, limit))).collect();
        let wait = counting.iter().filter_map(|(subject, limit)| limit.rate.wait(subject, now)).max();
        if wait.is_none() {
            counting.iter_mut().for_each(|(subject, limit)| limit.rate.count(*subject, now));
        }
        let reported = counting.iter().filter(|_| self.is_reported);
        let left = reported.map(|(subject, limit)| limit.status(subject, now)).collect();
        (left, wait.map_or(Ok(()), Err))
    }
}

/// The rate to enforce: the configured one, where 0 means no limit, or the original service's if that is lower and applies.
fn in_force(per_second: u32, strict_upstream: bool) -> u32 {
    match (strict_upstream, per_second) {
        (false, any) => any,
        (true, 0) => UPSTREAM_PER_SECOND,
        (true, configured) => configured.min(UPSTREAM_PER_SECOND),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_domain::{Role, Scope, SignIn};

    fn caller(user: u64, account: u64, address: &str) -> Caller {
        let address = address.parse().expect("an address");
        let sign_in = SignIn { key_id: "key".into(), address, directory_version: 1, checked_at: Duration::ZERO };
        Caller {
            user: UserId(user),
            user_name: "ann".into(),
            account: Some(AccountId(account)),
            role: Role::AccountAdmin,
            scope: Scope::Every.into(),
            sign_in: Some(sign_in),
        }
    }

    fn rates(per_user: u32, per_account: u32, per_address: u32) -> RequestRates {
        RequestRates { per_user, per_account, per_address }
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(1_000_000 + millis)
    }

    #[test]
    fn a_client_that_obeys_is_never_refused_in_ten_thousand_calls_and_one_that_does_not_is() {
        for rates in [rates(5, 0, 0), rates(7, 3, 0), rates(100, 90, 33), rates(0, 0, 1), rates(999, 1000, 0)] {
            let (limits, client) = (RequestLimits::new(rates, false), caller(1, 1, "192.0.2.1"));
            let mut now = at(0);
            for call in 0..10_000_u64 {
                let (left, admitted) = limits.admit(&client, now);
                assert_eq!(admitted, Ok(()), "call {call} with {rates:?}");
                // A call takes some time; with nothing left the client waits as long as the answer says.
                now += Duration::from_micros(call * 7919 % 900);
                let wait = left.iter().filter(|limit| limit.remaining == 0).map(LimitStatus::reset_seconds).max();
                now += Duration::from_secs(wait.unwrap_or(0));
            }
            let limits = RequestLimits::new(rates, false);
            let refused = (0..10_000).filter(|call| limits.admit(&client, at(call / 10)).1.is_err()).count();
            assert!(refused > 0, "{rates:?}");
        }
    }

    #[test]
    fn what_is_left_is_what_is_admitted_and_a_refused_request_is_admitted_after_the_wait() {
        let (limits, client) = (RequestLimits::new(rates(6, 4, 0), false), caller(1, 1, "192.0.2.1"));
        for start in [0, 5000, 10_030] {
            let mut left = 4;
            while left > 0 {
                let (limits_left, admitted) = limits.admit(&client, at(start));
                assert_eq!(admitted, Ok(()));
                left -= 1;
                let shown: Vec<_> =
                    limits_left.iter().map(|limit| (limit.name, limit.quota, limit.remaining)).collect();
                assert_eq!(shown, [("user", 6, left + 2), ("account", 4, left)]);
            }
            let (limits_left, admitted) = limits.admit(&client, at(start));
            assert_eq!(limits_left[0].remaining, 2, "a refused request uses nothing of the other limits");
            let wait = admitted.expect_err("nothing is left");
            assert_eq!((wait, limits_left[1].reset_seconds()), (Duration::from_millis(250), 1));
            assert_eq!(limits.admit(&client, at(start) + wait).1, Ok(()));
        }
    }

    #[test]
    fn users_of_an_account_and_of_an_address_share_their_limits() {
        let limits = RequestLimits::new(rates(0, 2, 3), false);
        let admitted = |user, account, address: &str| limits.admit(&caller(user, account, address), at(0)).1.is_ok();
        assert!(admitted(1, 1, "192.0.2.1") && admitted(2, 1, "192.0.2.1"));
        assert!(!admitted(3, 1, "192.0.2.2"), "the account");
        assert!(admitted(4, 2, "192.0.2.1"), "another account");
        assert!(!admitted(4, 2, "192.0.2.1"), "the address");
        assert!(admitted(4, 2, "192.0.2.2"), "another address");
        let network = |host: u16| format!("2001:db8::{host:x}");
        let admitted: Vec<_> = (1..=4).map(|number| admitted(9, 10 + u64::from(number), &network(number))).collect();
        assert_eq!(admitted, [true, true, true, false], "the addresses of an IPv6 network count as one");
    }

    #[test]
    fn without_limits_everything_is_admitted_and_nothing_is_reported() {
        let limits = RequestLimits::new(RequestRates::default(), false);
        assert!((0..100).all(|_| limits.admit(&caller(1, 1, "::1"), at(0)) == (Vec::new(), Ok(()))));
        let strict = RequestLimits::new(RequestRates::default(), true);
        let admitted: Vec<_> = (0..6).map(|_| strict.admit(&caller(1, 1, "::1"), at(0))).collect();
        assert!(admitted.iter().all(|(left, _)| left.is_empty()), "the original service reports nothing");
        assert_eq!(admitted.iter().filter(|(_, admitted)| admitted.is_ok()).count(), 5);
    }

    #[test]
    fn the_original_service_s_rate_applies_unless_a_lower_one_is_configured() {
        assert_eq!([in_force(0, false), in_force(9, false)], [0, 9]);
        assert_eq!([in_force(0, true), in_force(9, true), in_force(2, true)], [5, 5, 2]);
    }
}
