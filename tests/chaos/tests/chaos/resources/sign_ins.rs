//! A flood of wrong keys.

use std::time::{Duration, Instant};

use blackbox::problems::{INVALID_CREDENTIALS, RATE_LIMIT};
use blackbox::{Fixture, Login, Request, wait};
use chaos::crowd::{self, Member};
use chaos::seed;

/// A path that every signed-in user may read.
const ECHO: &str = "/rws/api/v1/echo/hello";

/// How many wrong keys are sent at once: many more than are answered without a delay.
const FLOOD: usize = 400;

/// How often the right key is sent: if it was delayed like the wrong ones, this would take longer than they do.
const RIGHT: u32 = 5;

#[test]
fn a_flood_of_wrong_keys_waits_and_the_right_one_from_the_same_address_does_not() {
    let fixture = Fixture::start();
    // On a busy machine even requests without a delay may take as long as the delay of others.
    let (mut round, mut right_first) = (0, 0);
    while seed::is_another_round(round, 1, right_first > 0) {
        right_first += usize::from(right_key_is_first(&fixture));
        round += 1;
    }
}

/// Sends a flood of wrong keys, and then the right one; whether the right one was answered before half of the others.
fn right_key_is_first(fixture: &Fixture) -> bool {
    let wrong = Login { user: "ada".to_owned(), key: "wrong".to_owned() };
    let wrong = Request::new("GET", ECHO).login(&wrong);
    let connections = crowd::open(fixture.server.address(), FLOOD);
    let right = fixture.client();
    right.get(ECHO).must_succeed("the right key before the flood");
    let flooded = Instant::now();
    let mut flood: Vec<_> = connections.into_iter().map(|connection| Member::asking(connection, &wrong)).collect();
    for _ in 0..RIGHT {
        right.get(ECHO).must_succeed("the right key during the flood");
    }
    let answered_before = crowd::answered(&mut flood);
    wait::until("all of the flood is answered", wait::PATIENCE, || {
        (crowd::answered(&mut flood) == FLOOD).then_some(())
    });
    let took = flooded.elapsed();
    for member in &flood {
        let reply = member.reply.as_ref().expect("every request is answered");
        let expected = if reply.status == 429 { &RATE_LIMIT } else { &INVALID_CREDENTIALS };
        reply.must_be(expected, "one of many wrong keys");
    }
    let limited = flood.iter().filter(|member| member.reply.as_ref().is_some_and(|reply| reply.status == 429)).count();
    eprintln!(
        "{answered_before} of {FLOOD} wrong keys were answered before the right one, {limited} were too many: {took:?}"
    );
    // On a machine of any speed, wrong keys that are too many are delayed by a second.
    assert!(limited == 0 || took >= Duration::from_secs(1), "{limited} wrong keys were too many and took {took:?}");
    limited > FLOOD / 2 && answered_before < FLOOD / 2
}
