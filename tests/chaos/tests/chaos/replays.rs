//! A request that is sent again under its `Idempotency-Key` while the first one is not yet synced.

use blackbox::problems::IDEMPOTENCY_KEY_IN_USE;
use blackbox::{CUSTOMERS, Request, sample, wait};
use chaos::crowd::{self, Member};
use chaos::{Action, Recording, Rule, Shim, TestRegistry};

#[test]
fn a_write_is_not_answered_again_before_it_is_synced() {
    let registry = TestRegistry::new();
    let log = registry.test_dir.root().join("recording");
    let rule = Rule { action: Action::Hold, kind: "sync", suffix: "-wal", number: 1 };
    let shim = Shim::new(&registry.data()).rule(&rule).record(&log).armed_by_signal();
    let server = shim.under(registry.test_dir.launch()).start();
    let client = server.client_of(&registry.ada);
    client.create(&sample::minimal("Before", "Acme")).must_succeed("a create");
    let body = sample::minimal("Once", "Acme");
    let create = Request::new("POST", CUSTOMERS).login(&registry.ada).header("Idempotency-Key", "once").json(&body);
    let exchange_others = || {
        for _ in 0..100 {
            client.get("/rws/api/v1/echo/hello").must_succeed("a request while the sync is held");
        }
    };

    server.signal("USR1");
    let mut lost = crowd::open(server.address(), 1).remove(0);
    lost.send_bytes(&create.bytes()).expect("is sent");
    wait::until("the sync is held", wait::PATIENCE, || Recording::read(&log).fired().map(drop));
    drop(lost);
    // The key is in use until the server has noticed that the client is gone.
    let mut again = wait::until("the key is free", wait::PATIENCE, || {
        let mut again = Member::asking(crowd::open(server.address(), 1).remove(0), &create);
        exchange_others();
        let is_refused =
            again.is_answered() && again.reply.as_ref().is_some_and(|reply| reply.is(&IDEMPOTENCY_KEY_IN_USE));
        (!is_refused).then_some(again)
    });
    exchange_others();
    assert!(!again.is_answered(), "a write that is not synced is answered: {:?}", again.reply);
    server.signal("USR2");
    wait::until("it is answered", wait::PATIENCE, || again.is_answered().then_some(()));
    let first = again.reply.expect("it is answered").customer_id();
    assert_eq!(client.send(create).customer_id(), first);
    let listed = client.get(&format!("{CUSTOMERS}?fields=name")).json();
    assert_eq!(listed["customers"].as_array().map(Vec::len), Some(2), "{listed}");
    server.stop();
}
