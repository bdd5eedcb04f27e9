//! A registry whose database is reached by way of PgBouncer.

use blackbox::{TestDir, sample, wait};
use test_postgres::pooler::Pooler;

/// A pooler in front of a new database, and the URL of that by way of it.
fn start(mode: &str) -> (Pooler, String) {
    let url = test_postgres::new_database();
    let mut pooler = Pooler::before(&url, mode);
    wait::until("the pooler accepts connections", wait::PROCESS, || pooler.is_up(&url).then_some(()));
    let url = pooler.url(&url);
    (pooler, url)
}

#[test]
fn a_pooler_that_shares_sessions_between_transactions_is_refused() {
    let (_pooler, url) = start("transaction");
    let test_dir = TestDir::embedded();
    for command in [&["migrate"][..], &["serve", "--migrate", "--listen", "127.0.0.1:0"], &["account", "list"]] {
        let error = test_dir.cli(&[command, &["--database", &url]].concat()).fails(1);
        assert!(error.contains("let the pooler give out whole sessions"), "{command:?}: {error}");
    }
}

#[test]
fn a_pooler_that_gives_out_whole_sessions_is_served() {
    let (_pooler, url) = start("session");
    let test_dir = TestDir::embedded();
    let server = test_dir.launch().args(&["--database", &url, "--migrate"]).start();
    let client = server.client_of(&super::user_in(&test_dir, &url));
    wait::until("the new user can sign in", wait::NOTICE, || {
        (client.get(blackbox::CUSTOMERS).status == 200).then_some(())
    });
    client.create(&sample::minimal("Ann", "Acme")).must_succeed("a create");
    test_dir.cli(&["audit", "verify", "--database", &url]).done();
}
