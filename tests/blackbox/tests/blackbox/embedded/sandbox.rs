//! `carnelian serve --sandbox`, and the paths that only a sandbox has.

mod clock;
mod directory;
mod faults;
mod guide;
mod refused;
mod reset;
mod seed;
mod start;
mod strict;

use blackbox::{Client, Login, Reply, Request, Server, TestDir};
use serde_json::Value;

const RESET: &str = "/sandbox/v1/reset";
const CLOCK: &str = "/sandbox/v1/clock";
const FAULTS: &str = "/sandbox/v1/faults";

/// A running sandbox; its server comes first, so that it stops before its directory is removed.
struct Sandbox {
    server: Server,
    test_dir: TestDir,
}

impl Sandbox {
    /// Starts one from the usual seed.
    fn start() -> Sandbox {
        Sandbox::start_with(&[])
    }

    fn start_with(arguments: &[&str]) -> Sandbox {
        let test_dir = TestDir::embedded();
        let server = launch(&test_dir, arguments);
        Sandbox { server, test_dir }
    }

    /// Starts one from a seed of its own.
    fn seeded(seed: &str) -> Sandbox {
        let test_dir = TestDir::embedded();
        test_dir.write("seed.toml", seed);
        let server = launch(&test_dir, &["--seed", "seed.toml"]);
        Sandbox { server, test_dir }
    }

    /// A user of the usual seed, who may write in `Acme` and `Acme Europe`.
    fn ann(&self) -> Client {
        self.server.client_of(&ann())
    }

    /// A user of the usual seed, who may write in `Globex`.
    fn gus(&self) -> Client {
        self.server.client_of(&login("gus", "00000000-0000-4000-8000-000000000003"))
    }

    /// Sends a request to a path that needs no credentials.
    #[track_caller]
    fn call(&self, method: &str, path: &str) -> Value {
        let reply = self.server.client().send(Request::new(method, path));
        reply.must_succeed(path);
        reply.json()
    }

    #[track_caller]
    fn try_set(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.server.client().send(Request::new(method, path).json(body))
    }

    /// Sets the clock.
    #[track_caller]
    fn set_clock(&self, body: &Value) -> Value {
        let reply = self.try_set("PUT", CLOCK, body);
        reply.must_succeed("a clock");
        reply.json()
    }

    /// Asks for a fault.
    #[track_caller]
    fn add_fault(&self, body: &Value) -> Value {
        let reply = self.try_set("POST", FAULTS, body);
        reply.must_succeed("a fault");
        reply.json()
    }

    /// How many faults are to come.
    #[track_caller]
    fn faults(&self) -> usize {
        self.call("GET", FAULTS)["faults"].as_array().expect("a list").len()
    }

    #[track_caller]
    fn reset(&self) -> Value {
        self.call("POST", RESET)
    }
}

fn launch(test_dir: &TestDir, arguments: &[&str]) -> Server {
    test_dir.launch().bare().args(&["--sandbox", "--listen", "127.0.0.1:0"]).args(arguments).start()
}

fn login(user: &str, key: &str) -> Login {
    Login { user: user.into(), key: key.into() }
}

fn ann() -> Login {
    login("ann", "00000000-0000-4000-8000-000000000001")
}

/// The customers that a client can list.
#[track_caller]
fn customers(client: &Client) -> Vec<Value> {
    let reply = client.get(blackbox::CUSTOMERS);
    reply.must_succeed("a list");
    reply.json()["customers"].as_array().expect("a list").clone()
}
