//! Fewer open files than connections.

use blackbox::{CUSTOMERS, Connection, Request, sample, wait};
use chaos::model::Sent;
use chaos::{Outcome, Random, Scene, crowd, process};

use super::PATIENT;

/// How many files the server may have open.
const FILES: usize = 256;

/// How many connections there are.
const CONNECTIONS: usize = 400;

#[test]
fn with_256_open_files_the_server_serves_what_fits_and_then_the_others() {
    let mut random = Random::of_test("open files");
    let mut scene = Scene::new();
    let server = scene.place.launch().config(PATIENT).after_shell(&format!("ulimit -n {FILES}")).start();
    let echo = Request::new("GET", "/rws/api/v1/echo/hello").login(&scene.ada);
    let (mut served, mut refused): (Vec<Connection>, usize) = (Vec::new(), 0);
    for mut connection in crowd::open(server.address(), CONNECTIONS) {
        match connection.exchange(&echo).expect("everybody is answered").status {
            200 => served.push(connection),
            503 => refused += 1,
            other => panic!("an echo was answered {other}"),
        }
    }
    eprintln!("{} connections are served with {FILES} open files, {refused} were told to come back", served.len());
    assert!(served.len() >= FILES / 2, "{} connections are served with {FILES} open files", served.len());
    assert!(refused > 0, "there are more connections than open files");
    process::must_not_spin(&server, "out of open files");
    // The store has what it needs.
    for (number, connection) in served.iter_mut().enumerate() {
        let body = sample::minimal(&format!("Crowded {number}"), "Acme");
        let create = Request::new("POST", CUSTOMERS).login(&scene.ada).json(&body);
        let id = connection.exchange(&create).expect("the server answers").customer_id();
        scene.stories.push(vec![Sent { request: String::new(), body, outcome: Outcome::Acknowledged(id) }]);
    }
    drop(served);
    let client = server.client_of(&scene.ada);
    wait::until("others are served", wait::PATIENCE, || {
        client.try_get("/rws/api/v1/echo/hello").is_ok_and(|reply| reply.status == 200).then_some(())
    });
    assert!(server.log().contains("open files leaves room for fewer connections"), "the log says nothing of it");
    server.stop();
    scene.must_hold("after too few open files", &mut random);
}
