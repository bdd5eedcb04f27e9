//! Idle connections.

use blackbox::Request;
use chaos::{TestRegistry, crowd, process, seed};

use super::{LONG_TIMEOUTS, OrdinaryLoad, Slowdown, allowed_connections};

/// How many connections are idle.
const IDLE: usize = 10_000;

/// The peak memory that the server may use, in bytes: about 20 KiB for each connection.
const MEMORY: u64 = 300 << 20;

#[test]
fn ten_thousand_idle_connections_do_not_slow_down_others() {
    let mut ordinary = OrdinaryLoad::of_test("idle connections");
    let mut registry = TestRegistry::new();
    let idle = allowed_connections(IDLE);
    let config = format!("limits.connections = {0}\nlimits.connections_per_address = {0}\n{LONG_TIMEOUTS}", IDLE + 100);
    // The server raises the soft limit of open files itself.
    let server = registry.test_dir.launch().config(&config).after_shell("ulimit -S -n 1024").start();
    let address = server.address();
    let live = Request::new("GET", "/health/live");
    let mut slowdown = Slowdown::default();
    for _ in 0..seed::rounds(1) {
        slowdown.alone.push(ordinary.run(&mut registry, address, 400, |_| {}));
        let mut connections = crowd::open(address, idle);
        // Every second connection has sent a request before.
        for connection in connections.iter_mut().step_by(2) {
            connection.exchange(&live).expect("the server answers").must_succeed("a request on an idle connection");
        }
        process::must_not_spin(&server, &format!("{idle} idle connections"));
        slowdown.under_load.push(ordinary.run(&mut registry, address, 400, |_| {}));
        for connection in &mut connections {
            connection
                .exchange(&live)
                .expect("the connection was kept")
                .must_succeed("a request on an idle connection");
        }
    }
    let memory = process::peak_memory(&server);
    eprintln!("{idle} idle connections take {} MiB", memory >> 20);
    assert!(memory < MEMORY, "{idle} idle connections take {} MiB", memory >> 20);
    slowdown.must_be_small(&format!("{idle} idle connections"));
    server.stop();
    registry.must_hold("after idle connections", &mut ordinary.random);
}
