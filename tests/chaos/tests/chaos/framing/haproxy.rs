//! The same messages through a real proxy, which keeps one connection to the server for all its clients.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use blackbox::connection::is_silence;
use blackbox::{Connection, Fixture, Request, wait};

use super::{corpus, logged_before};

/// Longer than the proxy waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running proxy, killed when dropped; it gives every request that it lets pass an id.
struct Proxy {
    child: Child,
    front: PathBuf,
    log: PathBuf,
}

/// A request that the proxy has passed on.
struct Passed {
    id: String,
    /// Whether request and answer came through to their ends.
    whole: bool,
}

impl Proxy {
    /// Starts one in `directory`; a lenient one lets pass what is not quite a request.
    fn start(directory: &Path, server: SocketAddr, lenient: bool) -> Self {
        let (front, log) = (directory.join("proxy.sock"), directory.join("proxy.log"));
        let leniency = if lenient { "option accept-invalid-http-request" } else { "" };
        let configuration = format!(
            "global
              log stdout format raw daemon
            defaults
              mode http
              log global
              timeout connect 5s
              timeout client 5s
              timeout server 5s
              timeout http-request 2s
              option http-keep-alive
              http-reuse always
              {leniency}
            frontend front
              bind unix@{}
              http-request del-header X-Request-Id
              unique-id-format passed-%rt
              unique-id-header X-Request-Id
              log-format \"%ID %s %ts\"
              default_backend back
            backend back
              server carnelian {server} maxconn 1\n",
            front.display()
        );
        let path = directory.join("proxy.cfg");
        fs::write(&path, configuration).expect("a file can be written");
        let output = File::create(&log).expect("a file can be made");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(path).stdin(Stdio::null()).stdout(output).stderr(Stdio::inherit());
        let child = command.spawn().expect("this test needs haproxy, of the Debian package of that name");
        let proxy = Self { child, front, log };
        wait::until("the proxy listens", wait::PROCESS, || UnixStream::connect(&proxy.front).ok());
        proxy
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.front).expect("the proxy accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        stream
    }

    /// Sends bytes on a new connection, and reads until it is closed.
    fn send(&self, bytes: &[u8], name: &str) {
        let mut stream = self.connect();
        // The proxy may have had enough before the end.
        let _ = stream.write_all(bytes);
        let mut answers = Vec::new();
        let silent = stream.read_to_end(&mut answers).is_err_and(|error| is_silence(&error));
        assert!(!silent, "{name}: the proxy does not close");
    }

    /// What has been passed on, once the log names `last`.
    fn passed(&self, last: &str) -> Vec<Passed> {
        let log = wait::until("the proxy's log is written", wait::PROCESS, || {
            let log = fs::read_to_string(&self.log).ok()?;
            log.lines().any(|line| line.split(' ').next() == Some(last)).then_some(log)
        });
        let passed = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
            [id, "carnelian", end] => Some(Passed { id: id.to_owned(), whole: end == "--" }),
            _ => None,
        };
        log.lines().filter_map(passed).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends every message through a proxy, each together with a request of another client.
fn nothing_is_smuggled(lenient: bool) {
    let fixture = Fixture::start_with(|launch| launch.args(&["--timeouts-body-seconds", "2"]));
    let before = logged_before(&fixture, "first").len() + 1;
    let proxy = Proxy::start(fixture.test_dir.root(), fixture.server.address(), lenient);
    let mut victim = Connection::over(proxy.connect());
    // The connection is closed if this is read as a request, and also if it is refused.
    let follow_up = Request::new("GET", "/health/live").header("Connection", "close").bytes();
    let mut last = String::new();
    for (number, case) in corpus::cases(&fixture.ada.basic()).iter().enumerate() {
        proxy.send(&[case.bytes.as_slice(), &follow_up].concat(), &case.name);
        let target = format!("/rws/api/v1/echo/{number}");
        let reply = victim.exchange(&Request::new("GET", &target).login(&fixture.ada));
        let reply = reply.unwrap_or_else(|error| panic!("after {}: {error}", case.name));
        reply.must_succeed(&case.name);
        assert_eq!(reply.json()["context"], number.to_string(), "after {}: another's answer", case.name);
        last = reply.header("x-request-id").expect("every answer has an id").to_owned();
    }
    let passed = proxy.passed(&last);
    let logged = logged_before(&fixture, "last").split_off(before);
    let whole = passed.iter().filter(|request| request.whole).count();
    let (passed_on, seen) = (passed.len(), logged.len());
    eprintln!("{passed_on} requests passed the proxy, {whole} of them whole; the server saw {seen}");
    assert!((whole..=passed_on).contains(&seen), "{passed_on} requests passed the proxy, and the server saw {seen}");
    let mut ids = HashSet::new();
    for request in logged.iter().filter(|request| !request.refused) {
        let id = &request.id;
        assert!(passed.iter().any(|passed| passed.id == *id), "the server saw {id}, which the proxy did not pass on");
        assert!(ids.insert(id), "the server saw {id} twice");
    }
}

#[test]
fn nothing_is_smuggled_past_a_proxy() {
    nothing_is_smuggled(false);
}

#[test]
fn nothing_is_smuggled_past_a_lenient_proxy() {
    nothing_is_smuggled(true);
}
