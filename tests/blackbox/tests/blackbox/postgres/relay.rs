//! Forwards connections to the database until it is stopped, and then holds back what arrives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A relay on a port of its own. Its threads end with the connections.
pub struct Relay {
    port: u16,
    stopped: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_stopped: Mutex<bool>,
    changed: Condvar,
}

impl Relay {
    /// Starts one in front of the database of a URL of `test_postgres`.
    pub fn start(url: &str) -> Self {
        let directory = url.split_once("host=").expect("the URL names a directory").1;
        let socket = format!("{}/.s.PGSQL.5432", directory.split('&').next().unwrap_or_default());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let stopped = Arc::<Gate>::default();
        let gate = stopped.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                let both = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                let (up, down) = (gate.clone(), gate.clone());
                thread::spawn(move || {
                    up.forward(client, &server);
                    let _ = server.shutdown(Shutdown::Both);
                });
                thread::spawn(move || {
                    down.forward(both.1, &both.0);
                    let _ = both.0.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, stopped }
    }

    /// The URL of the same database behind the relay.
    pub fn url(&self, url: &str) -> String {
        let database = url.strip_prefix("postgres:///").and_then(|rest| rest.split('?').next()).expect("a URL");
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Holds back everything from now on, on connections that stay open.
    pub fn stop(&self) {
        self.set(true);
    }

    /// Forwards what was held back, and what follows.
    pub fn resume(&self) {
        self.set(false);
    }

    fn set(&self, is_stopped: bool) {
        *self.stopped.is_stopped.lock().expect("nothing panics") = is_stopped;
        self.stopped.changed.notify_all();
    }
}

impl Gate {
    /// Copies until one end closes.
    fn forward(&self, mut from: impl Read, mut to: impl Write) {
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let is_stopped = self.is_stopped.lock().expect("nothing panics");
            drop(self.changed.wait_while(is_stopped, |is_stopped| *is_stopped).expect("nothing panics"));
            if to.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    }
}
