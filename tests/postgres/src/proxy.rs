//! A proxy of PostgreSQL's protocol that makes one fault at a chosen message of a transaction.
//!
//! It knows how messages are framed, where transactions begin and end, and nothing else of what it forwards.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A message at which a fault is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The message with this number, from 1, of the transactions that begin from now on, in either direction.
    Message(usize),
    /// The next `COMMIT`.
    Commit,
    /// The answer to the next `COMMIT`.
    CommitAnswer,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut before the message is forwarded.
    CutBefore,
    /// The connection is cut after the message was forwarded.
    CutAfter,
    /// The message is forwarded later.
    Delay(Duration),
    /// The answer is replaced by an error with this SQLSTATE. After an error that ends sessions the connection is cut. A
    /// `COMMIT` whose error says that the transaction was undone becomes a `ROLLBACK`.
    Error(&'static str),
    /// A `COMMIT` is acknowledged without being forwarded, and the connection is cut.
    AnswerCommit,
    /// The message is held back until [`Proxy::release`].
    Hold,
}

/// The errors that say that a transaction was undone.
const UNDONE: [&str; 3] = ["40001", "40P01", "55P03"];

/// The errors that end a session.
const FATAL: [&str; 3] = ["57P01", "08006", "25P03"];

/// A proxy in front of a server's socket. Its threads end with their connections.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    plan: Mutex<Option<(Point, Fault)>>,
    /// How many messages of transactions were seen since the last [`Proxy::arm`].
    messages: AtomicUsize,
    hides_notices: AtomicBool,
    held: Mutex<Held>,
    released: Condvar,
}

/// What is held back.
#[derive(Default)]
struct Held {
    /// The message of [`Fault::Hold`].
    one: bool,
    /// Every message.
    all: bool,
}

impl Proxy {
    /// A proxy in front of the server with a database of this module.
    pub fn before(url: &str) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let socket = PathBuf::from(super::directory_of(url)).join(".s.PGSQL.5432");
        let shared = Arc::<Shared>::default();
        let proxy = Proxy { port, shared: shared.clone() };
        thread::spawn(move || {
            for client in listener.incoming() {
                // A server that is not there, or a client that left, ends this connection alone.
                if let (Ok(client), Ok(server)) = (client, UnixStream::connect(&socket)) {
                    let _ = forward(&shared, client, server);
                }
            }
        });
        proxy
    }

    /// The URL of a database of this module, by way of the proxy.
    pub fn url(&self, url: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, super::name_of(url))
    }

    /// Makes a fault once, at a point from now on.
    pub fn arm(&self, point: Point, fault: Fault) {
        self.shared.messages.store(0, Ordering::SeqCst);
        *lock(&self.shared.plan) = Some((point, fault));
    }

    /// Takes back a fault that was not made; whether there was one.
    pub fn disarm(&self) -> bool {
        lock(&self.shared.plan).take().is_some()
    }

    /// Whether the fault was made.
    pub fn has_happened(&self) -> bool {
        lock(&self.shared.plan).is_none()
    }

    /// How many messages of transactions were seen since the last [`Proxy::arm`].
    pub fn messages(&self) -> usize {
        self.shared.messages.load(Ordering::SeqCst)
    }

    /// Hides every notice and warning from now on.
    pub fn hide_notices(&self) {
        self.shared.hides_notices.store(true, Ordering::SeqCst);
    }

    /// Holds back every message from now on. Connections are accepted.
    pub fn hold(&self) {
        lock(&self.shared.held).all = true;
    }

    /// Forwards what was held back.
    pub fn release(&self) {
        *lock(&self.shared.held) = Held::default();
        self.shared.released.notify_all();
    }
}

impl Shared {
    fn wait_while(&self, is_held: impl Fn(&Held) -> bool) {
        let released = self.released.wait_while(lock(&self.held), |held| is_held(held));
        drop(released.expect("no thread panics with the lock"));
    }
}

/// A connection of a client, and the one to the server that belongs to it.
struct Link {
    shared: Arc<Shared>,
    /// Both directions write to the client: one forwards, the other one may make up an answer.
    client: Mutex<TcpStream>,
    server: UnixStream,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether a transaction is open, or about to be.
    in_transaction: bool,
    is_committing: bool,
    /// The error that replaces what comes until the server is ready for the next query.
    replaced_by: Option<&'static str>,
}

/// A message: its type, which the first one of a connection lacks, and all of its bytes.
struct Message {
    kind: Option<u8>,
    bytes: Vec<u8>,
}

/// Forwards a connection in both directions on threads of their own.
fn forward(shared: &Arc<Shared>, client: TcpStream, server: UnixStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut from_client, mut from_server) = (client.try_clone()?, server.try_clone()?);
    let link = Link { shared: shared.clone(), client: Mutex::new(client), server, state: Mutex::default() };
    let link = Arc::new(link);
    let answering = link.clone();
    thread::spawn(move || {
        let mut is_first = true;
        while let Ok(message) = Message::read(&mut from_client, !is_first) {
            is_first = false;
            if link.forward_request(message).is_err() {
                break;
            }
        }
        link.cut();
    });
    thread::spawn(move || {
        while let Ok(message) = Message::read(&mut from_server, true) {
            if answering.forward_answer(message).is_err() {
                break;
            }
        }
        answering.cut();
    });
    Ok(())
}

impl Message {
    fn read(from: &mut impl Read, has_kind: bool) -> io::Result<Message> {
        let head = if has_kind { 5 } else { 4 };
        let mut bytes = vec![0; head];
        from.read_exact(&mut bytes)?;
        let length = u32::from_be_bytes(bytes[head - 4..].try_into().expect("four bytes")) as usize;
        bytes.resize(head - 4 + length, 0);
        from.read_exact(&mut bytes[head..])?;
        Ok(Message { kind: has_kind.then(|| bytes[0]), bytes })
    }

    fn new(kind: u8, content: &[u8]) -> Message {
        let length = (content.len() as u32 + 4).to_be_bytes();
        Message { kind: Some(kind), bytes: [&[kind], &length[..], content].concat() }
    }

    /// An error with a SQLSTATE.
    fn error(code: &str) -> Message {
        let severity = if FATAL.contains(&code) { "FATAL" } else { "ERROR" };
        Message::new(b'E', format!("S{severity}\0V{severity}\0C{code}\0Minjected\0\0").as_bytes())
    }

    /// Whether it is a query that begins with a word.
    fn is_query(&self, word: &str) -> bool {
        self.kind == Some(b'Q') && self.bytes[5..].starts_with(word.as_bytes())
    }
}

impl Link {
    fn forward_request(&self, message: Message) -> io::Result<()> {
        self.shared.wait_while(|held| held.all);
        let is_commit = message.is_query("COMMIT");
        {
            let mut state = lock(&self.state);
            state.in_transaction |= message.is_query("BEGIN");
            state.is_committing |= is_commit;
        }
        let fault = self.fault_at(is_commit.then_some(Point::Commit));
        self.make(fault, &message, is_commit, |message| (&self.server).write_all(&message.bytes))
    }

    fn forward_answer(&self, message: Message) -> io::Result<()> {
        self.shared.wait_while(|held| held.all);
        if message.kind == Some(b'N') && self.shared.hides_notices.load(Ordering::SeqCst) {
            return Ok(());
        }
        let is_answer_to_commit = message.kind == Some(b'C') && lock(&self.state).is_committing;
        let fault = self.fault_at(is_answer_to_commit.then_some(Point::CommitAnswer));
        self.make(fault, &message, false, |message| self.answer(message))?;
        // Idle: neither in a transaction nor in one that has failed.
        if message.kind == Some(b'Z') && message.bytes.ends_with(b"I") {
            let mut state = lock(&self.state);
            (state.in_transaction, state.is_committing) = (false, false);
        }
        Ok(())
    }

    /// The fault of a message, if it is the one that was chosen.
    fn fault_at(&self, point: Option<Point>) -> Option<Fault> {
        if !lock(&self.state).in_transaction {
            return None;
        }
        let mut plan = lock(&self.shared.plan);
        let number = self.shared.messages.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = plan.filter(|(at, _)| *at == Point::Message(number) || Some(*at) == point)?;
        *plan = None;
        Some(fault.1)
    }

    /// Sends a message, or makes a fault of it.
    #[expect(clippy::disallowed_methods, reason = "a delay is the fault itself")]
    fn make(
        &self,
        fault: Option<Fault>,
        message: &Message,
        is_commit: bool,
        send: impl Fn(&Message) -> io::Result<()>,
    ) -> io::Result<()> {
        match fault {
            None => send(message),
            Some(Fault::CutBefore) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Fault::CutAfter) => {
                send(message)?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Fault::Delay(time)) => {
                // The delay is the fault that is injected; no condition is waited for.
                thread::sleep(time);
                send(message)
            }
            Some(Fault::Error(code)) => {
                lock(&self.state).replaced_by = Some(code);
                let rollback = Message::new(b'Q', b"ROLLBACK\0");
                send(if is_commit && UNDONE.contains(&code) { &rollback } else { message })
            }
            Some(Fault::AnswerCommit) => {
                self.answer(&Message::new(b'C', b"COMMIT\0"))?;
                self.answer(&Message::new(b'Z', b"I"))?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Fault::Hold) => {
                lock(&self.shared.held).one = true;
                self.shared.wait_while(|held| held.one);
                send(message)
            }
        }
    }

    /// Sends an answer, or the error that replaces it.
    fn answer(&self, message: &Message) -> io::Result<()> {
        let code = lock(&self.state).replaced_by;
        let mut client = lock(&self.client);
        match code {
            None => client.write_all(&message.bytes),
            Some(code) if message.kind == Some(b'Z') => {
                client.write_all(&Message::error(code).bytes)?;
                if FATAL.contains(&code) {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                lock(&self.state).replaced_by = None;
                client.write_all(&message.bytes)
            }
            Some(_) => Ok(()),
        }
    }

    /// Ends both connections.
    fn cut(&self) {
        let _ = lock(&self.client).shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics with the lock")
}
