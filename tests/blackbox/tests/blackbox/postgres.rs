//! A registry in a PostgreSQL database: several servers, commands beside them, and the way from one engine to the other.

mod commands;
mod pooler;
mod servers;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Fixture, Login, Server, TestDir, sample, wait};

/// Two servers of one registry, each with a directory of its own, and a user.
struct Pair {
    servers: [Server; 2],
    test_dir: TestDir,
    _other: TestDir,
    ada: Login,
}

impl Pair {
    fn start() -> Pair {
        let test_dir = TestDir::in_database();
        test_dir.account("Acme");
        let ada = test_dir.user("ada", "Acme", &[]);
        let other = test_dir.beside();
        Pair { servers: [test_dir.serve(), other.serve()], test_dir, _other: other, ada }
    }
}

#[test]
fn a_database_is_prepared_once_and_every_server_needs_the_master_key() {
    let test_dir = TestDir::embedded();
    let url = test_postgres::new_database();
    let database = ["--database", &*url];
    let with = |arguments: &[&str]| test_dir.cli(&[arguments, &database].concat());
    let error = with(&["account", "create", "Acme"]).fails(1);
    assert!(error.contains("master.key") && error.contains("carnelian migrate"), "{error}");
    with(&["migrate"]).done();
    with(&["migrate"]).done();
    with(&["account", "create", "Acme"]).done();
    let other = TestDir::embedded();
    let error = other.cli(&[&["migrate"], &database[..]].concat()).fails(1);
    assert!(error.contains("another server"), "{error}");
    assert!(!other.data().join("master.key").exists(), "no key is made that is not the registry's");
    let error = TestDir::embedded().cli(&["migrate"]).fails(2);
    assert!(error.contains("--database"), "{error}");
    let single = TestDir::embedded();
    let url = test_postgres::new_database();
    let server = single.launch().args(&["--database", &url, "--migrate"]).start();
    assert!(server.stdout().contains(&format!("Data in {url}")), "{}", server.stdout());
}

#[test]
fn a_password_is_in_no_message() {
    let test_dir = TestDir::embedded();
    let url = "postgres://ann:hunter2@127.0.0.1:1/registry";
    for arguments in [&["account", "list"][..], &["serve", "--listen", "127.0.0.1:0"], &["migrate"]] {
        let outcome = test_dir.cli(&[arguments, &["--database", url]].concat());
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    }
    for url in ["postgres://ann:hunter2@127.0.0.1:x/registry", "mysql://ann:hunter2@127.0.0.1/registry"] {
        let outcome = test_dir.cli(&["migrate", "--database", url]);
        assert!(outcome.code > 0 && !outcome.stderr.is_empty(), "{outcome:?}");
    }
}

#[test]
fn two_servers_are_one_registry() {
    let pair = Pair::start();
    let [one, two] = pair.servers.each_ref().map(|server| server.client_of(&pair.ada));
    let id = one.create(&sample::minimal("Ann", "Acme")).customer_id();
    two.get(&format!("{CUSTOMERS}/{id}")).must_succeed("what one server has written, the other one reads");
    two.create(&sample::minimal("Ann", "Acme")).must_be(&DUPLICATE_NAME, "the name is taken everywhere");
    pair.test_dir.cli(&["audit", "verify"]).done();
    let bob = pair.test_dir.user("bob", "Acme", &[]);
    for server in &pair.servers {
        let client = server.client_of(&bob);
        wait::until("a new user can sign in everywhere", wait::NOTICE, || {
            (client.get(CUSTOMERS).status == 200).then_some(())
        });
    }
    pair.test_dir.cli(&["user", "disable", "--yes", "bob"]).done();
    for server in &pair.servers {
        let client = server.client_of(&bob);
        wait::until("a disabled user is refused everywhere", wait::NOTICE, || {
            (client.get(CUSTOMERS).status == 401).then_some(())
        });
    }
    pair.test_dir.cli(&["account", "request-erasure", "--yes", "Acme"]).done();
    for (number, server) in pair.servers.iter().enumerate() {
        let reply = server.client_of(&pair.ada).create(&sample::minimal(&format!("Late {number}"), "Acme"));
        assert_ne!(reply.status, 200, "an account that is being erased takes no customers: {reply:?}");
    }
}

#[test]
fn a_backup_of_one_engine_is_restored_into_the_other() {
    let embedded = Fixture::embedded();
    let id = embedded.client().create(&sample::full("Ann", "Acme")).customer_id();
    let file = |test_dir: &TestDir| test_dir.root().join("backup").to_str().expect("a plain path").to_owned();
    embedded.test_dir.cli(&["backup", &file(&embedded.test_dir)]).done();

    let test_dir = TestDir::embedded();
    test_dir.copy_master_key(&embedded.test_dir);
    let url = test_postgres::new_database();
    let printed = test_dir.cli(&["restore", &file(&embedded.test_dir), "--database", &url]);
    assert!(printed.stderr.contains(&url), "{printed:?}");
    printed.done();
    test_dir.cli(&["restore", &file(&embedded.test_dir), "--database", &url]).fails(1);
    test_dir.cli(&["restore", &file(&embedded.test_dir), "--database", &url, "--replace", "--yes"]).fails(2);
    let server = test_dir.launch().args(&["--database", &url]).start();
    let client = server.client_of(&embedded.ada);
    assert_eq!(client.read(id).json(), embedded.client().read(id).json());
    client.create(&sample::minimal("Ann", "Acme")).must_be(&DUPLICATE_NAME, "the name is taken there, too");
    let second = client.create(&sample::full("Bob", "Acme")).customer_id();
    test_dir.cli(&["backup", &file(&test_dir), "--database", &url]).done();

    let back = TestDir::embedded();
    back.copy_master_key(&test_dir);
    back.cli(&["restore", &file(&test_dir)]).done();
    back.cli(&["audit", "verify"]).done();
    let server = back.serve();
    for id in [id, second] {
        assert_eq!(server.client_of(&embedded.ada).read(id).json(), client.read(id).json());
    }
}

/// Creates the account `Acme` and the user `ada` in a database.
fn user_in(test_dir: &TestDir, url: &str) -> Login {
    let with = |arguments: &[&str]| test_dir.cli(&[arguments, &["--database", url]].concat());
    with(&["account", "create", "Acme"]).done();
    with(&["user", "create", "ada", "--account", "Acme"]).done();
    Login { user: "ada".into(), key: with(&["key", "issue", "ada"]).line() }
}

#[test]
fn a_server_is_not_ready_while_its_database_holds_another_registry() {
    let pair = Pair::start();
    let url = pair.test_dir.database();
    let id = test_postgres::run_sql(&url, "SELECT id FROM registry");
    let put = |id: &str| test_postgres::run_sql(&url, &format!("UPDATE registry SET id = '{id}'"));
    let ready = || pair.servers.each_ref().map(|server| server.client().get("/health/ready").status);
    assert_eq!(ready(), [200, 200]);
    put("\\x00112233445566778899aabbccddeeff");
    assert_eq!(ready(), [503, 503]);
    for server in &pair.servers {
        let client = server.client_of(&pair.ada);
        let create = || client.create(&sample::minimal("Ann", "Acme"));
        wait::until("no write is accepted", wait::NOTICE, || create().is(&UNAVAILABLE).then_some(()));
    }
    put(&id);
    wait::until("the registry is served again", wait::NOTICE, || (ready() == [200, 200]).then_some(()));
}

#[test]
fn a_server_that_cannot_reach_the_database_accepts_no_sign_in_until_it_can() {
    let alone = test_postgres::Server::start();
    let (test_dir, url) = (TestDir::embedded(), alone.new_database());
    let server = test_dir.launch().args(&["--database", &url, "--migrate"]).start();
    let client = server.client_of(&user_in(&test_dir, &url));
    wait::until("the new user can sign in", wait::NOTICE, || {
        (client.get("/rws/api/v1/accounts").status == 200).then_some(())
    });
    // What it answers needs no read of the database.
    alone.kill();
    wait::until("nothing is answered from memory", wait::NOTICE, || {
        client.get("/rws/api/v1/accounts").is(&UNAVAILABLE).then_some(())
    });
    alone.restart();
    wait::until("the database is read again", wait::PATIENCE, || {
        (client.get("/rws/api/v1/accounts").status == 200).then_some(())
    });
    client.create(&sample::minimal("Ann", "Acme")).must_succeed("after the restart");
}
