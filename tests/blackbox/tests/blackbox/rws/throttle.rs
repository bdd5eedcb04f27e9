//! The limits of requests per second: of users, accounts and addresses.

use blackbox::problems::*;
use blackbox::{Client, Fixture, Login, Reply, Request, wait};

/// More requests than a limit of one per second admits during the test.
const BURST: usize = 300;

fn throttled() -> Fixture {
    Fixture::start_with(|launch| launch.args(&["--limits-requests-per-second", "1"]))
}

/// Sends requests until one is throttled.
#[track_caller]
fn exhaust(client: &Client, target: &str) -> Reply {
    let replies = (0..BURST).map(|_| client.get(target));
    replies.into_iter().find(|reply| reply.status == 429).unwrap_or_else(|| panic!("{target} was never throttled"))
}

#[test]
fn a_throttled_client_learns_when_to_retry() {
    let fixture = throttled();
    let client = fixture.client();
    client.get("/rws/api/v1/echo/hello").must_succeed("the first request");
    exhaust(&client, "/rws/api/v1/echo/hello").must_be(&RATE_LIMIT, "one of many requests");
    wait::until("the user is admitted again", wait::PATIENCE, || {
        (client.get("/rws/api/v1/echo/hello").status == 200).then_some(())
    });
}

#[test]
fn users_are_throttled_separately_and_health_checks_never() {
    let fixture = throttled();
    let other = fixture.test_dir.user("other", "Acme", &[]);
    exhaust(&fixture.client(), "/rws/api/v1/echo/hello");
    wait::until("the other user is admitted", wait::NOTICE, || {
        (fixture.server.client_of(&other).get("/rws/api/v1/echo/hello").status == 200).then_some(())
    });
    let probe = fixture.client();
    for _ in 0..20 {
        probe.get("/health/live").must_succeed("a health check");
    }
}

#[test]
fn the_throttle_comes_after_authentication_and_before_the_version() {
    let fixture = throttled();
    exhaust(&fixture.client(), "/rws/api/v2/customers").must_be(&RATE_LIMIT, "another version");
    exhaust(&fixture.client(), "/rws/api/v1/nothing").must_be(&RATE_LIMIT, "an unknown path");
    let wrong = fixture.server.client_of(&Login { user: "ada".into(), key: "wrong".into() });
    for _ in 0..20 {
        let reply = wrong.send(Request::new("GET", "/rws/api/v1/echo/hello"));
        reply.must_be(&INVALID_CREDENTIALS, "a wrong key of a throttled user");
    }
}

#[test]
fn without_the_setting_there_is_no_throttle() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for _ in 0..BURST {
        client.get("/rws/api/v1/echo/hello").must_succeed("one of many requests");
    }
}

/// The name, the quota and what remains of each limit, as the headers of a reply have it.
fn limits(reply: &Reply) -> Vec<(String, u32, u32)> {
    let items = |name: &str| {
        let value = reply.header(name).unwrap_or_default();
        value.split(", ").filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let number = |item: &str, key: &str| -> u32 {
        let value = item.split(';').find_map(|part| part.strip_prefix(key)).expect(key);
        value.parse().expect("a number")
    };
    let policies = items("RateLimit-Policy").into_iter().zip(items("RateLimit"));
    let limit = |(policy, left): (String, String)| {
        let name = policy.split(';').next().expect("a name").trim_matches('"').to_owned();
        assert_eq!(left.split(';').next(), policy.split(';').next());
        assert_eq!((number(&policy, "w="), number(&left, "t=") <= 1), (1, true), "{left}");
        (name, number(&policy, "q="), number(&left, "r="))
    };
    policies.map(limit).collect()
}

#[test]
fn a_request_is_refused_only_if_the_headers_of_the_reply_before_leave_none() {
    let rates = ["--limits-requests-per-second", "40", "--limits-requests-per-second-per-account", "30"];
    let fixture =
        Fixture::start_with(|launch| launch.args(&rates).args(&["--limits-requests-per-second-per-address", "60"]));
    let client = fixture.client();
    let (mut may_be_refused, mut refused) = (false, 0);
    for number in 0..1000 {
        let reply = client.get("/rws/api/v1/echo/hello");
        let left = limits(&reply);
        let quotas: Vec<_> = left.iter().map(|(name, quota, _)| (name.as_str(), *quota)).collect();
        assert_eq!(quotas, [("user", 40), ("account", 30), ("address", 60)]);
        if reply.status == 429 {
            assert!(may_be_refused, "request {number} is refused, although the reply before left some");
            reply.must_be(&RATE_LIMIT, "a request too many");
            refused += 1;
        }
        may_be_refused = left.iter().any(|(.., remaining)| *remaining == 0);
    }
    assert!(refused > 0, "a client that does not wait is refused");
    client.get("/rws/api/v1/nothing").header("RateLimit").expect("errors have the headers, too");
    assert_eq!(client.get("/health/live").header("RateLimit"), None, "what is not limited has none");
    let wrong = fixture.server.client_of(&Login { user: "ada".into(), key: "wrong".into() });
    assert_eq!(wrong.get("/rws/api/v1/echo/hello").header("RateLimit"), None, "a stranger learns nothing");
}

#[test]
fn users_of_an_account_share_its_limit_and_those_of_others_do_not() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--limits-requests-per-second-per-account", "1"]));
    let second = fixture.test_dir.user("second", "Acme", &[]);
    fixture.test_dir.account("Other");
    let other = fixture.test_dir.user("other", "Other", &[]);
    let (client, second) = (fixture.client(), fixture.server.client_of(&second));
    wait::until("the other user of the account is refused", wait::PATIENCE, || {
        client.get("/rws/api/v1/echo/hello");
        (second.get("/rws/api/v1/echo/hello").status == 429).then_some(())
    });
    let other = fixture.server.client_of(&other);
    wait::until("a user of another account is admitted", wait::NOTICE, || {
        (other.get("/rws/api/v1/echo/hello").status == 200).then_some(())
    });
}

#[test]
fn without_a_limit_there_are_no_headers_of_one() {
    let reply = Fixture::start().client().get("/rws/api/v1/echo/hello");
    assert_eq!((reply.header("RateLimit"), reply.header("RateLimit-Policy")), (None, None));
}
