//! A disk that takes its time over reads.

use blackbox::{CUSTOMERS, Client, Login, Request, Server, sample, wait};
use chaos::crowd::{self, Member};
use chaos::{Action, Recording, Rule, Scene, Shim};

/// Creates so many customers that no two of them are read from one page of the database; their ids.
fn customers_far_apart(client: &Client, count: usize) -> Vec<u64> {
    let between = 40;
    let ids = (0..count * between).map(|number| {
        client.create(&sample::full(&format!("Customer {number}"), "Acme")).must_succeed("a create").customer_id()
    });
    ids.step_by(between).collect()
}

/// Asks for a customer on each connection.
fn ask(server: &Server, login: &Login, ids: &[u64]) -> Vec<Member> {
    let read = |id| Request::new("GET", &format!("{CUSTOMERS}/{id}")).login(login);
    let connections = crowd::open(server.address(), ids.len()).into_iter();
    connections.zip(ids).map(|(connection, id)| Member::asking(connection, &read(id))).collect()
}

#[test]
fn reads_that_wait_for_the_disk_hold_up_nobody_else() {
    let scene = Scene::new();
    let before = scene.place.serve();
    let ids = customers_far_apart(&before.client_of(&scene.ada), 9);
    // What was in the log is in the database once it is served again.
    before.stop();
    let log = scene.place.root().join("recording");
    let rule = Rule { action: Action::Hold, kind: "read", suffix: "carnelian.db", number: 1 };
    let shim = Shim::new(&scene.data()).rule(&rule).record(&log).armed_by_signal();
    let server = shim.under(scene.place.launch()).start();
    let live = Request::new("GET", "/health/live");
    let mut others = crowd::open(server.address(), 8);

    // Nobody can know that the first one will wait.
    server.signal("USR1");
    let mut first = ask(&server, &scene.ada, &ids[..1]);
    wait::until("a read is held", wait::PATIENCE, || Recording::read(&log).fired().map(drop));
    server.signal("USR2");
    wait::until("it is answered", wait::PATIENCE, || first[0].is_answered().then_some(()));

    server.signal("USR1");
    let mut waiting = ask(&server, &scene.ada, &ids[1..]);
    for connection in &mut others {
        connection.exchange(&live).expect("the server answers").must_succeed("a request beside reads that wait");
    }
    assert!(waiting.iter_mut().all(|member| !member.is_answered()), "a read was not held");
    server.signal("USR2");
    wait::until("all are answered", wait::PATIENCE, || {
        waiting.iter_mut().all(|member| member.is_answered()).then_some(())
    });
    for (member, id) in first.iter().chain(&waiting).zip(&ids) {
        let reply = member.reply.as_ref().expect("it is answered").must_succeed("a read that waited");
        assert_eq!(reply.json()["customerId"], *id);
    }
    server.stop();
}
