//! The limit of requests per second and user.

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
