//! Connections on which nothing happens.

use blackbox::Request;
use chaos::{Scene, crowd, process, seed};

use super::{PATIENT, Regulars, Slowdown, allowed_connections};

/// How many connections are idle.
const IDLE: usize = 10_000;

/// The most memory that the server may ever have with them, in bytes: some 20 KiB for each of them.
const MEMORY: u64 = 300 << 20;

#[test]
fn ten_thousand_idle_connections_disturb_nobody() {
    let mut regulars = Regulars::of_test("idle connections");
    let mut scene = Scene::new();
    let idle = allowed_connections(IDLE);
    let config = format!("limits.connections = {}\n{PATIENT}", IDLE + 100);
    // The server itself raises a limit of open files that is too low.
    let server = scene.place.launch().config(&config).after_shell("ulimit -S -n 1024").start();
    let address = server.address();
    let live = Request::new("GET", "/health/live");
    let mut slowdown = Slowdown::default();
    for _ in 0..seed::rounds(1) {
        slowdown.alone.push(regulars.work(&mut scene, address, 400, |_| {}));
        let mut crowd = crowd::open(address, idle);
        // Every other one has asked something before.
        for connection in crowd.iter_mut().step_by(2) {
            connection.exchange(&live).expect("the server answers").must_succeed("one of the crowd");
        }
        process::must_not_spin(&server, &format!("{idle} idle connections"));
        slowdown.beside.push(regulars.work(&mut scene, address, 400, |_| {}));
        for connection in &mut crowd {
            connection.exchange(&live).expect("the connection was kept").must_succeed("one of the crowd");
        }
    }
    let memory = process::peak_memory(&server);
    eprintln!("{idle} idle connections take {} MiB", memory >> 20);
    assert!(memory < MEMORY, "{idle} idle connections take {} MiB", memory >> 20);
    slowdown.must_be_small(&format!("{idle} idle connections"));
    server.stop();
    scene.must_hold("after idle connections", &mut regulars.random);
}
