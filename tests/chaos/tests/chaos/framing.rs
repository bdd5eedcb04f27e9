//! The framing of HTTP messages: what is a request, where it ends, and how everything else is refused.

mod corpus;
mod haproxy;

use blackbox::problems::MALFORMED_REQUEST;
use blackbox::{Connection, Fixture, Problem, Reply, Request, wait};

use corpus::{Answer, Case, Verdict};

/// A request sent right after a message, with an id that shows whether it was read as a request.
fn follow_up(id: &str) -> Vec<u8> {
    format!("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\n\r\n").into_bytes()
}

fn connect(fixture: &Fixture) -> Connection {
    Connection::open(fixture.server.address()).expect("the server accepts connections")
}

/// Sends a message and a request in one write, and asserts the responses to both.
fn try_case(fixture: &Fixture, case: &Case) {
    let name = &case.name;
    let mut connection = connect(fixture);
    let follower = if matches!(case.verdict, Verdict::Served(_)) { "next" } else { "after" };
    connection.send_bytes(&[case.bytes.clone(), follow_up(follower)].concat()).expect("the server reads on");
    let mut receive = || {
        let reply = connection.receive(case.method, "-");
        reply.unwrap_or_else(|error| panic!("{name}: no answer: {error}"))
    };
    match case.verdict {
        Verdict::Served(answer) => {
            must_be_served(&receive(), answer, name);
            assert_eq!(receive().header("x-request-id"), Some("next"), "{name}");
            return;
        }
        Verdict::Last(answer) => must_be_served(&receive(), answer, name),
        Verdict::Refused(problem) => must_be_refused(&receive(), &problem, name),
        Verdict::Closed => {}
    }
    must_be_closed(connection, name);
}

/// Asserts that the answer is one to the message itself: it has the message's id.
fn must_be_served(reply: &Reply, answer: Answer, name: &str) {
    match answer {
        None => reply.must_succeed(name),
        Some(problem) => reply.must_be(&problem, name),
    };
    assert_eq!(reply.header("x-request-id"), Some("a"), "{name}");
}

fn must_be_refused(reply: &Reply, problem: &Problem, name: &str) {
    reply.must_be(problem, name);
    assert_eq!(reply.header("connection"), Some("close"), "{name}");
}

/// Asserts that the server closes the connection without another word.
fn must_be_closed(mut connection: Connection, name: &str) {
    let rest = connection.read_to_end().unwrap_or_else(|error| panic!("{name}: not closed: {error}"));
    assert_eq!(String::from_utf8_lossy(&rest), "", "{name}: an answer too many");
}

/// A request in the log.
struct Logged {
    id: String,
    /// It was refused before it was one, so that the id is the server's own.
    refused: bool,
}

/// The requests in the log that came before one with the id `last`, which this sends.
fn logged_before(fixture: &Fixture, last: &str) -> Vec<Logged> {
    let request = Request::new("GET", "/health/live").header("X-Request-Id", last);
    fixture.server.client().send(request).must_succeed("the last request");
    let logged = |line: &str| {
        let id = line.split_once("request_id=\"")?.1.split('"').next()?.to_owned();
        Some(Logged { id, refused: !line.contains(" method=") })
    };
    wait::until("the log is written", wait::PROCESS, || {
        let mut requests: Vec<_> = fixture.server.log().lines().filter_map(logged).collect();
        requests.truncate(requests.iter().position(|request| request.id == last)?);
        Some(requests)
    })
}

#[test]
fn every_message_is_served_or_refused_by_the_standard_and_nothing_is_smuggled() {
    let fixture = Fixture::start();
    let cases = corpus::cases(&fixture.ada.basic());
    for case in &cases {
        try_case(&fixture, case);
    }
    let logged = logged_before(&fixture, "last");
    let count = |id: &str| logged.iter().filter(|request| request.id == id).count();
    let served = cases.iter().filter(|case| matches!(case.verdict, Verdict::Served(_))).count();
    assert_eq!(count("next"), served, "requests that followed a good one");
    assert_eq!(count("after"), 0, "a request that followed a bad one was answered");
    assert_eq!(count("smuggled"), 0, "a request within another was answered");
    eprintln!("{} messages, {served} of them good and not the last", cases.len());
}

#[test]
fn bytes_after_an_http_1_0_request_get_a_documented_error() {
    let fixture = Fixture::start();
    let mut connection = connect(&fixture);
    let first = b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    connection.send_bytes(&[first.as_slice(), b"hello there\r\n\r\n"].concat()).expect("the server reads on");
    connection.receive("GET", "-").expect("the server answers").must_succeed("a request of the old version");
    must_be_refused(&connection.receive("GET", "-").expect("the server answers"), &MALFORMED_REQUEST, "words");
    must_be_closed(connection, "words");
}
