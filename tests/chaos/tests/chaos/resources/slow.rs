//! Slow clients.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use blackbox::connection::is_silence;
use blackbox::{CUSTOMERS, Connection, Request, sample, wait};
use chaos::model::Sent;
use chaos::{Outcome, TestRegistry, process, seed};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::{Value, json};

use super::{OrdinaryLoad, Slowdown, allowed_connections};

/// How many clients send slowly.
const SLOW: usize = 2_000;

/// How many clients send many requests and read slowly: few, because the system buffers megabytes for each of them.
const READERS: usize = 20;

/// The interval between two bytes of a client.
const PACE: Duration = Duration::from_millis(250);

/// How many requests a slow reader sends: their responses exceed the buffers between server and client.
const REQUESTS: usize = 1_000;

/// A client that sends byte after byte.
struct Sender {
    connection: Connection,
    /// How it ended: a status, or `None` if the connection was closed.
    end: Option<Option<u16>>,
}

/// A client that has sent many requests and reads byte after byte.
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

    /// Sends a byte; whether the client is disconnected.
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
    fn asking(address: SocketAddr, requests: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).expect("the server accepts connections");
        set_socket_recv_buffer_size(&stream, 4096).expect("a socket takes a buffer size");
        stream.set_nonblocking(true).expect("a socket can be made non-blocking");
        // The server stops reading requests while its responses are not read.
        let _ = stream.write_all(requests);
        Self { stream, cut: false }
    }

    /// Reads a byte; whether the client is disconnected. Buffered bytes can still be read then, but none sent.
    fn step(&mut self) -> bool {
        let _ = self.stream.read(&mut [0]);
        self.cut = self.cut || self.stream.write(b" ").is_err_and(|error| !is_silence(&error));
        self.cut
    }
}

/// A customer of some kilobytes.
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
    /// Runs a step of each client; whether all of them are disconnected.
    fn step(&mut self) -> bool {
        let senders = self.headers.iter_mut().chain(&mut self.bodies).map(Sender::step);
        // `fold` does not stop at the first client that is still connected.
        senders.chain(self.readers.iter_mut().map(Reader::step)).fold(true, |all, cut| all & cut)
    }

    fn must_have_timed_out(&self) {
        for sender in &self.headers {
            assert!(matches!(sender.end, Some(None | Some(408))), "a slow header was answered {:?}", sender.end);
        }
        for sender in &self.bodies {
            assert_eq!(sender.end, Some(Some(408)), "the response to a slow body");
        }
    }
}

#[test]
fn two_thousand_slow_clients_are_disconnected_and_do_not_slow_down_others() {
    let mut ordinary = OrdinaryLoad::of_test("slow clients");
    let mut registry = TestRegistry::new();
    let slow = allowed_connections(SLOW);
    let server = registry.test_dir.launch().config("[timeouts]\nheader_seconds = 2\nbody_seconds = 2\n").start();
    let address = server.address();
    let id = server.client_of(&registry.ada).create(&large()).customer_id();
    registry.histories.push(vec![Sent { request: String::new(), body: large(), outcome: Outcome::Acknowledged(id) }]);
    let header = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let body = Request::new("POST", CUSTOMERS).login(&registry.ada).header("Content-Length", "60000").head();
    let requests = Request::new("GET", &format!("{CUSTOMERS}/{id}")).login(&registry.ada).bytes().repeat(REQUESTS);
    let mut slowdown = Slowdown::default();
    for _ in 0..seed::rounds(1) {
        slowdown.alone.push(ordinary.run(&mut registry, address, 400, |_| {}));
        let mut clients = Slow {
            readers: (0..READERS).map(|_| Reader::asking(address, &requests)).collect(),
            headers: (0..slow / 2).map(|_| Sender::starting(address, header)).collect(),
            bodies: (0..slow / 2).map(|_| Sender::starting(address, &body)).collect(),
        };
        slowdown.under_load.push(ordinary.run(&mut registry, address, 100_000, |progress| {
            let mut last = Instant::now();
            wait::until("all of them are disconnected", wait::PATIENCE, || {
                let is_time = last.elapsed() >= PACE;
                if is_time {
                    last = Instant::now();
                }
                (is_time && clients.step()).then_some(())
            });
            progress.end();
        }));
        clients.must_have_timed_out();
    }
    process::must_not_spin(&server, "without its slow clients");
    slowdown.must_be_small(&format!("{slow} slow senders and {READERS} slow readers"));
    server.stop();
    registry.must_hold("after slow clients", &mut ordinary.random);
}
