//! Fewer open files than connections.

use blackbox::{CUSTOMERS, Client, Connection, Request, Server, sample, wait};
use chaos::model::Sent;
use chaos::{Outcome, Scene, crowd, process, seed};

use super::{PATIENT, Regulars, Slowdown};

/// What everybody asks for who is to be served.
const ECHO: &str = "/rws/api/v1/echo/hello";

/// How many files the server may have open.
const FILES: usize = 256;

/// How many connections there are.
const CONNECTIONS: usize = 400;

/// How many of those who are served go, and make room for regular customers.
const GOING: usize = 16;

/// Opens more connections than the server has files for; those that are served, after all were answered.
fn fill(server: &Server, echo: &Request) -> Vec<Connection> {
    let (mut served, mut refused): (Vec<Connection>, usize) = (Vec::new(), 0);
    for mut connection in crowd::open(server.address(), CONNECTIONS) {
        match connection.exchange(echo).expect("everybody is answered").status {
            200 => served.push(connection),
            503 => refused += 1,
            other => panic!("an echo was answered {other}"),
        }
    }
    eprintln!("{} connections are served with {FILES} open files, {refused} were told to come back", served.len());
    assert!(served.len() >= FILES / 2, "{} connections are served with {FILES} open files", served.len());
    assert!(refused > 0, "there are more connections than open files");
    served
}

#[test]
fn with_256_open_files_the_server_serves_what_fits_and_then_the_others() {
    let mut regulars = Regulars::of_test("open files");
    let mut scene = Scene::new();
    let server = scene.place.launch().config(PATIENT).after_shell(&format!("ulimit -n {FILES}")).start();
    let echo = Request::new("GET", ECHO).login(&scene.ada);
    let mut slowdown = Slowdown::default();
    for round in 0..seed::rounds(1) {
        slowdown.alone.push(regulars.work(&mut scene, server.address(), 400, |_| {}));
        let mut served = fill(&server, &echo);
        process::must_not_spin(&server, "out of open files");
        // The store has what it needs.
        for (number, connection) in served.iter_mut().enumerate() {
            let body = sample::minimal(&format!("Crowded {round} {number}"), "Acme");
            let create = Request::new("POST", CUSTOMERS).login(&scene.ada).json(&body);
            let id = connection.exchange(&create).expect("the server answers").customer_id();
            scene.stories.push(vec![Sent { request: String::new(), body, outcome: Outcome::Acknowledged(id) }]);
        }
        served.truncate(served.len() - GOING);
        must_serve(&server, &scene, GOING / 2);
        slowdown.beside.push(regulars.work(&mut scene, server.address(), 400, |_| {}));
        drop(served);
        must_serve(&server, &scene, FILES / 2);
    }
    slowdown.must_be_small(&format!("as many connections as {FILES} open files permit"));
    assert!(server.log().contains("open files leaves room for fewer connections"), "the log says nothing of it");
    server.stop();
    scene.must_hold("after too few open files", &mut regulars.random);
}

/// Waits until the server has noticed who is gone, and serves so many others at once.
fn must_serve(server: &Server, scene: &Scene, others: usize) {
    wait::until("others are served", wait::PATIENCE, || {
        let clients: Vec<_> = (0..others).map(|_| server.client_of(&scene.ada)).collect();
        let served = |client: &Client| client.try_get(ECHO).is_ok_and(|reply| reply.status == 200);
        clients.iter().all(served).then_some(())
    });
}
