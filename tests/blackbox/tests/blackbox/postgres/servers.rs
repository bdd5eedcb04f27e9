//! What one server does holds on another one of the same database.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Login, Reply, Request, Server, TestDir, sample, wait};
use serde_json::{Value, json};
use test_postgres::proxy::Proxy;
use test_postgres::{change_setting, run_sql};

use super::user_in;

const ACCOUNTS: &str = "/rws/api/v1/accounts";

/// Two servers of one registry, and an operator.
struct TwoServers {
    servers: [Server; 2],
    test_dir: TestDir,
    _other: TestDir,
    opal: Login,
}

impl TwoServers {
    fn start() -> TwoServers {
        let test_dir = TestDir::in_database();
        test_dir.account("Acme");
        test_dir.account("Acme East");
        test_dir.group("West", &["Acme East"]);
        test_dir.account("Operators");
        let opal = test_dir.user("opal", "Operators", &["--role", "OPERATOR"]);
        let other = test_dir.beside();
        TwoServers { servers: [test_dir.serve(), other.serve()], test_dir, _other: other, opal }
    }

    /// An operator on the first server.
    fn operator(&self) -> Client {
        self.servers[0].client_of(&self.opal)
    }

    /// A client of the second server who has signed in there before.
    fn on_the_other(&self, login: &Login) -> Client {
        let client = self.servers[1].client_of(login);
        wait::until("a new user can sign in", wait::NOTICE, || (client.get(ACCOUNTS).status == 200).then_some(()));
        client
    }

    /// The path of a user in the administration.
    fn path_of(&self, user: &str) -> String {
        format!("/admin/v1/users/{}", self.id("users", "username", user, "userId"))
    }

    /// The id of an object in the administration.
    fn id(&self, kind: &str, key: &str, name: &str, id: &str) -> String {
        let listed = self.operator().get(&format!("/admin/v1/{kind}")).json();
        let found = listed[kind].as_array().expect("a list").iter().find(|object| object[key] == name);
        found.expect("it is listed")[id].as_str().expect("an id").to_owned()
    }

    fn change(&self, request: Request) {
        self.operator().send(request).must_succeed("a change on the first server");
    }
}

fn patch(path: &str, changes: &Value) -> Request {
    Request::new("PATCH", path).json(changes)
}

fn keyed_create(key: &str, name: &str) -> Request {
    let request = Request::new("POST", CUSTOMERS).header("Idempotency-Key", key);
    request.json(&sample::minimal(name, "Acme"))
}

/// Waits until a change shows in the answers of another server.
fn must_be_noticed(what: &str, mut shows: impl FnMut() -> bool) {
    let began = Instant::now();
    wait::until(what, wait::NOTICE, || shows().then_some(()));
    eprintln!("{what} after {:?}", began.elapsed());
}

#[test]
fn every_kind_of_change_of_rights_on_one_server_holds_on_the_other() {
    let both = TwoServers::start();
    let member = |name: &str| both.test_dir.user(name, "Acme", &["--group", "West"]);

    let una = member("una");
    let client = both.on_the_other(&una);
    both.change(Request::new("DELETE", &format!("/admin/v1/keys/{}", &una.key[5..21])));
    must_be_noticed("a key is revoked", || client.get(ACCOUNTS).is(&INVALID_CREDENTIALS));

    let client = both.on_the_other(&member("uma"));
    both.change(patch(&both.path_of("uma"), &json!({ "status": "Disabled" })));
    must_be_noticed("a user is disabled", || client.get(ACCOUNTS).is(&INVALID_CREDENTIALS));

    let east = format!("{CUSTOMERS}?accountName=Acme%20East");
    let client = both.on_the_other(&member("ute"));
    client.get(&east).must_succeed("the group reaches it");
    both.change(patch(&both.path_of("ute"), &json!({ "accountGroup": null })));
    must_be_noticed("a user leaves a group", || client.get(&east).is(&ACCOUNT_NOT_FOUND));

    let client = both.on_the_other(&member("ulf"));
    client.get(&east).must_succeed("the group reaches it");
    let group = both.id("groups", "groupName", "West", "groupId");
    let account = both.id("accounts", "accountName", "Acme East", "accountId");
    both.change(Request::new("DELETE", &format!("/admin/v1/groups/{group}/accounts/{account}")));
    must_be_noticed("an account leaves a group", || client.get(&east).is(&ACCOUNT_NOT_FOUND));

    let client = both.on_the_other(&member("ugo"));
    both.change(patch(&both.path_of("ugo"), &json!({ "roleName": "ACCOUNTREADONLY" })));
    must_be_noticed("a role is changed", || client.create(&json!({})).is(&ROLE_NOT_ALLOWED));

    let client = both.on_the_other(&member("ulla"));
    let account = both.id("accounts", "accountName", "Acme", "accountId");
    both.change(Request::new("POST", &format!("/admin/v1/accounts/{account}/erasure")).json(&json!({})));
    client.create(&sample::minimal("Late", "Acme")).must_be(&ERASURE_IN_PROGRESS, "from the request on");
    let status = |reply: Reply| reply.json()["accounts"][0]["status"].clone();
    must_be_noticed("an erasure is requested", || status(client.get(ACCOUNTS)) == "ErasureInProgress");
}

#[test]
fn a_server_that_gets_no_answer_from_the_database_answers_503_and_no_old_truth() {
    let test_dir = TestDir::in_database();
    test_dir.account("Acme");
    let (ada, uma) = (test_dir.user("ada", "Acme", &[]), test_dir.user("uma", "Acme", &[]));
    let (url, other) = (test_dir.database(), test_dir.beside());
    let proxy = Proxy::before(&url);
    let server = other.launch().args(&["--database", &proxy.url(&url)]).start();
    // Each on a connection of its own: the server closes those that are idle while the answers are waited for.
    let accounts = |login: &Login| server.client_of(login).get(ACCOUNTS);
    for login in [&ada, &uma] {
        accounts(login).must_succeed("before");
    }
    proxy.hold();
    test_dir.cli(&["user", "disable", "--yes", "uma"]).done();
    must_be_noticed("nothing is answered from memory", || accounts(&uma).is(&UNAVAILABLE));
    accounts(&ada).must_be(&UNAVAILABLE, "nor to others");
    assert_eq!(server.client().get("/health/ready").status, 503);
    proxy.release();
    must_be_noticed("the database is read again", || {
        let reply = accounts(&uma);
        assert_ne!(reply.status, 200, "the user was disabled before");
        reply.is(&INVALID_CREDENTIALS)
    });
    accounts(&ada).must_succeed("afterwards");
    assert_eq!(server.client().get("/health/ready").status, 200);
}

#[test]
fn a_key_that_is_sent_to_both_servers_at_once_makes_one_customer_and_one_answer() {
    let both = TwoServers::start();
    let ada = both.test_dir.user("ada", "Acme", &[]);
    let clients = both.servers.each_ref().map(|server| (server.address(), ada.clone()));
    drop(both.on_the_other(&ada));
    for number in 0..40 {
        let name = format!("Customer {number}");
        let request = keyed_create(&format!("key-{number}"), &name);
        let start = Barrier::new(2);
        let answers = thread::scope(|scope| {
            let send = |(address, login): (_, Login)| {
                let (request, start) = (&request, &start);
                scope.spawn(move || {
                    start.wait();
                    let reply = Client::new(address, Some(login)).send(request.clone());
                    reply.must_succeed("one makes the customer, and both say so");
                    (reply.json(), reply.header("etag").map(str::to_owned))
                })
            };
            clients.clone().map(send).map(|answer| answer.join().expect("it does not panic"))
        });
        assert_eq!(answers[0], answers[1], "{name}");
    }
    let count = run_sql(&both.test_dir.database(), "SELECT count(*) FROM customer");
    assert_eq!(count, "40");
    both.test_dir.cli(&["audit", "verify"]).done();
}

#[test]
fn a_write_that_no_standby_has_is_confirmed_by_no_server_however_often_it_is_sent() {
    let alone = test_postgres::Server::start();
    let url = alone.new_database();
    let (one, two) = (TestDir::embedded(), TestDir::embedded());
    let first = one.launch().args(&["--database", &url, "--migrate"]).start();
    two.copy_master_key(&one);
    let second = two.launch().args(&["--database", &url]).start();
    let ada = user_in(&one, &url);
    let addresses = [first.address(), second.address()];
    for (number, address) in addresses.into_iter().enumerate() {
        let client = Client::new(address, Some(ada.clone()));
        wait::until("ids are reserved, which waits for a standby as well", wait::PATIENCE, || {
            (client.create(&sample::minimal(&format!("Before {number}"), "Acme")).status == 200).then_some(())
        });
    }
    change_setting(&url, "synchronous_standby_names", "nobody");
    let request = keyed_create("once", "Jane");
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    for address in [addresses[0], addresses[1], addresses[0], addresses[1]] {
        let (request, login) = (request.clone(), ada.clone());
        let sending = thread::spawn(move || Client::new(address, Some(login)).send(request));
        wait::until("the waits for the standby are cancelled", wait::PATIENCE, || {
            run_sql(&url, cancel);
            sending.is_finished().then_some(())
        });
        sending.join().expect("it does not panic").must_be(&UNAVAILABLE, "the standby has nothing");
    }
    assert_eq!(run_sql(&url, "SELECT count(*) FROM idempotent_write"), "1", "the primary has it all the same");
    change_setting(&url, "synchronous_standby_names", "");
    let answers = addresses.map(|address| Client::new(address, Some(ada.clone())).send(request.clone()));
    for reply in &answers {
        reply.must_succeed("no standby is waited for");
    }
    assert_eq!(answers[0].json(), answers[1].json());
}

#[test]
fn a_server_runs_on_a_schema_that_allows_it_and_stops_when_it_no_longer_does() {
    let TwoServers { servers, test_dir, _other: other, opal } = TwoServers::start();
    let url = test_dir.database();
    run_sql(&url, "UPDATE schema SET version = 2");
    other.serve().client_of(&opal).get(ACCOUNTS).must_succeed("a later schema that this release can serve");
    test_dir.cli(&["account", "create", "Rival"]).done();
    for server in &servers {
        server.client_of(&opal).get(ACCOUNTS).must_succeed("nor do those that are running mind");
    }
    run_sql(&url, "UPDATE schema SET oldest = 2");
    for mut server in servers {
        assert_eq!(server.wait(), 1);
        assert!(server.log().contains("use a newer release"), "{}", server.log());
    }
    let refused = other.launch().run().fails(1);
    assert!(refused.contains("schema 2") && refused.contains("use a newer release"), "{refused}");
    assert!(test_dir.cli(&["account", "list"]).fails(1).contains("use a newer release"));
    assert!(test_dir.cli(&["migrate"]).fails(1).contains("use a newer release"));
    run_sql(&url, "UPDATE schema SET oldest = 1");
    other.serve().client_of(&opal).get(ACCOUNTS).must_succeed("the schema allows it again");
}
