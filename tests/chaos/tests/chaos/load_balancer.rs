//! Two servers of one database behind haproxy, under load while they are killed, restarted, drained and upgraded: what
//! clients see is nothing that sending a request again does not cure.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use blackbox::{CUSTOMERS, Connection, Login, Reply, Request, Server, TestDir, sample, wait};
use chaos::{Action, Rule, Shim};
use test_postgres::run_sql;

/// How many clients there are.
const CLIENTS: usize = 4;

/// How many requests must succeed after each thing that happens to a server.
const SUCCESSES: usize = 60;

/// A running haproxy, killed when dropped.
struct LoadBalancer {
    child: Child,
    front: PathBuf,
}

impl LoadBalancer {
    /// Starts one in `directory` that asks the servers whether they are ready.
    fn start(directory: &Path, servers: &[Server; 2]) -> Self {
        let front = directory.join("balancer.sock");
        let [one, two] = servers.each_ref().map(Server::address);
        let configuration = format!(
            "defaults
              mode http
              timeout connect 2s
              timeout client 20s
              timeout server 20s
              option redispatch
            frontend front
              bind unix@{}
              default_backend back
            backend back
              balance roundrobin
              option httpchk GET /health/ready
              http-check expect status 200
              default-server check inter 100ms fall 2 rise 1
              server one {one}
              server two {two}\n",
            front.display()
        );
        let path = directory.join("balancer.cfg");
        fs::write(&path, configuration).expect("a file can be written");
        let output = File::create(directory.join("balancer.log")).expect("a file can be made");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let child = command.spawn().expect("this test needs haproxy, of the Debian package of that name");
        let balancer = Self { child, front };
        wait::until("haproxy listens", wait::PROCESS, || UnixStream::connect(&balancer.front).ok());
        balancer
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the clients share.
struct Load<'a> {
    front: &'a Path,
    login: &'a Login,
    successes: AtomicUsize,
    is_over: AtomicBool,
    /// How often each error was seen.
    errors: Mutex<BTreeMap<String, usize>>,
}

/// Ends the load when it is dropped, so that a test that panics does not wait for the clients.
struct EndOfLoad<'a>(&'a AtomicBool);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load<'_> {
    /// Waits until requests have succeeded that were not yet sent.
    fn must_go_on(&self, after: &str) {
        let enough = self.successes.load(Ordering::Relaxed) + CLIENTS + SUCCESSES;
        let what = format!("requests succeed after {after}");
        wait::until(&what, wait::PATIENCE, || (self.successes.load(Ordering::Relaxed) >= enough).then_some(()));
    }

    /// Creates and edits customers until the load is over; returns each with how often it was edited.
    fn run(&self, client: usize) -> Vec<(u64, usize)> {
        let (mut connection, mut customers) = (None, Vec::new());
        while !self.is_over.load(Ordering::Relaxed) {
            let name = format!("Customer {client}-{}", customers.len());
            let body = sample::full(&name, "Acme");
            let key = format!("{client}-{}", customers.len());
            let create = Request::new("POST", CUSTOMERS).json(&body);
            let id = self.send(&mut connection, create, &key).customer_id();
            let edits = customers.len() % 3;
            for edit in 0..edits {
                let edited = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).json(&body);
                self.send(&mut connection, edited, &format!("{key}-{edit}"));
            }
            customers.push((id, edits));
        }
        customers
    }

    fn connect(&self) -> Connection<UnixStream> {
        let stream = UnixStream::connect(self.front).expect("haproxy accepts connections");
        stream.set_read_timeout(Some(wait::PROCESS)).expect("a socket takes a timeout");
        Connection::over(stream)
    }

    /// Sends a request until it succeeds.
    fn send(&self, connection: &mut Option<Connection<UnixStream>>, request: Request, key: &str) -> Reply {
        let request = request.login(self.login).header("Idempotency-Key", key);
        wait::until("a request succeeds", wait::PATIENCE, || {
            let mut open = connection.take().unwrap_or_else(|| self.connect());
            // The pages of the load balancer are not held to what all answers of the server have.
            let sent = open.send_bytes(&request.bytes());
            let error = match sent.and_then(|()| open.receive_one(&request.method)) {
                Ok(reply) if reply.status == 200 => {
                    let closes = reply.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                    *connection = (!closes).then_some(open);
                    self.successes.fetch_add(1, Ordering::Relaxed);
                    return Some(reply);
                }
                Ok(reply) => {
                    assert!([502, 503, 504].contains(&reply.status), "{key}: {} {}", reply.status, reply.text());
                    reply.status.to_string()
                }
                Err(_) => "no answer".to_owned(),
            };
            *self.errors.lock().expect("no client has panicked").entry(error).or_default() += 1;
            None
        })
    }
}

/// Starts a server where another one was.
fn start_again(test_dir: &TestDir, address: &str) -> Server {
    let data = test_dir.data();
    let data = data.to_str().expect("the paths of these tests are plain");
    test_dir.launch().bare().args(&["--data", data, "--listen", address]).start()
}

#[test]
fn clients_that_send_again_survive_kills_restarts_drains_and_upgrades_behind_a_load_balancer() {
    let one = TestDir::in_database();
    one.account("Acme");
    let ada = one.user("ada", "Acme", &[]);
    let two = one.beside();
    // Killed when a write is committed and its answer about to leave.
    let rule = Rule { action: Action::KillBefore, kind: "send", suffix: "ack", number: 10 };
    let killed = Shim::new(&one.data()).rule(&rule).armed_by_signal().under(one.launch());
    let servers = [killed.start(), two.serve()];
    let addresses = servers.each_ref().map(|server| server.address().to_string());
    let balancer = LoadBalancer::start(one.root(), &servers);
    let load = Load {
        front: &balancer.front,
        login: &ada,
        successes: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
        errors: Mutex::default(),
    };
    let (customers, servers) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn({
                    let load = &load;
                    move || load.run(client)
                })
            })
            .collect();
        let end = EndOfLoad(&load.is_over);
        let [mut first, second] = servers;
        load.must_go_on("the start");
        first.signal("USR1");
        assert_eq!(first.wait(), -1, "it is killed");
        load.must_go_on("the kill of one server");
        let first = start_again(&one, &addresses[0]);
        load.must_go_on("its restart");
        second.stop();
        load.must_go_on("the stop of the other one");
        let second = start_again(&two, &addresses[1]);
        load.must_go_on("its restart");
        run_sql(&one.database(), "UPDATE schema SET version = version + 1");
        load.must_go_on("a migration");
        first.stop();
        let first = start_again(&one, &addresses[0]);
        load.must_go_on("the upgrade of one server");
        second.stop();
        let second = start_again(&two, &addresses[1]);
        load.must_go_on("the upgrade of the other one");
        drop(end);
        let customers: Vec<_> = clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
        (customers, [first, second])
    });
    eprintln!("{} customers; errors: {:?}", customers.len(), load.errors.lock().expect("no client has panicked"));
    for (number, (id, edits)) in customers.iter().enumerate() {
        let reply = servers[number % 2].client_of(&ada).read(*id);
        reply.must_succeed("what was acknowledged is there, on both servers");
        assert_eq!(reply.header("etag"), Some(&*format!("\"{}\"", edits + 1)), "each edit was made once");
    }
    let stored = run_sql(&one.database(), "SELECT count(*) FROM customer");
    assert_eq!(stored, customers.len().to_string(), "nothing was made twice");
    one.cli(&["audit", "verify"]).done();
}
