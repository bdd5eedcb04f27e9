//! The real server and the command line as the service of a race.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use blackbox::problems::{
    CUSTOMER_NOT_FOUND, DUPLICATE_NAME, ERASURE_IN_PROGRESS, IDEMPOTENCY_KEY_IN_USE, PRECONDITION_FAILED,
};
use blackbox::{CUSTOMERS, Client, Launch, Login, Reply, Request, Server, TestDir, sample};
use serde_json::json;

use super::clients::Service;
use super::registry::{Answer, Call, Customer, Home, Operation};

/// How many accounts there are.
const ACCOUNTS: usize = 2;

/// A registry with one or more servers, each of which is started again whenever it is killed.
pub struct Served<'a> {
    test_dir: &'a TestDir,
    ada: Login,
    /// The prefix of all names of a race, so that races share none.
    label: String,
    servers: Vec<Mutex<Running<'a>>>,
    /// How many sessions there were.
    sessions: AtomicUsize,
}

struct Running<'a> {
    server: Server,
    launch: Box<dyn FnMut() -> Launch + Send + 'a>,
    kills: usize,
}

/// A client of one of the servers; it changes to the next one when a request fails.
pub struct Session {
    client: Client,
    /// The index of the server.
    server: usize,
    /// How often that server had been killed before.
    kills: usize,
}

impl<'a> Running<'a> {
    fn new(mut launch: impl FnMut() -> Launch + Send + 'a) -> Self {
        Self { server: launch().start(), launch: Box::new(launch), kills: 0 }
    }
}

impl<'a> Served<'a> {
    /// Creates a registry in `test_dir`, and starts its server with a command from `launch` each time.
    pub fn new(test_dir: &'a TestDir, launch: impl FnMut() -> Launch + Send + 'a) -> Self {
        let accounts: Vec<_> = (0..ACCOUNTS).map(account_name).collect();
        accounts.iter().for_each(|account| drop(test_dir.account(account)));
        let accounts: Vec<_> = accounts.iter().map(String::as_str).collect();
        test_dir.group("All", &accounts);
        let ada = test_dir.user("ada", accounts[0], &["--group", "All"]);
        let servers = vec![Mutex::new(Running::new(launch))];
        Self { test_dir, ada, label: String::new(), servers, sessions: AtomicUsize::new(0) }
    }

    /// Adds another server of the registry.
    pub fn and(mut self, launch: impl FnMut() -> Launch + Send + 'a) -> Self {
        self.servers.push(Mutex::new(Running::new(launch)));
        self
    }

    /// Gives the next race names of its own.
    pub fn next_race(&mut self, label: &str) {
        self.label = label.to_owned();
    }

    /// Lets the rules of the servers' shims apply from now on.
    pub fn arm(&self) {
        (0..self.servers.len()).for_each(|server| self.running(server).server.signal("USR1"));
    }

    /// How many servers were killed.
    pub fn kills(&self) -> usize {
        (0..self.servers.len()).map(|server| self.running(server).kills).sum()
    }

    fn running(&self, server: usize) -> MutexGuard<'_, Running<'a>> {
        self.servers[server].lock().expect("no client has panicked")
    }

    fn session_with(&self, server: usize) -> Session {
        let server = server % self.servers.len();
        let running = self.running(server);
        Session { client: running.server.client_of(&self.ada), server, kills: running.kills }
    }

    /// Starts the server of a session again, unless another client has done so.
    fn serve_again(&self, session: &Session) {
        let mut running = self.running(session.server);
        if running.kills == session.kills {
            assert_eq!(running.server.wait(), -1, "the server ended, and was not killed");
            running.server = (running.launch)().start();
            running.kills += 1;
        }
    }

    fn exchange(&self, session: &mut Session, operation: &Operation, request: Request) -> Answer {
        if session.kills != self.running(session.server).kills {
            *session = self.session_with(session.server);
        }
        let answer = match session.client.try_send(request) {
            Ok(reply) => self.answer(operation, &reply),
            Err(_) => {
                self.serve_again(session);
                Answer::Lost
            }
        };
        if answer == Answer::Lost {
            *session = self.session_with(session.server + 1);
        }
        answer
    }

    fn answer(&self, operation: &Operation, reply: &Reply) -> Answer {
        let refusals = [
            (&IDEMPOTENCY_KEY_IN_USE, Answer::InProgress),
            (&DUPLICATE_NAME, Answer::Duplicate),
            (&ERASURE_IN_PROGRESS, Answer::Erasing),
            (&CUSTOMER_NOT_FOUND, Answer::NotFound),
            (&PRECONDITION_FAILED, Answer::Stale),
        ];
        match reply.status {
            503 => Answer::Lost,
            200 if matches!(operation.call, Call::Erase(..)) => Answer::Done,
            200 if matches!(operation.call, Call::Get(_)) => Answer::Shown(self.customer(reply)),
            200 => Answer::Written(reply.customer_id(), version(reply)),
            _ => {
                let known = refusals.iter().find(|(problem, _)| reply.is(problem));
                known.unwrap_or_else(|| panic!("{operation:?}: {} {}", reply.status, reply.text())).1
            }
        }
    }

    fn customer(&self, reply: &Reply) -> Customer {
        let shown = reply.json();
        let number = |key: &str, prefix: &str| {
            let number = shown[key].as_str().and_then(|text| text.strip_prefix(prefix)?.parse().ok());
            number.unwrap_or_else(|| panic!("no {prefix:?} and number in {key} of {shown}"))
        };
        let home = Home { account: number("accountName", "Account "), name: number("name", &self.label) };
        Customer { home, version: version(reply), content: number("securityAnswer", &self.label) }
    }

    fn write(&self, method: &str, target: &str, home: Home, operation: &Operation) -> Request {
        let mut body = sample::minimal(&format!("{}{}", self.label, home.name), &account_name(home.account));
        body["securityQuestion"] = json!("Who?");
        body["securityAnswer"] = json!(format!("{}{}", self.label, operation.content));
        let request = Request::new(method, target).json(&body);
        if operation.has_key {
            request.header("Idempotency-Key", &format!("{}{}", self.label.replace(' ', "-"), operation.content))
        } else {
            request
        }
    }

    fn command(&self, command: &[&str], account: usize, refusal: Answer) -> Answer {
        let outcome = self.test_dir.cli(&[&["account"], command, &[&account_name(account)]].concat());
        if outcome.code == 0 {
            return Answer::Done;
        }
        let error = outcome.fails(1);
        if error.contains("is in progress") {
            return refusal;
        }
        let is_lost = ["connection", "unavailable", "unknown"].iter().any(|word| error.contains(word));
        assert!(is_lost, "{command:?} was refused for another reason: {error}");
        Answer::Lost
    }
}

impl Service for Served<'_> {
    type Session = Session;

    fn session(&self) -> Session {
        self.session_with(self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    fn perform(&self, session: &mut Session, operation: &Operation) -> Answer {
        let request = match operation.call {
            Call::RequestErasure(account) => {
                return self.command(&["request-erasure", "--yes"], account, Answer::Erasing);
            }
            Call::CancelErasure(account) => return self.command(&["cancel-erasure"], account, Answer::NotErasing),
            Call::Create(home) => self.write("POST", CUSTOMERS, home, operation),
            Call::Get(id) => Request::new("GET", &format!("{CUSTOMERS}/{id}")),
            Call::Edit(id, home, version) => {
                if_match(self.write("PUT", &format!("{CUSTOMERS}/{id}"), home, operation), version)
            }
            Call::Erase(id, version) => if_match(Request::new("DELETE", &format!("{CUSTOMERS}/{id}")), version),
        };
        self.exchange(session, operation, request)
    }

    fn pause(&self, session: &mut Session) {
        if session.client.try_get("/health/live").is_err() {
            self.serve_again(session);
            *session = self.session_with(session.server);
        }
    }
}

fn if_match(request: Request, version: Option<u64>) -> Request {
    version.iter().fold(request, |request, version| request.header("If-Match", &format!("\"{version}\"")))
}

fn account_name(number: usize) -> String {
    format!("Account {number}")
}

fn version(reply: &Reply) -> u64 {
    let tag = reply.header("etag").and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    tag.unwrap_or_else(|| panic!("no version in {:?}", reply.headers))
}
