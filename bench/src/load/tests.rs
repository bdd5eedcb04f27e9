//! The generator against servers that misbehave.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    Pace, Plan, Until,
    requests::{Kind, Scenario, Target, Work},
    tally::Tally,
};
use crate::known::Known;

const CREATED: &str = r#"{"customerId":1,"timestamp":2}"#;

/// A server with a script of answers for each connection; it hangs up when the script ends.
fn serve(answer: impl Fn(usize) -> Option<&'static str> + Copy + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection comes");
            thread::spawn(move || converse(stream, answer));
        }
    });
    address
}

fn converse(mut stream: TcpStream, answer: impl Fn(usize) -> Option<&'static str>) {
    let mut inbox = [0; 4096];
    // A request of this generator comes in one piece over the loopback interface.
    for number in 0.. {
        match stream.read(&mut inbox) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let Some(body) = answer(number) else { return };
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn load(address: SocketAddr, connections: usize, pace: Pace, until: Until) -> Tally {
    let path = "/customers".to_owned();
    let target = Target { addresses: vec![address], path, authorization: String::new(), kind: Kind::Server };
    let work = Work { target, scenario: Scenario::Create, known: Arc::new(Known::default()) };
    let plan = Plan { work: Arc::new(work), run: 1, connections, pace, until, keep_ids: true };
    plan.run().expect("the server can be reached")
}

#[test]
fn a_stall_counts_for_every_request_that_was_due_meanwhile() {
    fn stalling(number: usize) -> Option<&'static str> {
        if number == 50 {
            thread::sleep(Duration::from_millis(400));
        }
        Some(CREATED)
    }
    let second = Until::Elapsed(Duration::from_secs(1));
    let open = load(serve(stalling), 1, Pace::Open(500.0), second);
    assert!(open.quantile_ms(0.9) > 200.0, "p90 is {} ms", open.quantile_ms(0.9));
    assert_eq!((open.answers, open.unserved), (500, 0));
    let closed = load(serve(stalling), 1, Pace::Closed, second);
    assert!(closed.quantile_ms(0.9) < 200.0, "a closed loop hides it");
}

#[test]
fn a_number_of_requests_is_kept_exactly() {
    let tally = load(serve(|_| Some(CREATED)), 5, Pace::Closed, Until::Requests(333));
    assert_eq!((tally.answers, tally.created, tally.ids.len()), (333, 333, 333));
    assert_eq!(tally.names.iter().sum::<u32>(), 333);
}

#[test]
fn a_wrong_answer_is_unexpected_and_a_lost_connection_is_broken() {
    let answer = |number| match number {
        0 => Some(CREATED),
        1 => Some(r#"{"errorMessage":"no"}"#),
        _ => None,
    };
    let tally = load(serve(answer), 2, Pace::Closed, Until::Elapsed(Duration::from_secs(5)));
    assert_eq!((tally.answers, tally.unexpected, tally.broken), (2, 2, 2));
    assert!(!tally.samples.is_empty());
}

#[test]
fn what_an_overloaded_server_never_got_is_counted_as_waiting() {
    fn slow(_: usize) -> Option<&'static str> {
        thread::sleep(Duration::from_millis(20));
        Some(CREATED)
    }
    let tally = load(serve(slow), 1, Pace::Open(1_000.0), Until::Elapsed(Duration::from_millis(500)));
    assert!(tally.unserved > 0);
    assert_eq!(tally.answers + tally.unserved, 500);
    assert!(tally.quantile_ms(0.5) > 200.0);
}
