//! A flood of wrong keys.

use std::time::{Duration, Instant};

use blackbox::problems::{INVALID_CREDENTIALS, RATE_LIMIT};
use blackbox::{Fixture, Login, Request, wait};
use chaos::crowd::{self, Member};

/// A path that every signed-in user may read.
const ECHO: &str = "/rws/api/v1/echo/hello";

/// How many wrong keys are sent at once: many more than are answered without a delay.
const FLOOD: usize = 400;

/// How often the right key is sent: if it was delayed like the wrong ones, this would take longer than they do.
const RIGHT: u32 = 5;

#[test]
fn a_flood_of_wrong_keys_waits_and_the_right_one_from_the_same_address_does_not() {
    let fixture = Fixture::start();
    let wrong = Login { user: "ada".to_owned(), key: "wrong".to_owned() };
    let wrong = Request::new("GET", ECHO).login(&wrong);
    let connections = crowd::open(fixture.server.address(), FLOOD);
    let right = fixture.client();
    right.get(ECHO).must_succeed("the right key before the flood");
    let flooded = Instant::now();
    let mut flood: Vec<_> = connections.into_iter().map(|connection| Member::asking(connection, &wrong)).collect();
    let asked = Instant::now();
    for _ in 0..RIGHT {
        right.get(ECHO).must_succeed("the right key during the flood");
    }
    let right_took = asked.elapsed();
    wait::until("half of the flood is answered", wait::PATIENCE, || {
        (crowd::answered(&mut flood) >= FLOOD / 2).then_some(())
    });
    let wrong_took = flooded.elapsed();
    wait::until("all of the flood is answered", wait::PATIENCE, || {
        (crowd::answered(&mut flood) == FLOOD).then_some(())
    });
    for member in &flood {
        let reply = member.reply.as_ref().expect("every request is answered");
        let expected = if reply.status == 429 { &RATE_LIMIT } else { &INVALID_CREDENTIALS };
        reply.must_be(expected, "one of many wrong keys");
    }
    let limited = flood.iter().filter(|member| member.reply.as_ref().is_some_and(|reply| reply.status == 429)).count();
    assert!(limited > FLOOD / 2, "only {limited} of {FLOOD} wrong keys were too many");
    eprintln!("{RIGHT} times the right key took {right_took:?}, half of {FLOOD} wrong ones {wrong_took:?}");
    // On a machine of any speed, wrong keys are delayed by a second and the right one is not.
    assert!(wrong_took >= Duration::from_secs(1), "half of {FLOOD} wrong keys took {wrong_took:?}");
    assert!(right_took < wrong_took / 2, "the right key took {right_took:?}, the wrong ones {wrong_took:?}");
}
