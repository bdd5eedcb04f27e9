//! A disk that is slow to read, under a registry that is larger than the machine's memory.

use blackbox::{CUSTOMERS, Client, Login, Request, Server, sample, wait};
use chaos::crowd::{self, Member};
use chaos::{Action, Recording, Rule, Shim, TestRegistry};

/// Creates `count` customers of which no two are stored on one page of the database, and returns their ids.
fn customers_on_different_pages(client: &Client, count: usize) -> Vec<u64> {
    let between = 40;
    let ids = (0..count * between).map(|number| {
        client.create(&sample::full(&format!("Customer {number}"), "Acme")).must_succeed("a create").customer_id()
    });
    ids.step_by(between).collect()
}

/// Requests each customer on a connection of its own.
fn request_each(server: &Server, login: &Login, ids: &[u64]) -> Vec<Member> {
    let read = |id| Request::new("GET", &format!("{CUSTOMERS}/{id}")).login(login);
    let connections = crowd::open(server.address(), ids.len()).into_iter();
    connections.zip(ids).map(|(connection, id)| Member::asking(connection, &read(id))).collect()
}

#[test]
fn reads_that_wait_for_the_disk_do_not_delay_other_requests() {
    let registry = TestRegistry::new();
    let before = registry.test_dir.serve();
    let ids = customers_on_different_pages(&before.client_of(&registry.ada), 8);
    // A start copies the write-ahead log into the database, so that the reads below go to the database.
    before.stop();
    let (log, meminfo) = (registry.test_dir.root().join("recording"), registry.test_dir.root().join("meminfo"));
    std::fs::write(&meminfo, "MemTotal: 64 kB\n").expect("a file can be written");
    let rule = Rule { action: Action::Hold, kind: "read", suffix: "carnelian.db", number: 1 };
    let shim = Shim::new(&registry.data()).rule(&rule).record(&log).meminfo(&meminfo).armed_by_signal();
    let server = shim.under(registry.test_dir.launch()).start();
    let live = Request::new("GET", "/health/live");
    let mut others = crowd::open(server.address(), 8);

    server.signal("USR1");
    let mut waiting = request_each(&server, &registry.ada, &ids);
    wait::until("a read is held", wait::PATIENCE, || Recording::read(&log).fired().map(drop));
    for connection in &mut others {
        connection.exchange(&live).expect("the server answers").must_succeed("a request while reads wait");
    }
    assert!(waiting.iter_mut().all(|member| !member.is_answered()), "a read was not held");
    server.signal("USR2");
    wait::until("all are answered", wait::PATIENCE, || {
        waiting.iter_mut().all(|member| member.is_answered()).then_some(())
    });
    for (member, id) in waiting.iter().zip(&ids) {
        let reply = member.reply.as_ref().expect("it is answered").must_succeed("a read that waited");
        assert_eq!(reply.json()["customerId"], *id);
    }
    server.stop();
}
