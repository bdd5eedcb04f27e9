//! Clients that take their time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use blackbox::connection::is_silence;
use blackbox::{CUSTOMERS, Connection, Request, sample, wait};
use chaos::model::Sent;
use chaos::{Outcome, Scene, process, seed};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::{Value, json};

use super::{Regulars, Slowdown, allowed_connections};

/// How many of them there are.
const SLOW: usize = 2_000;

/// How many more ask much and read slowly: few, because the system keeps megabytes of answers for each of them.
const READERS: usize = 20;

/// How long each of them waits before its next byte.
const PACE: Duration = Duration::from_millis(250);

/// More answers than the buffers between server and client hold.
const QUESTIONS: usize = 1_000;

/// A client that sends byte after byte.
struct Sender {
    connection: Connection,
    /// What became of it: a status, or nothing if the connection was closed.
    end: Option<Option<u16>>,
}

/// A client that has asked much and reads byte after byte.
struct Reader {
    stream: TcpStream,
    cut: bool,
}

impl Sender {
    fn starting(address: SocketAddr, start: &[u8]) -> Self {
        let mut connection = Connection::open(address).expect("the server accepts connections");
        connection.send_bytes(start).expect("the server reads on");
        connection.never_wait();
        Self { connection, end: None }
    }

    /// Sends a byte; whether it is cut off.
    fn step(&mut self) -> bool {
        if self.end.is_none() {
            let _ = self.connection.send_bytes(b" ");
            self.end = match self.connection.receive("POST", "-") {
                Ok(reply) => Some(Some(reply.status)),
                Err(error) if is_silence(&error) => None,
                Err(_) => Some(None),
            };
        }
        self.end.is_some()
    }
}

impl Reader {
    fn asking(address: SocketAddr, questions: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).expect("the server accepts connections");
        set_socket_recv_buffer_size(&stream, 4096).expect("a socket takes a buffer size");
        stream.set_nonblocking(true).expect("a socket can be told not to wait");
        // The server stops reading questions once nobody reads its answers.
        let _ = stream.write_all(questions);
        Self { stream, cut: false }
    }

    /// Reads a byte; whether it is cut off. What was on its way can still be read then, but nothing sent.
    fn step(&mut self) -> bool {
        let _ = self.stream.read(&mut [0]);
        self.cut = self.cut || self.stream.write(b" ").is_err_and(|error| !is_silence(&error));
        self.cut
    }
}

/// A customer whose answers take some kilobytes each.
fn large() -> Value {
    let mut customer = sample::full("Large", "Acme");
    let mut contact = sample::contact("Grace");
    contact["email"] = json!("\u{10348}".repeat(320));
    customer["contacts"] = json!([contact, contact, contact, contact]);
    customer
}

/// All slow clients of a round.
struct Slow {
    headers: Vec<Sender>,
    bodies: Vec<Sender>,
    readers: Vec<Reader>,
}

impl Slow {
    /// Each takes a step; whether all of them are cut off.
    fn step(&mut self) -> bool {
        let senders = self.headers.iter_mut().chain(&mut self.bodies).map(Sender::step);
        // All of them take their step, also behind one that is not cut off yet.
        senders.chain(self.readers.iter_mut().map(Reader::step)).fold(true, |all, cut| all & cut)
    }

    fn must_be_told_why(&self) {
        for sender in &self.headers {
            assert!(matches!(sender.end, Some(None | Some(408))), "a slow header was answered {:?}", sender.end);
        }
        for sender in &self.bodies {
            assert_eq!(sender.end, Some(Some(408)), "what a slow body was answered");
        }
    }
}

#[test]
fn two_thousand_slow_clients_are_cut_off_and_disturb_nobody() {
    let mut regulars = Regulars::of_test("slow clients");
    let mut scene = Scene::new();
    let slow = allowed_connections(SLOW);
    let server = scene.place.launch().config("[timeouts]\nheader_seconds = 2\nbody_seconds = 2\n").start();
    let address = server.address();
    let id = server.client_of(&scene.ada).create(&large()).customer_id();
    scene.stories.push(vec![Sent { request: String::new(), body: large(), outcome: Outcome::Acknowledged(id) }]);
    let header = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let body = Request::new("POST", CUSTOMERS).login(&scene.ada).header("Content-Length", "60000").head();
    let questions = Request::new("GET", &format!("{CUSTOMERS}/{id}")).login(&scene.ada).bytes().repeat(QUESTIONS);
    let mut slowdown = Slowdown::default();
    for _ in 0..seed::rounds(1) {
        slowdown.alone.push(regulars.work(&mut scene, address, 400, |_| {}));
        let mut crowd = Slow {
            readers: (0..READERS).map(|_| Reader::asking(address, &questions)).collect(),
            headers: (0..slow / 2).map(|_| Sender::starting(address, header)).collect(),
            bodies: (0..slow / 2).map(|_| Sender::starting(address, &body)).collect(),
        };
        slowdown.beside.push(regulars.work(&mut scene, address, 100_000, |progress| {
            let mut last = Instant::now();
            wait::until("all of them are cut off", wait::PATIENCE, || {
                let is_time = last.elapsed() >= PACE;
                if is_time {
                    last = Instant::now();
                }
                (is_time && crowd.step()).then_some(())
            });
            progress.end();
        }));
        crowd.must_be_told_why();
    }
    process::must_not_spin(&server, "without its slow clients");
    slowdown.must_be_small(&format!("{slow} slow senders and {READERS} slow readers"));
    server.stop();
    scene.must_hold("after slow clients", &mut regulars.random);
}
